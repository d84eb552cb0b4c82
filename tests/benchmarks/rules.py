"""Three threshold rules per account, all that the fastest peer does: the yardstick for speed."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from streamer.sources.event import RequestEvent

WINDOW_MS = 300_000
MAX_REQUESTS = 120
MAX_TOKENS = 400_000
MAX_LIMITED = 20
LIMITED = 429


class Seen(NamedTuple):
    at_ms: int
    tokens: int
    limited: int


class Rules:
    """Requests, output tokens and 429s of each account over five sliding minutes."""

    def __init__(self) -> None:
        self.alerts: set[tuple[str, str]] = set()
        self._seen: dict[str, deque[Seen]] = {}
        self._sums: dict[str, list[int]] = {}

    def observe(self, request: RequestEvent) -> None:
        account, at_ms = request.account_id, request.timestamp_ms
        tokens, limited = request.output_tokens or 0, int(request.status == LIMITED)
        seen = self._seen.get(account)
        if seen is None:
            seen = self._seen[account] = deque()
            self._sums[account] = [0, 0]
        sums = self._sums[account]
        seen.append(Seen(at_ms, tokens, limited))
        sums[0] += tokens
        sums[1] += limited
        while seen[0].at_ms < at_ms - WINDOW_MS:
            gone = seen.popleft()
            sums[0] -= gone.tokens
            sums[1] -= gone.limited
        if len(seen) > MAX_REQUESTS:
            self.alerts.add((account, "requests"))
        if sums[0] > MAX_TOKENS:
            self.alerts.add((account, "tokens"))
        if sums[1] > MAX_LIMITED:
            self.alerts.add((account, "limited"))
