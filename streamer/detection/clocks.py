"""Accounts that keep to the clock: a timer starts them at the same minutes of each hour.

Timers make strangers alike without anybody's control over them: those who run one published automation all ask once an
hour, as often as each other. What a scheduler hands out comes at any minute.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import special

from streamer.detection.account_book import DAY_HOURS
from streamer.detection.account_learning import SLOTS_PER_HOUR
from streamer.detection.profile import Rows

# An account is taken for one that keeps to the clock if its own starts are less probable than this by chance, and the
# others of a group are if all of theirs together are.
KEEPS_P, ALL_KEEP_P = 0.01, 1e-3
FREEDOM = SLOTS_PER_HOUR - 1
Floats = npt.NDArray[np.float64]
Marks = npt.NDArray[np.bool_]


def marks(slots: Rows) -> Marks:
    """Give in which ten minutes of the day accounts were active, of the column `slots`: shape (accounts, 144)."""
    bits = slots[:, :, np.newaxis] >> np.arange(SLOTS_PER_HOUR, dtype=np.uint8) & 1
    return bits.reshape(len(slots), DAY_HOURS * SLOTS_PER_HOUR).astype(np.bool_)


def clockwork(active: Marks) -> Floats:
    """Give how far the minutes of the hour at which accounts begin to be active are from any minute.

    It is Pearson's chi-square of their starts in the six parts of an hour, of five degrees of freedom for who begins at
    any time: its mean is five however few the starts are.

    >>> import numpy as np
    >>> on_the_hour = np.tile(np.arange(6) == 0, (1, 24))
    >>> clockwork(on_the_hour).tolist(), clockwork(np.ones((1, 144), dtype=bool)).tolist()
    ([120.0], [0.0])
    """
    starts = active & ~np.roll(active, 1, axis=1)
    counts = starts.reshape(len(active), DAY_HOURS, SLOTS_PER_HOUR).sum(axis=1)
    total = counts.sum(axis=1)
    found: Floats = np.where(total > 0, SLOTS_PER_HOUR * (counts**2).sum(axis=1) / np.maximum(total, 1) - total, 0.0)
    return found


def timeless(active: Marks) -> Marks:
    """Say which accounts of a group do not keep to the clock; none if all that is left still does, taken together."""
    statistic = clockwork(active)
    free: Marks = special.chdtrc(FREEDOM, statistic) > KEEPS_P
    rest = statistic[free]
    if len(rest) and special.chdtrc(FREEDOM * len(rest), float(rest.sum())) <= ALL_KEEP_P:
        return np.zeros(len(active), dtype=np.bool_)
    return free
