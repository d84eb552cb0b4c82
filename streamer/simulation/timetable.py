"""Jobs that run by the clock: every quarter of an hour, every night at three."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from streamer.simulation.randomness import mix, pick, uniform
from streamer.simulation.rhythm import HOUR_MS

if TYPE_CHECKING:
    from streamer.simulation.randomness import Flags, Integers, Reals

_MINUTE_MS: Final = 60_000
_PERIODS_MIN: Final = np.array([5, 10, 15, 20, 30, 60, 120, 180, 240, 360, 480, 720, 1440])
# Most jobs run at the full hour or at the quarters, as whoever wrote them typed it.
_MINUTES: Final = np.array([0, 15, 30, 45, 5, 10, 20, 50])
_MINUTE_WEIGHTS: Final = (0.5, 0.1, 0.12, 0.05, 0.05, 0.05, 0.03, 0.03)


class Timetable:
    """When the jobs of each account run."""

    def __init__(self, runs_per_day: Reals, salt: int) -> None:
        index = np.arange(len(runs_per_day))
        wanted = np.log(1440 / np.maximum(runs_per_day, 0.5))
        nearest = np.abs(np.log(_PERIODS_MIN)[None, :] - wanted[:, None]).argmin(axis=1)
        self._period_ms: Integers = _PERIODS_MIN[nearest] * _MINUTE_MS
        minute = _MINUTES[pick(_MINUTE_WEIGHTS, uniform(mix(salt, 55, index)))]
        hour = (uniform(mix(salt, 56, index)) * 24).astype(np.int64)
        self._offset_ms: Integers = ((hour * 60 + minute) * _MINUTE_MS) % self._period_ms
        # A container starts, a repository is fetched.
        self._startup_ms: Integers = (np.exp(1.5 + 1.2 * uniform(mix(salt, 57, index))) * 400).astype(np.int64)

    def starts(self, rng: np.random.Generator, begins: int, awake: Flags) -> tuple[Integers, Integers]:
        """Accounts and times of the runs of one hour."""
        due = begins + (self._offset_ms - begins) % self._period_ms
        runs = np.where(awake & (due < begins + HOUR_MS), (begins + HOUR_MS - 1 - due) // self._period_ms + 1, 0)
        who = np.repeat(np.arange(len(runs)), runs)
        number = np.arange(len(who)) - np.repeat(np.cumsum(runs) - runs, runs)
        late = (rng.exponential(0.25, len(who)) * self._startup_ms[who]).astype(np.int64)
        return who, due[who] + number * self._period_ms[who] + self._startup_ms[who] + late
