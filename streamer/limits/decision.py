"""May this request pass? In memory, in a microsecond, and in doubt yes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

from streamer.limits.bucket import TokenBucket
from streamer.limits.policy import BLOCK, ENFORCE, THROTTLE, LimitPolicy, Standing
from streamer.limits.share import TrafficShare

BLOCK_WAIT_S = 3_600
ALLOWED, WITHIN, THROTTLED, BLOCKED, SHADOWED, PLAN, CAPPED = (
    "allowed",
    "within_limit",
    "throttled",
    "blocked",
    "shadow",
    "plan",
    "capped",
)
# Everybody passes, because ...
STARTING, STALE, SWITCHED_OFF, NO_ACCOUNT, FAILED = "starting", "stale", "stopped", "no_account", "error"
OPEN = (STARTING, STALE, SWITCHED_OFF, NO_ACCOUNT, FAILED)
OUTCOMES = (ALLOWED, WITHIN, THROTTLED, BLOCKED, SHADOWED, PLAN, CAPPED, *OPEN)


class Answer(NamedTuple):
    """What is to be done with a request. `outcome` is one of OUTCOMES; only two of them refuse."""

    outcome: str
    standing: Standing | None = None
    retry_after_s: int = 0

    @property
    def refused(self) -> bool:
        """Whether the request must not pass."""
        return self.outcome in (THROTTLED, BLOCKED)


_PLAIN = {outcome: Answer(outcome) for outcome in OUTCOMES}


class Decider:
    """Decides by the limits in force. `open_reason` says why everybody passes for now; None when limits hold."""

    def __init__(
        self, policy: LimitPolicy, share: TrafficShare, clock_s: Callable[[], float], clock_ms: Callable[[], int]
    ) -> None:
        self._policy = policy
        self._share = share
        self._clock_s = clock_s
        self._clock_ms = clock_ms
        self._standings: Mapping[str, Standing] = {}
        self._buckets: dict[str, tuple[str, TokenBucket]] = {}
        self.open_reason: str | None = STARTING

    def follow(self, standings: Mapping[str, Standing]) -> None:
        """Decide by these limits from now on; whoever gives them keeps them up to date."""
        self._standings = standings

    def tick(self) -> None:
        """Let time pass."""
        self._share.tick(self._clock_s())

    def forget_free(self) -> None:
        """Drop what is remembered of accounts that are free again."""
        for account_id in [name for name in self._buckets if name not in self._standings]:
            del self._buckets[account_id]

    def decide(self, account_id: str | None, plan: str | None = None) -> Answer:
        """Answer for one request."""
        if self.open_reason is not None:
            return _PLAIN[self.open_reason]
        if not account_id:
            return _PLAIN[NO_ACCOUNT]
        standing = self._standings.get(account_id)
        if standing is None:
            self._share.requests += 1
            return _PLAIN[ALLOWED]
        return self._limited(standing, plan)

    def _limited(self, standing: Standing, plan: str | None) -> Answer:
        highest = self._policy.plans.get(plan, BLOCK) if plan is not None else BLOCK
        if highest not in (THROTTLE, BLOCK) or standing.expires_at <= self._clock_ms():
            self._share.requests += 1
            return Answer(PLAN if highest not in (THROTTLE, BLOCK) else ALLOWED, standing)
        blocked = standing.action == BLOCK == highest
        now_s = self._clock_s()
        bucket = self._bucket(standing, now_s)
        if now_s < bucket.waits_until:
            return self._refusal(standing, bucket.waits_until - now_s, blocked=blocked)
        self._share.requests += 1
        wait_s = self._block_wait_s(standing) if blocked else bucket.take(now_s)
        if wait_s <= 0:
            return Answer(WITHIN, standing)
        if not self._share.may_refuse():
            return Answer(CAPPED, standing)
        self._share.refused += 1
        bucket.waits_until = now_s + wait_s
        return self._refusal(standing, wait_s, blocked=blocked)

    def _bucket(self, standing: Standing, now_s: float) -> TokenBucket:
        # Another limit is another bucket: nobody waits for what was lifted in between.
        cause, bucket = self._buckets.get(standing.account_id, ("", None))
        if bucket is None or cause != standing.cause:
            per_minute = standing.requests_per_minute or self._policy.requests_per_minute
            bucket = TokenBucket(per_minute, now_s)
            self._buckets[standing.account_id] = standing.cause, bucket
        return bucket

    def _block_wait_s(self, standing: Standing) -> float:
        return min(BLOCK_WAIT_S, max(1.0, (standing.expires_at - self._clock_ms()) / 1000))

    @staticmethod
    def _refusal(standing: Standing, wait_s: float, *, blocked: bool) -> Answer:
        outcome = SHADOWED if standing.mode != ENFORCE else BLOCKED if blocked else THROTTLED
        return Answer(outcome, standing, math.ceil(wait_s))
