"""Accounts that act each for themselves, with days, weeks and sessions of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from streamer.simulation.asking import Asker
from streamer.simulation.gateway import Gateway
from streamer.simulation.identity import DAY_MS
from streamer.simulation.randomness import mix, normal, uniform
from streamer.simulation.requests import nothing
from streamer.simulation.rhythm import HOUR_MS, hour_of_week, week
from streamer.simulation.timetable import jobs, timers

if TYPE_CHECKING:
    from streamer.simulation.identity import Accounts
    from streamer.simulation.randomness import Flags, Integers, Reals
    from streamer.simulation.requests import Requests
    from streamer.simulation.surroundings import Surroundings
    from streamer.simulation.traits import HonestTraits

_BURSTY: Final = 0.35
_BY_THE_CLOCK: Final = {"scheduled": jobs, "timer": timers}


class Crowd:
    """Independent accounts of one class."""

    def __init__(
        self, accounts: Accounts, traits: HonestTraits, salt: int, first: int, surroundings: Surroundings
    ) -> None:
        self._accounts = accounts
        self._traits = traits
        self._salt = salt
        self._week = week(traits.rhythm, traits.weekend)
        self._asker = Asker(accounts, traits.content, salt, first, surroundings, people=not traits.balanced)
        self._gateway = Gateway(accounts.group) if traits.balanced else None
        index = np.arange(len(accounts))
        habit = np.round(1.3 * normal(mix(salt, 51, index)))
        self._east_h: Reals = accounts.east_h + habit
        median = traits.requests_per_day * np.exp(traits.requests_sigma * normal(mix(salt, 52, index)))
        self._mood: Reals = np.ones(len(accounts))
        self._mood_day: Integers = np.full(len(accounts), -1)
        self._mean_turns = self._asker.mean_turns()
        self._sessions_per_hour: Reals = median / 24 / self._mean_turns
        planned = _BY_THE_CLOCK.get(traits.rhythm)
        self._timetable = None if planned is None else planned(self._sessions_per_hour * 24, salt)

    def requests_per_day(self) -> float:
        """How many requests a day are expected, all accounts together."""
        return float((self._sessions_per_hour * self._mean_turns).sum() * 24)

    def requests_expected(self) -> float:
        """About how many requests there will be, all accounts and days together."""
        active_h = np.maximum(self._accounts.end_ms - self._accounts.start_ms, 0) / HOUR_MS
        if self._traits.fade_days:
            active_h = np.minimum(active_h, self._traits.fade_days * 24)
        return float((self._sessions_per_hour * active_h * self._mean_turns).sum())

    def requests(self, rng: np.random.Generator, start_ms: int, hours: int) -> Requests:
        """All requests of the sessions that start in these hours; a session may last beyond them."""
        who: list[Integers] = []
        when: list[Integers] = []
        for hour in range(hours):
            begins = start_ms + hour * HOUR_MS
            awake = (self._accounts.start_ms < begins + HOUR_MS) & (self._accounts.end_ms > begins)
            if not awake.any():
                continue
            starters, times = self._starts(rng, begins, awake)
            who.append(starters)
            when.append(times)
        if not who:
            return nothing()
        starters, times = np.concatenate(who), np.concatenate(when)
        present = times >= self._accounts.start_ms[starters]
        starters, times = starters[present], times[present]
        if self._gateway is None:
            return self._asker.requests(rng, starters, times)
        return self._asker.requests(rng, self._gateway.spread(rng, starters), times, self._gateway.sibling)

    def _starts(self, rng: np.random.Generator, begins: int, awake: Flags) -> tuple[Integers, Integers]:
        """Accounts and start times of the sessions of one hour."""
        if self._timetable is not None:
            return self._timetable.starts(rng, begins, awake)
        count = rng.poisson(self._expected(rng, begins, awake))
        starters = np.repeat(np.arange(len(count)), count)
        return starters, begins + rng.integers(0, HOUR_MS, len(starters))

    def _mood_of(self, local_day: Integers) -> Reals:
        """How busy everyone is that day, with a mean of one; drawn anew for those whose day has changed."""
        woken = np.flatnonzero(local_day != self._mood_day)
        if len(woken):
            drawn, off = mix(self._salt, 53, woken, local_day[woken]), self._traits.days_off
            busy = np.exp(0.5 * normal(mix(drawn, 1)) - 0.125) / (1 - off)
            self._mood[woken] = np.where(uniform(drawn) < off, 0.0, busy)
            self._mood_day[woken] = local_day[woken]
        return self._mood

    def _expected(self, rng: np.random.Generator, begins: int, awake: Flags) -> Reals:
        expected = self._sessions_per_hour * self._week[hour_of_week(begins, self._east_h)] * awake
        local_day = ((begins + self._east_h * HOUR_MS) // DAY_MS).astype(np.int64)
        expected *= self._mood_of(local_day)
        if self._traits.rhythm == "events":
            expected *= rng.gamma(_BURSTY, 1 / _BURSTY, len(expected))
        if self._traits.fade_days:
            since_days = np.maximum(begins - self._accounts.start_ms, 0) / DAY_MS
            expected *= np.exp(-since_days / self._traits.fade_days)
        return expected
