"""Stage 1: one account, window by window. Its state is small, exact, and forgets by event time."""

from __future__ import annotations

import math
import struct
from array import array
from itertools import pairwise
from typing import NamedTuple

from river import stats
from scipy import special

from streamer.detection.account_window import AccountWindow
from streamer.detection.evidence import MISSING, Profile
from streamer.detection.population import span_class
from streamer.detection.settings import DAY_S, HOUR_S, AccountSettings
from streamer.detection.statistics import (
    LOG_STEPS,
    circular_concentration,
    fade_mean,
    fade_var,
    keep_ratio,
    log_steps,
    mean_from,
    mean_state,
    var_from,
    var_state,
)

HOUR_MS = 3_600_000
DAY_HOURS = 24
HABIT_HALF_LIFE_S = DAY_S
PRIOR_REQUESTS, PRIOR_WEIGHT = 3.0, 5.0
MIN_GAPS = 4.0
MIN_REQUESTS_FOR_HOURS = 3
MAX_SURPRISE = 300.0
MIN_SURPRISING = 10
_RECORD = struct.Struct("<BqqQQqi24H8d")
_PEEK = struct.Struct("<BqqQ")
RECORD_VERSION = 1


class Standing(NamedTuple):
    """What a window says of an account beside its numbers."""

    stratum: str
    organization: str | None
    created_ms: int | None
    surprise: float
    models: tuple[str, ...]


class AccountState:
    """What is remembered of an account between windows; about 1.4 kB, 170 bytes packed."""

    __slots__ = (
        "active",
        "census_day",
        "first_ms",
        "gaps",
        "hour",
        "hours",
        "key",
        "last_ms",
        "output",
        "output_tokens",
        "requests",
        "usage",
    )

    def __init__(self, key: int, first_ms: int) -> None:
        self.key = key
        self.first_ms = first_ms
        self.last_ms = first_ms
        self.requests = 0
        self.output_tokens = 0
        self.hour = first_ms // HOUR_MS
        self.census_day = first_ms // (HOUR_MS * DAY_HOURS)
        self.hours = array("H", bytes(2 * DAY_HOURS))
        self.active = 0
        self.output = stats.Mean()
        self.gaps = stats.Var(ddof=0)
        self.usage = stats.Var(ddof=0)

    def pack(self) -> bytes:
        """Give the record of this account: versioned, exact."""
        return _RECORD.pack(
            RECORD_VERSION,
            self.first_ms,
            self.last_ms,
            self.requests,
            self.output_tokens,
            self.hour,
            self.census_day,
            *self.hours,
            *mean_state(self.output),
            *var_state(self.gaps),
            *var_state(self.usage),
        )

    @classmethod
    def unpack(cls, key: int, record: bytes) -> AccountState:
        """Make the account that `pack` described; ValueError for another version."""
        if len(record) != _RECORD.size or record[0] != RECORD_VERSION:
            message = f"account record {record[:1]!r} of {len(record)} bytes, expected version {RECORD_VERSION}"
            raise ValueError(message)
        values = _RECORD.unpack(record)
        self = cls(key, values[1])
        self.last_ms, self.requests, self.output_tokens, self.hour, self.census_day = values[2:7]
        self.hours = array("H", values[7:31])
        self.active = sum(1 << slot for slot, count in enumerate(self.hours) if count)
        self.output = mean_from(*values[31:33])
        self.gaps = var_from(*values[33:36])
        self.usage = var_from(*values[36:39])
        return self

    @staticmethod
    def peek(record: bytes) -> tuple[int, int]:
        """Read the time of the last request (ms) and the number of requests off a record."""
        _, _, last_ms, requests = _PEEK.unpack_from(record)
        return last_ms, requests

    def surprise(self, requests: int) -> float:
        """Give -log10 P(as many requests in an active window) under the account's own, shrunk habit.

        Hurdle negative binomial: given activity, requests - 1 ~ NB(mean - 1, r), its variance shrunk towards mean^2.
        """
        if requests < MIN_SURPRISING:
            return 0.0
        weight = self.usage.mean.n
        mean = (weight * self.usage.mean.get() + PRIOR_WEIGHT * PRIOR_REQUESTS) / (weight + PRIOR_WEIGHT)
        if requests < 4 * mean:
            return 0.0
        spread = (weight * self.usage.get() + PRIOR_WEIGHT * mean * mean) / (weight + PRIOR_WEIGHT)
        excess = max(mean - 1.0, 0.1)
        shape = excess * excess / max(spread - excess, 0.05 * excess)
        tail = float(special.betainc(requests - 1, shape, excess / (excess + shape))) if requests > 1 else 1.0
        return MAX_SURPRISE if tail <= 0.0 else min(MAX_SURPRISE, -math.log10(tail))

    def learn(self, seen: AccountWindow, settings: AccountSettings) -> None:
        """Learn a closed window; the window's times are sorted in place."""
        times = seen.times
        if len(times) > 1:
            times.sort()
        newest_ms = times[-1]
        if self.requests:
            elapsed_s = (newest_ms - self.last_ms) / 1000
            keep = keep_ratio(elapsed_s, HABIT_HALF_LIFE_S)
            fade_mean(self.output, keep)
            fade_var(self.gaps, keep)
            fade_var(self.usage, keep_ratio(elapsed_s, settings.baseline_half_life_s))
            self.gaps.update(log_steps((times[0] - self.last_ms) // 1000) / LOG_STEPS)
        if len(times) > 1:
            learn_gap = self.gaps.update
            for earlier_ms, later_ms in pairwise(times):
                learn_gap(log_steps((later_ms - earlier_ms) // 1000) / LOG_STEPS)
        if seen.outputs:
            self.output.update(seen.output_steps / seen.outputs / LOG_STEPS, seen.outputs)
        self.usage.update(len(times))
        self._turn(newest_ms // HOUR_MS)
        slot = self.hour % DAY_HOURS
        self.active |= 1 << slot
        self.hours[slot] = min(0xFFFF, self.hours[slot] + len(times))
        self.last_ms = newest_ms
        self.requests += len(times)
        self.output_tokens += seen.output_tokens

    def _turn(self, hour: int) -> None:
        """Clear what is older than a day; a window lies within one hour, so all its requests fall into this one."""
        if hour == self.hour:
            return
        for passed in range(max(self.hour + 1, hour - DAY_HOURS + 1), hour + 1):
            self.hours[passed % DAY_HOURS] = 0
            self.active &= ~(1 << passed % DAY_HOURS)
        self.hour = hour

    def profile(self, account_id: str, window: int, end_ms: int, seen: AccountWindow, who: Standing) -> Profile:
        """Describe the account at the end of a window in which it was active."""
        total = sum(self.hours)
        span_s = min(DAY_S, max(HOUR_S, (end_ms - self.first_ms) // 1000))
        created_ms = self.first_ms if who.created_ms is None else who.created_ms
        return Profile(
            account_id,
            self.key,
            window,
            who.stratum,
            who.organization,
            self.first_ms,
            span_class(end_ms, self.first_ms),
            len(seen.times),
            total,
            self.requests,
            self.output_tokens,
            log_steps(total * DAY_S // span_s) // 32,
            round(31 * circular_concentration(self.active)) if total >= MIN_REQUESTS_FOR_HOURS else MISSING,
            min(63, int(self.gaps.get() * 4)) if self.gaps.mean.n >= MIN_GAPS else MISSING,
            int(self.output.get() * 4) if self.output.n > 0 else MISSING,
            log_steps(max(0, end_ms - created_ms) // HOUR_MS) // 64,
            who.surprise,
            who.models,
        )
