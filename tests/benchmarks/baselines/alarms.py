"""From scores to thresholds, and from scores over a threshold to the records that are judged."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from streamer.sources.event import RequestEvent
from streamer.sources.files import read_batches
from tests.benchmarks.baselines.scored import Baseline, Scored
from tests.benchmarks.worlds.making import MadeWorld

DAY_MS = 86_400_000
GROWTH = 1.2
SHOWN = 1000


class Span:
    """First and last event time, noted in passing."""

    def __init__(self) -> None:
        self.first_ms: int | None = None
        self.last_ms = 0

    def over(self, world: MadeWorld) -> Iterator[RequestEvent]:
        for batch in read_batches([world.events]):
            for event in batch.events:
                self.first_ms = event.timestamp_ms if self.first_ms is None else self.first_ms
                self.last_ms = max(self.last_ms, event.timestamp_ms)
                yield event

    @property
    def days(self) -> float:
        return (self.last_ms - (self.first_ms or self.last_ms)) / DAY_MS


def highest(baseline: Baseline, world: MadeWorld) -> tuple[dict[str, list[float]], float]:
    """The highest score of every unit by rule, and the days, of a world without campaigns."""
    span = Span()
    best: dict[str, dict[str, float]] = {rule: {} for rule in baseline.rules}
    for found in baseline.scores(span.over(world)):
        units = best[found.rule]
        units[found.unit] = max(found.score, units.get(found.unit, 0.0))
    return {rule: list(units.values()) for rule, units in best.items()}, span.days


def thresholds(scores: Mapping[str, list[float]], days: float, per_day: float) -> dict[str, float]:
    """The lowest threshold of each rule that keeps the budget, which the rules share alike.

    >>> thresholds({"a": [1.0, 5.0, 3.0], "b": []}, days=20, per_day=0.1)["a"] == math.nextafter(3.0, math.inf)
    True
    """
    allowed = int(per_day * days / len(scores) + 1e-9)
    found = {}
    for rule, values in scores.items():
        ordered = sorted(values, reverse=True)
        found[rule] = math.nextafter(ordered[allowed], math.inf) if len(ordered) > allowed else 0.0
    return found


@dataclass
class _Unit:
    accounts: dict[str, None] = field(default_factory=dict)
    revision: int = 0
    told: int = 0
    since_ms: int = 0


class Alarms:
    """Writes alerts.jsonl and members.jsonl as a detector would."""

    def __init__(self, baseline: Baseline, limits: Mapping[str, float], per_day: float) -> None:
        self._baseline = baseline
        self._limits = limits
        self._per_day = per_day
        self._units: dict[str, _Unit] = {}

    def write(self, scores: Iterable[Scored], directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "limits.jsonl").write_bytes(b"")
        with (
            (directory / "alerts.jsonl").open("w", encoding="utf-8") as alerts,
            (directory / "members.jsonl").open("w", encoding="utf-8") as members,
        ):
            for scored in scores:
                self._take(scored, alerts, members)

    def _take(self, scored: Scored, alerts: TextIO, members: TextIO) -> None:
        over = scored.score >= self._limits[scored.rule]
        unit = self._units.setdefault(scored.unit, _Unit())
        before = len(unit.accounts)
        if over or self._baseline.collects:
            unit.accounts.update(dict.fromkeys(scored.accounts))
        if not over and not unit.revision:
            return
        new = list(unit.accounts)[before if unit.revision else 0 :]
        members.writelines(json.dumps(_member(scored, account)) + "\n" for account in new)
        if len(unit.accounts) >= unit.told * GROWTH or not unit.revision:
            unit.since_ms = unit.since_ms or scored.when_ms
            unit.revision, unit.told = unit.revision + 1, len(unit.accounts)
            alerts.write(json.dumps(self._alert(scored, unit)) + "\n")

    def _alert(self, scored: Scored, unit: _Unit) -> dict[str, Any]:
        return {
            "alert_id": f"a-{scored.unit}",
            "revision": unit.revision,
            "status": "firing",
            "kind": "cluster",
            "severity": "warning",
            "cluster_id": f"c-{scored.unit}",
            "detected_at": _time(unit.since_ms),
            "updated_at": _time(scored.when_ms),
            "score": scored.score,
            "false_alarm_rate": self._per_day,
            "account_count": len(unit.accounts),
            "accounts": list(unit.accounts)[:SHOWN],
            "evidence": [{"family": scored.rule, "statement": f"{scored.rule} {scored.score:.3g}", "log10_p": -1.0}],
        }


def _member(scored: Scored, account: str) -> dict[str, Any]:
    since = _time(scored.when_ms)
    return {"account_id": account, "cluster_id": f"c-{scored.unit}", "since": since, "evidence": [scored.rule]}


def _time(moment_ms: int) -> str:
    return datetime.fromtimestamp(moment_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True)
class AtThresholds:
    """A baseline with its thresholds, in place of the detector."""

    baseline: Baseline
    limits: tuple[tuple[str, float], ...]
    per_day: float

    def __call__(self, made: MadeWorld, out: Path) -> None:
        span = Span()
        alarms = Alarms(self.baseline, dict(self.limits), self.per_day)
        alarms.write(self.baseline.scores(span.over(made)), out)
        summary = {"first_timestamp": _time(span.first_ms or 0), "last_timestamp": _time(span.last_ms)}
        (out / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
