"""The detector in this process: what a demonstration drives where there is no Kafka."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from streamer.demo.progress import Tick
from streamer.detection.records import Alert, Decision
from streamer.replay import RecordSink, Replay
from streamer.sinks.encode import record, rfc3339
from streamer.sources.batch import Batch, Reject


class Listening:
    """A sink that passes records on, tells of them, and keeps the alerts until they are asked for."""

    def __init__(self, sink: RecordSink, hear: Callable[[Iterable[Decision]], None] = lambda _: None) -> None:
        self._sink = sink
        self._hear = hear
        self._alerts: list[Mapping[str, Any]] = []

    def write(self, decisions: Iterable[Decision]) -> None:
        """Pass on alerts, memberships and limits."""
        found = list(decisions)
        self._alerts += [record(decision) for decision in found if isinstance(decision, Alert)]
        self._sink.write(found)
        self._hear(found)

    def write_rejects(self, rejects: Iterable[Reject]) -> None:
        """Pass on what could not be used."""
        self._sink.write_rejects(rejects)

    def take_alerts(self) -> list[Mapping[str, Any]]:
        """The alerts since the last call."""
        taken, self._alerts = self._alerts, []
        return taken


def local_ticks(replay: Replay, listening: Listening, batches: Iterable[Batch], events_total: int) -> Iterator[Tick]:
    """Run the replay, a tick after each batch."""
    for summary in replay.steps(batches):
        watermark_ms = replay.watermark_ms
        yield Tick(
            events_done=summary.events_read,
            events_total=events_total,
            lag=0,
            watermark=None if watermark_ms is None else rfc3339(watermark_ms),
            workers=1,
            alerts=listening.take_alerts(),
        )
