"""One process that reads a topic to its end, in one of several ways, and prints what it took: wall and processor time.

python -m tests.benchmarks.live_worker WAY CONFIG EVENTS
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import faust
import uvloop
from aiokafka import AIOKafkaConsumer
from prometheus_client import CollectorRegistry

from streamer.config import load_config
from streamer.metrics import Metrics
from streamer.sources.decode import Decoder
from streamer.stream.app import build_app
from streamer.stream.settings import StreamSettings
from streamer.stream.topology import Topology
from streamer.stream.worker import run_worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamer.config import StreamerConfig


class Stopwatch:
    """Runs from the first events to the last, less the first, which came with everything the start brings."""

    def __init__(self, expected: int) -> None:
        self._expected = expected
        self._seen = 0
        self._first = 0
        self._started = (0.0, 0.0)

    def add(self, events: int) -> bool:
        """Note events; True once all have come."""
        if not self._seen:
            self._first, self._started = events, (time.perf_counter(), time.process_time())
        self._seen += events
        if self._seen < self._expected:
            return False
        wall, cpu = time.perf_counter() - self._started[0], time.process_time() - self._started[1]
        timed = self._seen - self._first
        sys.stdout.write(json.dumps([timed / wall, timed / cpu]) + "\n")
        sys.stdout.flush()
        return True


def worker(config: StreamerConfig, watch: Stopwatch) -> None:
    """Everything that `streamer run` does."""
    metrics = Metrics(CollectorRegistry())
    topology = Topology(config, metrics, lambda: int(time.time() * 1000))
    build = topology.account_task

    def timed(partition: int) -> Any:
        task = build(partition)
        take = task.take

        def take_and_note(run: Any) -> Any:
            outgoing = take(run)
            # One event a line, the last without its end.
            if watch.add(sum((message.value or b"").count(b"\n") + 1 for message in run)):
                os.kill(os.getpid(), signal.SIGTERM)
            return outgoing

        task.take = take_and_note  # type: ignore[method-assign]
        return task

    specs = [spec if spec.name != "account" else _with(spec, timed) for spec in topology.specs()]
    run_worker(build_app(topology.settings(), specs, metrics, time.monotonic))


def _with(spec: Any, build: Callable[[int], Any]) -> Any:
    return type(spec)(spec.name, spec.source_topic, spec.state_topic, build, spec.intervals)


def idle_agent(config: StreamerConfig, watch: Stopwatch) -> None:
    """A Faust agent that does nothing, as Faust comes."""
    settings = StreamSettings(config.kafka.bootstrap_servers, application=f"{config.kafka.application}-idle")
    app = faust.App(
        settings.application,
        broker=settings.faust_broker,
        autodiscover=False,
        datadir=tempfile.mkdtemp(),
        topic_disable_leader=True,
        web_enabled=False,
        consumer_auto_offset_reset="earliest",
    )

    async def agent(stream: Any) -> None:
        async for _ in stream:
            if watch.add(1):
                os.kill(os.getpid(), signal.SIGTERM)

    app.agent(app.topic(config.kafka.topics.requests, value_serializer="raw", key_serializer="raw"))(agent)
    run_worker(app)


async def bare_loop(config: StreamerConfig, watch: Stopwatch) -> None:
    """aiokafka and msgspec, nothing else."""
    consumer = AIOKafkaConsumer(
        config.kafka.topics.requests,
        bootstrap_servers=config.kafka.bootstrap_servers,
        group_id=f"{config.kafka.application}-bare",
        auto_offset_reset="earliest",
    )
    decode = Decoder().decode
    await consumer.start()
    try:
        while True:
            for messages in (await consumer.getmany(timeout_ms=500)).values():
                for message in messages:
                    if watch.add(len(decode(message.value).events)):
                        return
    finally:
        await consumer.stop()


def main(way: str, path: Path, events: int) -> None:
    """Read `events` events the way that is named."""
    config, watch = load_config(path, {}), Stopwatch(events)
    if way == "worker":
        worker(config, watch)
    elif way == "idle_agent":
        idle_agent(config, watch)
    else:
        uvloop.run(bare_loop(config, watch))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
