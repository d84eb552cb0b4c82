"""How far a demonstration has come."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

RATE_SPAN_S = 6.0


@dataclass(frozen=True, slots=True)
class Tick:
    """What was seen at one moment. `lag` is how many events wait to be read; `alerts` are those new since the last."""

    events_done: int
    events_total: int
    lag: int
    watermark: str | None
    workers: int
    alerts: list[Mapping[str, Any]] = field(default_factory=list)


class Rate:
    """Events per second over the last few seconds."""

    def __init__(self, clock: Callable[[], float], span_s: float = RATE_SPAN_S) -> None:
        self._clock = clock
        self._span_s = span_s
        self._seen: deque[tuple[float, int]] = deque()

    def update(self, events_done: int) -> float:
        """Take the number of events done so far; give the rate."""
        now = self._clock()
        self._seen.append((now, events_done))
        while len(self._seen) > 1 and now - self._seen[0][0] > self._span_s:
            self._seen.popleft()
        since, before = self._seen[0]
        return (events_done - before) / (now - since) if now > since else 0.0
