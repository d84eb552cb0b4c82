"""River's HalfSpaceTrees, a forest for each population, over what an account did in an hour."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from river.anomaly import HalfSpaceTrees

from streamer.sources.event import RequestEvent
from tests.benchmarks.baselines.scored import Best, Scored

HOUR_MS = 3_600_000
FEATURES = ("requests", "output", "input", "max_tokens", "errors", "models", "prompts")


@dataclass
class Hour:
    """An account's hour."""

    plan: str
    requests: int = 0
    output: int = 0
    input: int = 0
    max_tokens: int = 0
    errors: int = 0
    models: set[str] = field(default_factory=set)
    prompts: set[str | None] = field(default_factory=set)

    def add(self, event: RequestEvent) -> None:
        self.requests += 1
        self.output += event.output_tokens or 0
        self.input += event.input_tokens or 0
        self.max_tokens += event.max_tokens or 0
        self.errors += (event.status or 200) >= 400
        self.models.add(event.model)
        self.prompts.add(event.prompt_simhash)

    def features(self) -> dict[str, float]:
        """Each between 0 and 1."""
        count = self.requests
        return {
            "requests": min(math.log1p(count) / 8, 1.0),
            "output": min(math.log1p(self.output / count) / 12, 1.0),
            "input": min(math.log1p(self.input / count) / 14, 1.0),
            "max_tokens": min(math.log1p(self.max_tokens / count) / 12, 1.0),
            "errors": self.errors / count,
            "models": min(len(self.models) / 6, 1.0),
            "prompts": len(self.prompts) / count,
        }


@dataclass(frozen=True)
class Trees:
    """25 trees of height 8 for each plan; an hour is scored before it is learned."""

    name: str = "HalfSpaceTrees per population"
    rules: tuple[str, ...] = ("oddness",)
    collects: bool = True

    def scores(self, events: Iterable[RequestEvent]) -> Iterator[Scored]:
        forests: dict[str, HalfSpaceTrees] = {}
        hours: dict[str, Hour] = {}
        best, now = Best(), 0
        for event in events:
            hour = event.timestamp_ms // HOUR_MS
            if hour > now:
                yield from _close(hours, forests, best, (now + 1) * HOUR_MS)
                hours, now = {}, hour
            hours.setdefault(event.account_id, Hour(event.plan or "-")).add(event)
        yield from _close(hours, forests, best, (now + 1) * HOUR_MS)


def _close(hours: dict[str, Hour], forests: dict[str, HalfSpaceTrees], best: Best, when_ms: int) -> Iterator[Scored]:
    for account, hour in sorted(hours.items()):
        forest = forests.get(hour.plan)
        if forest is None:
            limits = dict.fromkeys(FEATURES, (0.0, 1.0))
            forest = forests[hour.plan] = HalfSpaceTrees(n_trees=25, height=8, window_size=250, limits=limits, seed=7)
        features = hour.features()
        score = float(forest.score_one(features))
        forest.learn_one(features)
        if best.higher("oddness", account, score):
            yield Scored(when_ms, "oddness", account, (account,), score)
