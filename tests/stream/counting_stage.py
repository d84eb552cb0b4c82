"""Stages that only count, with the interfaces of the real ones: whatever delivery does wrong shows in a number."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from streamer.stream.messages import Incoming, Outgoing, Position
from streamer.stream.tasks import AccountTask, BarrierTask

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

WINDOW_MS = 10_000
LATENESS_MS = 10_000


class Ping(NamedTuple):
    account_id: str
    timestamp_ms: int


class CountReport(NamedTuple):
    partition: int
    window: int
    counts: dict[str, int]
    idle: bool


class TotalReport(NamedTuple):
    partition: int
    window: int
    total: int


class CountingStage:
    """Counts each account's events, in all and by window. It knows no duplicates: delivered twice is counted twice."""

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.newest_ms: int | None = None
        self.totals: Counter[str] = Counter()
        self.open: dict[int, Counter[str]] = {}
        self.changed: set[str] = set()

    @property
    def watermark_ms(self) -> int | None:
        return None if self.newest_ms is None else self.newest_ms - LATENESS_MS

    def observe_all(self, pings: Iterable[Ping]) -> None:
        for ping in pings:
            self.newest_ms = max(self.newest_ms or 0, ping.timestamp_ms)
            self.totals[ping.account_id] += 1
            self.changed.add(ping.account_id)
            self.open.setdefault(ping.timestamp_ms // WINDOW_MS, Counter())[ping.account_id] += 1

    def advance(self, watermark_ms: int) -> list[CountReport]:
        closed = sorted(window for window in self.open if (window + 1) * WINDOW_MS <= watermark_ms)
        return [CountReport(self.partition, window, dict(self.open.pop(window)), idle=False) for window in closed]

    def drain(self) -> list[CountReport]:
        reports = [CountReport(self.partition, w, dict(self.open[w]), idle=False) for w in sorted(self.open)]
        self.open.clear()
        return [*reports, CountReport(self.partition, -1, {}, idle=True)]

    def snapshot(self) -> dict[str, Any]:
        return {"newest": self.newest_ms, "open": [[w, dict(counts)] for w, counts in self.open.items()]}

    def take_changed(self) -> dict[str, bytes]:
        changed, self.changed = self.changed, set()
        return {account: self.totals[account].to_bytes(8, "big") for account in changed}

    def record(self, account_id: str) -> bytes | None:
        return self.totals[account_id].to_bytes(8, "big") if account_id in self.totals else None

    def restore(self, head: dict[str, Any], accounts: Iterable[tuple[str, bytes]]) -> None:
        self.newest_ms = head["newest"]
        self.open = {window: Counter(counts) for window, counts in head["open"]}
        self.totals = Counter({account: int.from_bytes(record, "big") for account, record in accounts})


class CountingBarrier:
    """Sums each window over all sources once each has reported a later one or is idle."""

    def __init__(self, sources: int) -> None:
        self.progress: dict[int, int] = {}
        self.idle: set[int] = set()
        self.sources = sources
        self.seen: dict[int, set[int]] = {}
        self.totals: Counter[int] = Counter()

    def observe(self, report: CountReport) -> None:
        if report.idle:
            self.idle.add(report.partition)
            self.progress.setdefault(report.partition, -1)
            return
        self.idle.discard(report.partition)
        known = self.seen.setdefault(report.partition, set())
        if report.window not in known:
            known.add(report.window)
            self.totals[report.window] += sum(report.counts.values())
        self.progress[report.partition] = max(report.window, self.progress.get(report.partition, -1))

    def advance(self) -> list[TotalReport]:
        if len(self.progress) < self.sources:
            return []
        waiting = [at for partition, at in self.progress.items() if partition not in self.idle]
        bound = min(waiting) if waiting else max(self.totals, default=-1)
        closed = sorted(window for window in self.totals if window <= bound)
        return [TotalReport(0, window, self.totals.pop(window)) for window in closed]

    def snapshot(self) -> dict[str, Any]:
        return {
            "progress": self.progress,
            "idle": sorted(self.idle),
            "seen": {source: sorted(windows) for source, windows in self.seen.items()},
            "totals": dict(self.totals),
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.progress = dict(state["progress"])
        self.idle = set(state["idle"])
        self.seen = {source: set(windows) for source, windows in state["seen"].items()}
        self.totals = Counter(state["totals"])


def counting_account_task(partition: int, source: str, evidence: str) -> AccountTask:
    decode_pings = msgspec.json.Decoder(list[Ping]).decode

    def decode(run: Sequence[Incoming]) -> tuple[Sequence[Ping], list[Outgoing]]:
        return [ping for message in run for ping in decode_pings(message.value or b"[]")], []

    def route(reports: list[CountReport]) -> list[Outgoing]:
        return [Outgoing(evidence, None, msgspec.msgpack.encode(reports), 0)]

    return AccountTask(CountingStage(partition), decode, route, Position(source, partition))


def counting_link_task(partition: int, sources: int, evidence: str, suspects: str) -> BarrierTask:
    decode_reports = msgspec.msgpack.Decoder(list[CountReport]).decode

    def decode(message: Incoming) -> Iterable[CountReport]:
        return decode_reports(message.value or b"\x90")

    def route(reports: list[TotalReport]) -> list[Outgoing]:
        return [Outgoing(suspects, None, msgspec.msgpack.encode(reports), 0)]

    return BarrierTask(CountingBarrier(sources), decode, route, Position(evidence, partition))
