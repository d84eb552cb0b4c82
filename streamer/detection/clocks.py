"""Accounts that keep to the clock: a timer starts them at the same minutes of each hour.

Timers make strangers alike without anybody's control over them: those who run one published automation all ask once an
hour, as often as each other. What a scheduler hands out comes at any minute.
"""

from __future__ import annotations

from typing import NamedTuple

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
    starts = active > np.concatenate((active[:, -1:], active[:, :-1]), axis=1)
    counts = starts.reshape(len(active), DAY_HOURS, SLOTS_PER_HOUR).sum(axis=1)
    total = counts.sum(axis=1)
    found: Floats = np.where(total > 0, SLOTS_PER_HOUR * (counts**2).sum(axis=1) / np.maximum(total, 1) - total, 0.0)
    return found


class Clocks(NamedTuple):
    """Of each account how far it keeps to the clock (`clockwork`), whether it is `free` of it, and how often it came.

    `times` counts the ten minutes of the day in which it was active.
    """

    statistic: Floats
    free: Marks
    times: npt.NDArray[np.int64]

    def take(self, places: npt.NDArray[np.int64]) -> Clocks:
        """Give what is known of accounts at some places."""
        return Clocks(self.statistic[places], self.free[places], self.times[places])

    def cut(self, begin: int, end: int) -> Clocks:
        """Give what is known of a group of accounts that stand side by side."""
        return Clocks(self.statistic[begin:end], self.free[begin:end], self.times[begin:end])

    def timeless(self) -> Marks:
        """Say which accounts of a group do not keep to the clock; none if all that is left still does, together."""
        rest = self.statistic[self.free]
        if len(rest) and special.chdtrc(FREEDOM * len(rest), float(rest.sum())) <= ALL_KEEP_P:
            return np.zeros(len(self.free), dtype=np.bool_)
        return self.free


def clocks_of(active: Marks) -> Clocks:
    """Look at when accounts were active."""
    statistic = clockwork(active)
    return Clocks(statistic, special.chdtrc(FREEDOM, statistic) > KEEPS_P, active.sum(axis=1))


def timeless(active: Marks) -> Marks:
    """Say which accounts of a group do not keep to the clock."""
    return clocks_of(active).timeless()
