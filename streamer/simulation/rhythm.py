"""When people and programs work: weights by local hour and weekday, with a mean of one over a week."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from streamer.simulation.randomness import Integers, Reals
    from streamer.simulation.traits import Rhythm

HOUR_MS: Final = 3_600_000
_SATURDAY: Final = 5
_DAYS: Final[dict[str, tuple[float, ...]]] = {
    "human": (5, 3, 2, 1, 1, 2, 4, 8, 13, 17, 19, 19, 17, 18, 19, 19, 18, 17, 16, 18, 20, 19, 15, 9),
    "business": (0.4, 0.2, 0.2, 0.2, 0.2, 0.5, 1.5, 5, 14, 22, 24, 22, 14, 20, 24, 23, 20, 13, 6, 4, 3, 2.5, 1.5, 0.8),
    "night": (18, 20, 20, 19, 16, 12, 8, 4, 2, 2, 2, 2, 2, 2, 2, 2, 3, 4, 6, 8, 10, 14, 18, 20),
    "flat": (1,) * 24,
    "events": (2, 1, 3, 1, 1, 1, 2, 5, 11, 18, 20, 20, 14, 18, 20, 20, 18, 12, 7, 5, 4, 4, 3, 2),
    "scheduled": (1,) * 24,
    "timer": (1,) * 24,
    "shifts": (13, 12, 12, 12, 11, 12, 15, 17, 18, 18, 17, 16, 14, 16, 18, 18, 17, 16, 17, 16, 16, 16, 15, 14),
    "sleepless": (14, 12, 9, 7, 6, 6, 7, 9, 12, 14, 15, 16, 15, 15, 16, 16, 16, 15, 14, 15, 17, 18, 18, 16),
}


def week(rhythm: Rhythm, weekend: float) -> Reals:
    """Weights of the 168 hours of a week that starts on Monday."""
    hours = np.tile(np.array(_DAYS[rhythm], dtype=np.float64), 7)
    hours[_SATURDAY * 24 :] *= weekend
    return np.asarray(hours / hours.mean(), dtype=np.float64)


def hour_of_week(time_ms: Integers | int, east_h: Reals | float) -> Integers:
    """Local hour of the week; the epoch was a Thursday."""
    hours = np.floor(np.asarray(time_ms) / HOUR_MS + east_h).astype(np.int64)
    return np.asarray((hours + 72) % 168, dtype=np.int64)
