"""MIDAS's idea: bursts of edges between accounts and what they use, each against its own past."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from streamer.sources.event import RequestEvent
from tests.benchmarks.baselines.linking import attributes
from tests.benchmarks.baselines.scored import Best, Scored

TICK_MS = 3_600_000
DECAY = 0.5
PRIOR_COUNT = 1.0
PRIOR_TICKS = 24.0


@dataclass(slots=True)
class Edge:
    """Counts of an edge: decayed in this tick, and all of the past that was not odd."""

    tick: int
    current: float = 0.0
    past: float = 0.0


def burst(current: float, past: float, ticks: int) -> float:
    """Twice the log-likelihood ratio of this tick's count against the mean of the past; 0 where it is not above it.

    >>> burst(1.0, 300.0, 240)
    0.0
    >>> burst(50.0, 0.0, 240) > burst(50.0, 240.0, 240) > 100
    True
    """
    s = past + PRIOR_COUNT
    mean = s / (ticks - 1 + PRIOR_TICKS)
    if current <= mean:
        return 0.0
    return 2 * (current * math.log(current / mean) - (current + s) * math.log((current + s) / (mean + s)))


@dataclass(frozen=True)
class Midas:
    """Edges of accounts to payments, address blocks and devices; an alert is about a link, and who burst on it."""

    name: str = "MIDAS edge score"
    rules: tuple[str, ...] = ("burst",)
    collects: bool = False
    odd: float = 50.0

    def scores(self, events: Iterable[RequestEvent]) -> Iterator[Scored]:
        edges: dict[tuple[str, str], Edge] = {}
        best, first = Best(), None
        for event in events:
            tick = event.timestamp_ms // TICK_MS
            first = tick if first is None else first
            for link in attributes(event, stacks=False):
                edge = edges.setdefault((event.account_id, link), Edge(tick))
                score = _see(edge, tick, tick - first + 1, self.odd)
                if best.higher(event.account_id, link, score):
                    yield Scored(event.timestamp_ms, "burst", link, (event.account_id,), score)


def _see(edge: Edge, tick: int, ticks: int, odd: float) -> float:
    if tick > edge.tick:
        if burst(edge.current, edge.past, ticks) < odd:
            edge.past += edge.current
        edge.current *= DECAY ** (tick - edge.tick)
        edge.tick = tick
    edge.current += 1
    return burst(edge.current, edge.past, ticks)
