"""A demonstration on a real Kafka: events go in from here, workers work, records come back."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Protocol, Self

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition

from streamer.config import KafkaConfig, TopicNames
from streamer.demo.fleet import Fleet
from streamer.demo.progress import Tick
from streamer.errors import StreamerError
from streamer.sinks.encode import rfc3339
from streamer.sources.batch import Batch

POLL_MS = 300


class Writer(Protocol):
    """Sends batches of events to the input topic."""

    def write(self, batches: Iterable[Batch]) -> object:
        """Send everything, and return when the broker has it."""


class Feeder:
    """Writes events in a thread of its own, until all are written or the `with` block is left."""

    def __init__(self, writer: Writer, batches: Iterable[Batch]) -> None:
        self.events = 0
        self.done = False
        self._writer = writer
        self._batches = batches
        self._stop = threading.Event()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="feeder", daemon=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def check(self) -> None:
        """Raise what went wrong in the thread, if anything did."""
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            self._writer.write(self._counted())
            self.done = not self._stop.is_set()
        except Exception as error:  # noqa: BLE001 - raised again by `check`, in the thread that watches
            self._error = error

    def _counted(self) -> Iterator[Batch]:
        for batch in self._batches:
            if self._stop.is_set():
                return
            yield batch
            self.events += len(batch.events)


class Collector:
    """Reads what the workers say, and writes it to files as a replay would."""

    def __init__(self, consumer: KafkaConsumer, topics: TopicNames, directory: Path) -> None:
        self._consumer = consumer
        self._alerts_topic = topics.alerts
        names = {topics.alerts: "alerts.jsonl", topics.members: "members.jsonl", topics.limits: "limits.jsonl"}
        self._files: dict[str, BinaryIO] = {topic: (directory / name).open("wb") for topic, name in names.items()}
        partitions = [TopicPartition(topic, part) for topic in names for part in consumer.partitions_for_topic(topic)]
        consumer.assign(partitions)
        consumer.seek_to_beginning()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files.values():
            file.close()

    def poll(self) -> tuple[int, list[Mapping[str, Any]]]:
        """Take what has come: how many records, and the alerts among them."""
        alerts: list[Mapping[str, Any]] = []
        count = 0
        for partition, records in self._consumer.poll(timeout_ms=POLL_MS).items():
            for record in records:
                count += 1
                value = record.value or json.dumps({"action": "lift", "account_id": record.key.decode()}).encode()
                self._files[partition.topic].write(value + b"\n")
                if partition.topic == self._alerts_topic:
                    alerts.append(json.loads(value))
        return count, alerts


class Watch:
    """Follows feeder, workers and records until all is done."""

    def __init__(
        self,
        feeder: Feeder,
        fleet: Fleet,
        collector: Collector,
        *,
        events_total: int,
        quiet_s: float,
        timeout_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._feeder = feeder
        self._fleet = fleet
        self._collector = collector
        self._events_total = events_total
        self._quiet_s = quiet_s
        self._timeout_s = timeout_s
        self._clock = clock

    def ticks(self) -> Iterator[Tick]:
        """A tick each time something was looked at; ends when all is read and nothing more comes for a while."""
        started = heard = self._clock()
        while True:
            count, alerts = self._collector.poll()
            self._feeder.check()
            progress = self._fleet.progress()
            now = self._clock()
            if count or progress.lag or progress.requests < self._events_total or not self._feeder.done:
                heard = now
            yield Tick(
                # What a worker had read and another had to read again when partitions moved is counted by both.
                events_done=min(progress.requests, self._feeder.events),
                events_total=self._events_total,
                lag=max(0, self._feeder.events - progress.requests),
                watermark=None if progress.watermark_ms is None else rfc3339(progress.watermark_ms),
                workers=len(self._fleet.workers),
                alerts=alerts,
            )
            if now - heard > self._quiet_s:
                return
            if now - started > self._timeout_s:
                found = f"{progress.requests:,} of {self._events_total:,} events after {self._timeout_s:.0f} s"
                raise StreamerError("demo", found, "run it on a machine with less to do")


def leave_nothing(kafka: KafkaConfig) -> None:
    """Remove the topics and the consumer group of a demonstration from a Kafka that is not ours."""
    admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
    try:
        admin.delete_topics(list(kafka.topics.model_dump().values()))
        admin.delete_groups([kafka.application])
    finally:
        admin.close()
