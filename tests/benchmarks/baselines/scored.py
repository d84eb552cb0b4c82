"""What a baseline says while it reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

from streamer.sources.event import RequestEvent


class Scored(NamedTuple):
    """A unit's score under one rule, at a time; `accounts` are those that are new in it, or whose score this is."""

    when_ms: int
    rule: str
    unit: str
    accounts: tuple[str, ...]
    score: float


class Baseline(Protocol):
    """Reads a world once. With `collects`, accounts belong to their unit whatever its score was when they came."""

    @property
    def name(self) -> str: ...
    @property
    def rules(self) -> tuple[str, ...]: ...
    @property
    def collects(self) -> bool: ...
    def scores(self, events: Iterable[RequestEvent]) -> Iterator[Scored]: ...


class Best:
    """Lets only what is higher than before pass."""

    def __init__(self) -> None:
        self._best: dict[tuple[str, str], float] = {}

    def higher(self, rule: str, unit: str, score: float) -> bool:
        if score <= self._best.get((rule, unit), 0.0):
            return False
        self._best[rule, unit] = score
        return True
