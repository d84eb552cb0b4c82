"""Jobs that run by the clock: every quarter of an hour, every night at three, at 17 past every hour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from streamer.simulation.randomness import mix, pick, uniform
from streamer.simulation.rhythm import HOUR_MS

if TYPE_CHECKING:
    from streamer.simulation.randomness import Flags, Integers, Reals, Words

_MINUTE_MS: Final = 60_000
_PERIODS_MIN: Final = np.array([5, 10, 15, 20, 30, 60, 120, 180, 240, 360, 480, 720, 1440])
# Most jobs run at the full hour or at the quarters, as whoever wrote them typed it.
_MINUTES: Final = np.array([0, 15, 30, 45, 5, 10, 20, 50])
_MINUTE_WEIGHTS: Final = (0.5, 0.1, 0.12, 0.05, 0.05, 0.05, 0.03, 0.03)
# Most leave a timer as it was published; some run it twice as often, or half as often, or once a day.
_TIMER_WEIGHTS: Final = (0.62, 0.14, 0.16, 0.08)
_TIMER_FACTORS: Final = np.array([1.0, 0.5, 2.0, 1.0])
_DAILY: Final = 3
_FEWEST_CALLS: Final = 3
_CALLS_SPREAD: Final = 6
_CALL_MS: Final = 9_000
_ON_THE_HOUR: Final = 0.5
_JITTERED: Final = 0.25


class Timetable(NamedTuple):
    """When the jobs of each account run, how many calls a run makes one after another, and how late it may be."""

    period_ms: Integers
    offset_ms: Integers
    startup_ms: Integers
    calls: Integers
    jitter_ms: Integers

    def starts(self, rng: np.random.Generator, begins: int, awake: Flags) -> tuple[Integers, Integers]:
        """Accounts and times of the calls of the runs of one hour."""
        due = begins + (self.offset_ms - begins) % self.period_ms
        runs = np.where(awake & (due < begins + HOUR_MS), (begins + HOUR_MS - 1 - due) // self.period_ms + 1, 0)
        calls = runs * self.calls
        who = np.repeat(np.arange(len(calls)), calls)
        number = np.arange(len(who)) - np.repeat(np.cumsum(calls) - calls, calls)
        run, call = np.divmod(number, self.calls[who])
        late = (rng.exponential(0.25, len(who)) * self.startup_ms[who]).astype(np.int64)
        if self.jitter_ms.any():
            late += (rng.random(len(who)) * self.jitter_ms[who]).astype(np.int64)
        return who, due[who] + run * self.period_ms[who] + self.startup_ms[who] + late + call * _CALL_MS


def jobs(runs_per_day: Reals, salt: int) -> Timetable:
    """Jobs that each developer set up, about as often as wanted."""
    index = np.arange(len(runs_per_day))
    period_ms = _nearest_ms(1440 / np.maximum(runs_per_day, 0.5))
    minute = _MINUTES[pick(_MINUTE_WEIGHTS, uniform(mix(salt, 55, index)))]
    once = np.ones(len(index), dtype=np.int64)
    return Timetable(period_ms, _offset_ms(minute, period_ms, salt, index), _startup_ms(salt, index), once, once * 0)


def timers(runs_per_day: Reals, salt: int) -> Timetable:
    """One published timer in many hands: on the hour, or at a minute of each account's own."""
    index = np.arange(len(runs_per_day))
    habit = pick(_TIMER_WEIGHTS, uniform(mix(salt, 58, index)))
    daily = habit == _DAILY
    published_min = 1440 / np.maximum(runs_per_day, 0.5)
    period_ms = _nearest_ms(np.where(daily, 1440, published_min * _TIMER_FACTORS[habit]))
    own_minute = (uniform(mix(salt, 59, index)) * 60).astype(np.int64)
    minute = np.where(uniform(mix(salt, 60, index)) < _ON_THE_HOUR, 0, own_minute)
    many = _FEWEST_CALLS + (uniform(mix(salt, 68, index)) * _CALLS_SPREAD).astype(np.int64)
    drawn = uniform(mix(salt, 69, index))
    jitter_ms = np.where(drawn < _JITTERED, (1 + drawn / _JITTERED) * _MINUTE_MS, 0).astype(np.int64)
    return Timetable(
        period_ms,
        _offset_ms(minute, period_ms, salt, index),
        _startup_ms(salt, index),
        np.where(daily, many, 1),
        jitter_ms,
    )


def _nearest_ms(wanted_min: Reals) -> Integers:
    """The usual period nearest to the one that is wanted."""
    nearest = np.abs(np.log(_PERIODS_MIN)[None, :] - np.log(wanted_min)[:, None]).argmin(axis=1)
    return np.asarray(_PERIODS_MIN[nearest] * _MINUTE_MS, dtype=np.int64)


def _offset_ms(minute: Integers, period_ms: Integers, salt: int, index: Integers) -> Integers:
    hour = (uniform(mix(salt, 56, index)) * 24).astype(np.int64)
    return np.asarray(((hour * 60 + minute) * _MINUTE_MS) % period_ms, dtype=np.int64)


def _startup_ms(salt: int, index: Integers) -> Integers:
    """A container starts, a repository is fetched."""
    drawn: Words = mix(salt, 57, index)
    return (np.exp(1.5 + 1.2 * uniform(drawn)) * 400).astype(np.int64)
