"""How large a share of the traffic is refused: never more than was configured, whatever the limits say."""

from __future__ import annotations

SLOTS = 10


class TrafficShare:
    """Counts requests and refusals over the last `window_s`, and says whether one more refusal is allowed.

    A request that comes before the time it was told to wait for is no traffic and counts as nothing, so that nobody
    frees himself by asking more often.
    """

    def __init__(self, max_ratio: float, min_requests: int, window_s: float, now_s: float) -> None:
        self._max_ratio = max_ratio
        self._min_requests = min_requests
        self._slot_s = window_s / SLOTS
        self._slot_ends = now_s + self._slot_s
        self._past: list[tuple[int, int]] = [(0, 0)] * SLOTS
        self._old_requests = self._old_refused = 0
        self.requests = self.refused = 0

    @property
    def ratio(self) -> float:
        """The share that was refused."""
        requests = self._old_requests + self.requests
        return (self._old_refused + self.refused) / requests if requests else 0.0

    def may_refuse(self) -> bool:
        """Whether one more refusal is within what was configured; too little traffic is not judged."""
        requests = self._old_requests + self.requests
        if requests < self._min_requests:
            return True
        return self._old_refused + self.refused + 1 <= self._max_ratio * requests

    def tick(self, now_s: float) -> None:
        """Let time pass; to be called at least once in a tenth of the window."""
        while now_s >= self._slot_ends:
            self._slot_ends += self._slot_s
            self._past = [*self._past[1:], (self.requests, self.refused)]
            self.requests = self.refused = 0
            self._old_requests = sum(requests for requests, _ in self._past[1:])
            self._old_refused = sum(refused for _, refused in self._past[1:])
            if now_s - self._slot_ends > self._slot_s * SLOTS:
                self._slot_ends = now_s + self._slot_s
