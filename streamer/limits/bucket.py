"""A token bucket: how many requests an account may make, and how long it has to wait for the next."""

from __future__ import annotations

import math


class TokenBucket:
    """Lets `requests_per_minute` through, in a burst or evenly. Times are seconds of any steady clock."""

    __slots__ = ("_filled_at", "_per_s", "_size", "_tokens", "waits_until")

    def __init__(self, requests_per_minute: int, now_s: float) -> None:
        self._size = float(max(1, requests_per_minute))
        self._per_s = self._size / 60.0
        self._tokens = self._size
        self._filled_at = now_s
        self.waits_until = -math.inf

    def take(self, now_s: float) -> float:
        """Take one; 0 if there was one, else how many seconds there will be none."""
        elapsed_s = max(0.0, now_s - self._filled_at)
        self._tokens = min(self._size, self._tokens + elapsed_s * self._per_s)
        self._filled_at = now_s
        if self._tokens >= 1.0:
            self._tokens -= 1.0
            return 0.0
        return (1.0 - self._tokens) / self._per_s
