"""The detector over batches from anywhere, at full speed, without Kafka."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from streamer.detection.detector import Detector
from streamer.detection.profile import SETTLED_MS
from streamer.detection.records import Alert, Decision
from streamer.sinks.encode import rfc3339
from streamer.sources.batch import Batch, Reject

# More than one in so many events that could not be used is worth a word.
ONE_IN_MANY = 10
HOUR_MS = 3_600_000
# Next to nothing is found: what the detector forgets is not in cycles.
COLLECT_EVERY_BATCHES = 5000


class RecordSink(Protocol):
    """Where a replay's records go."""

    def write(self, decisions: Iterable[Decision]) -> None:
        """Take alerts, memberships and limits."""

    def write_rejects(self, rejects: Iterable[Reject]) -> None:
        """Take what could not be used."""


@dataclass(slots=True)
class Summary:
    """What a replay did; the contract's summary.json."""

    events_read: int = 0
    events_used: int = 0
    duplicates: int = 0
    late: int = 0
    ahead: int = 0
    rejected: int = 0
    accounts: int = 0
    first_timestamp: str | None = None
    last_timestamp: str | None = None
    judged_from: str | None = None
    alerts: int = 0
    wall_seconds: float = 0.0
    events_per_second: float = 0.0

    def as_record(self) -> dict[str, Any]:
        """The same as plain data."""
        return asdict(self)


class Replay:
    """One detector, one source, one sink."""

    def __init__(self, detector: Detector, sink: RecordSink, clock: Callable[[], float]) -> None:
        self._detector = detector
        self._sink = sink
        self._clock = clock
        self._alerts: set[str] = set()
        self._reasons: Counter[str] = Counter()
        self.summary = Summary()

    @property
    def watermark_ms(self) -> int | None:
        """How far event time has come; nothing older is still expected."""
        return self._detector.accounts.watermark_ms

    def run(self, batches: Iterable[Batch]) -> Summary:
        """Read everything, decide everything, and say what was done; batches are emptied, see `steps`."""
        for _ in self.steps(batches):
            pass
        return self.summary

    def steps(self, batches: Iterable[Batch]) -> Iterator[Summary]:
        """Like `run`, but pauses after each batch with the summary so far, whose last is the final one.

        A batch is emptied once it is decided: the next is decoded into its memory, which is still at hand.
        """
        started = self._clock()
        with rare_collections() as collect:
            for number, batch in enumerate(batches, 1):
                self._note(batch)
                self._decide(self._detector.observe_all(batch.events))
                batch.events.clear()
                if number % COLLECT_EVERY_BATCHES == 0:
                    collect()
                yield self.summary
            self._decide(self._detector.finish())
        self._conclude(self._clock() - started)
        yield self.summary

    def doubts(self) -> list[str]:
        """After the end: why the answer means little, in one line each."""
        return [doubt for doubt in (self._unused(), self._unjudged()) if doubt is not None]

    def _unused(self) -> str | None:
        summary = self.summary
        if not summary.events_read:
            return "nothing was read: look at the input, it is empty"
        rejected, late = summary.rejected, summary.late
        if summary.events_used and max(rejected, late) * ONE_IN_MANY <= summary.events_read:
            return None
        found = f"only {summary.events_used:,} of {summary.events_read:,} events were used"
        if rejected >= late and rejected:
            reason, _ = self._reasons.most_common(1)[0]
            return f"{found}, {rejected:,} were rejected (mostly {reason}): look at rejects.jsonl, and at --format"
        if late:
            remedy = "sort the input by time, or raise detection.window.lateness_s"
            return f"{found}, {late:,} were late: {remedy}"
        return f"{found}, {summary.ahead:,} were ahead of all others: look at their timestamps"

    def _unjudged(self) -> str | None:
        if self.summary.judged_from is not None or not self.summary.events_used:
            return None
        needed = self._detector.links.settings.reference
        history_s = needed.warm_up_s + needed.lag_epochs * needed.epoch_s
        return (
            "nothing was judged: the population was never known; "
            f"it takes at least {history_s / 3600:g} hours of history and {needed.min_accounts:,} accounts a day "
            f"that were seen for {SETTLED_MS / HOUR_MS:g} hours "
            "(detection.reference.warm_up_s, lag_epochs, min_accounts)"
        )

    def _note(self, batch: Batch) -> None:
        self.summary.events_read += len(batch.events) + len(batch.rejects)
        if batch.rejects:
            self.summary.rejected += len(batch.rejects)
            self._reasons.update(reject.reason for reject in batch.rejects)
            self._sink.write_rejects(batch.rejects)

    def _decide(self, decisions: list[Decision]) -> None:
        if decisions:
            self._sink.write(decisions)
            self._alerts.update(found.alert_id for found in decisions if isinstance(found, Alert))

    def _conclude(self, wall_s: float) -> None:
        summary, counts = self.summary, self._detector.counts
        accounts = self._detector.accounts
        if counts.used and accounts.newest_ms is not None:
            summary.first_timestamp, summary.last_timestamp = rfc3339(accounts.first_ms), rfc3339(accounts.newest_ms)
        links = self._detector.links
        if links.judged_from is not None:
            summary.judged_from = rfc3339(links.judged_from * links.settings.window.window_ms)
        summary.events_used, summary.duplicates = counts.used, counts.duplicates
        summary.late, summary.ahead = counts.late, counts.ahead
        summary.accounts = self._detector.accounts.account_count
        summary.alerts = len(self._alerts)
        summary.wall_seconds = round(wall_s, 3)
        summary.events_per_second = round(summary.events_read / wall_s, 1) if wall_s > 0 else 0.0


@contextmanager
def rare_collections() -> Iterator[Callable[[], object]]:
    """Python's cyclic garbage collector held off while millions of long-lived objects are made; yields a collection."""
    enabled = gc.isenabled()
    gc.freeze()
    gc.disable()
    try:
        yield lambda: gc.collect(0)
    finally:
        gc.unfreeze()
        if enabled:
            gc.enable()
