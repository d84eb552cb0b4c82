"""Objects of the verbs that work with Kafka."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streamer.config import StreamerConfig
from streamer.errors import BrokerError, ConfigError, StreamerError
from streamer.interrupts import ended_at_once
from streamer.wiring.one_core import on_one_core
from streamer.wiring.reading import reading
from streamer.wiring.running import run_loop, until_signal
from streamer.wiring.settings import OnCount, privacy_key, pseudonyms, wall_clock_ms

if TYPE_CHECKING:
    from faust import App

    from streamer.metrics import Metrics


def check(config: StreamerConfig, on_warning: Callable[[str], None] = lambda _: None) -> list[StreamerError]:
    """Everything that would stop a worker with this configuration; `on_warning` is told what an ingest lacks."""
    from streamer.probes import probe
    from streamer.stream.topics import Topic, ensure_topics, topics_of
    from streamer.wiring.limits import limits_problems

    problems = [*probe(config, os.environ), *asyncio.run(_unreachable(config)), *limits_problems(config)]
    servers = config.kafka.bootstrap_servers
    try:
        *states, gateway = ensure_topics(
            servers, [*topics_of(config.kafka), Topic(config.ingest.topic, 1)], dry_run=True
        )
    except BrokerError as error:
        return [*problems, StreamerError(f"kafka.bootstrap_servers: found {servers}", error.found, error.remedy)]
    if gateway.state == "missing":
        on_warning(
            f"ingest.topic: found {gateway.topic}, no such topic; `streamer ingest` needs it, no other verb does"
        )
    return problems + [
        StreamerError(f"topic {state.topic}", problem, "make it with `streamer topics`, or correct the configuration")
        for state in states
        for problem in state.problems
    ]


async def _unreachable(config: StreamerConfig) -> list[StreamerError]:
    if not config.alertmanager.urls and not config.webhook.url:
        return []
    from streamer.notify.reach import unreachable

    return await unreachable(config.alertmanager.urls, config.webhook.url, config.alertmanager.timeout_s)


def topics(config: StreamerConfig, *, dry_run: bool) -> list[dict[str, Any]]:
    """Make every topic that is missing, and say how each is."""
    from streamer.stream.topics import ensure_topics, topics_of

    kafka = config.kafka
    states = ensure_topics(
        kafka.bootstrap_servers, topics_of(kafka), replication=kafka.replication_factor, dry_run=dry_run
    )
    return [{**asdict(state), "problems": "; ".join(state.problems)} for state in states]


def run_worker(config: StreamerConfig) -> int:
    """Run one worker until it is told to stop; gives the exit code."""
    from prometheus_client import CollectorRegistry, ProcessCollector

    from streamer.metrics import Metrics
    from streamer.probes import probe
    from streamer.stream.app import build_app
    from streamer.stream.topics import ensure_topics, require, topics_of
    from streamer.stream.topology import Topology
    from streamer.stream.worker import run_worker as run_app
    from streamer.wiring.notify import beside_worker

    problems = probe(config, os.environ)
    if problems:
        raise ConfigError(problems)
    require(ensure_topics(config.kafka.bootstrap_servers, topics_of(config.kafka), dry_run=True))
    metrics = Metrics(CollectorRegistry())
    ProcessCollector(registry=metrics.registry)
    topology = Topology(config, metrics, wall_clock_ms, privacy_key(config))
    app = build_app(replace(topology.settings(), web_port=None), topology.specs(), metrics, time.monotonic)
    app.task(worker_pages(config, app, metrics))
    app.task(feedback_relay(config))
    app.task(beside_worker(config, metrics.registry))
    interrupted = asyncio.Event()
    app.task(interruptible(interrupted))
    with on_one_core():
        code = run_app(app)
    if interrupted.is_set():
        raise KeyboardInterrupt
    return code


def feedback_relay(config: StreamerConfig) -> Callable[[], Awaitable[None]]:
    """What brings the feedback of people to the stage that decides."""
    from streamer.stream.feedback_relay import relay_feedback
    from streamer.stream.sender import KafkaSender

    kafka = config.kafka

    async def relay() -> None:
        sender = KafkaSender(kafka.bootstrap_servers)
        group = f"{kafka.application}-feedback"
        try:
            await relay_feedback(kafka.bootstrap_servers, group, kafka.topics.feedback, kafka.topics.suspects, sender)
        finally:
            await sender.stop()

    return relay


def interruptible(interrupted: asyncio.Event) -> Callable[[], Awaitable[None]]:
    """What makes Ctrl-C end a worker as SIGTERM does, and lets it be told apart afterwards."""

    def interrupt() -> None:
        interrupted.set()
        os.kill(os.getpid(), signal.SIGTERM)

    async def listen() -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, interrupt)

    return listen


def worker_pages(config: StreamerConfig, app: App, metrics: Metrics) -> Callable[[], Awaitable[None]]:
    """What serves a worker's metrics, health and the page of alerts."""
    from streamer.stream.health import live_problem, ready_problem
    from streamer.web.server import build_web, serving
    from streamer.wiring.pages import LiveCases

    async def pages() -> None:
        cases = LiveCases(config, os.environ.get(config.web.token_env, ""))
        application = build_web(
            metrics.registry,
            desk=cases.desk,
            live=lambda: live_problem(app.runtime, time.monotonic()),
            ready=lambda: ready_problem(app.runtime),
            title="streamer worker",
        )
        async with serving(application, config.web.host, config.web.port):
            await cases.follow()

    return pages


def ingest(config: StreamerConfig, *, input_format: str | None) -> dict[str, Any]:
    """Bring a gateway's records to the input topic until told to stop; gives what was done."""
    from prometheus_client import CollectorRegistry

    from streamer.metrics import Metrics
    from streamer.sources.batch import Batch
    from streamer.sources.decode import Decoder
    from streamer.sources.formats import mapping_of
    from streamer.stream.ingest import Ingest, IngestSettings
    from streamer.web.server import build_web, serving

    key = privacy_key(config)
    metrics = Metrics(CollectorRegistry())
    settings = IngestSettings(
        bootstrap_servers=config.kafka.bootstrap_servers,
        source_topic=config.ingest.topic,
        target_topic=config.kafka.topics.requests,
        reject_topic=config.kafka.topics.rejects,
        group=f"{config.kafka.application}-ingest",
        format_name=input_format or config.input.format,
        batch_events=config.ingest.batch_events,
        linger_ms=config.ingest.linger_ms,
        max_message_bytes=config.stream.max_message_bytes,
    )

    def decoder(name: str) -> Decoder:
        return Decoder(
            clock_ms=wall_clock_ms,
            max_message_bytes=config.stream.max_message_bytes,
            key=key,
            mapping=mapping_of(name),
        )

    def observe(batch: Batch) -> None:
        metrics.count_requests({"used": len(batch.events)})
        metrics.count_unusable([reject.reason for reject in batch.rejects], batch.fields_dropped)

    async def work(stop: asyncio.Event) -> dict[str, Any]:
        ready = asyncio.Event()
        pages = build_web(
            metrics.registry,
            live=lambda: None,
            ready=lambda: None if ready.is_set() else "not connected to Kafka yet",
        )
        async with serving(pages, config.web.host, config.ingest.port):
            return asdict(await Ingest(settings, decoder, pseudonyms(key), observe).run(stop, ready.set))

    _require_topic(config, "ingest.topic", config.ingest.topic, "it is the gateway's own; name the one it writes to")
    _require_topic(config, "kafka.topics.requests", settings.target_topic, "make it with `streamer topics`")
    return run_loop(until_signal(work))


def _require_topic(config: StreamerConfig, key: str, topic: str, remedy: str) -> None:
    from streamer.stream.produce import partition_count, topic_producer

    with topic_producer(config.kafka.bootstrap_servers, config.stream.max_message_bytes) as producer:
        try:
            partition_count(producer, topic)
        except BrokerError as error:
            raise BrokerError(f"{key}: found {topic}", error.found, remedy) from error


def produce(
    config: StreamerConfig,
    files: Sequence[Path],
    *,
    input_format: str | None,
    speed: str,
    batch_events: int,
    on_bytes: OnCount = lambda _: None,
) -> dict[str, Any]:
    """Write files to the input topic."""
    with ended_at_once():
        from streamer.stream.pace import Pace, parse_speed
        from streamer.stream.packing import Packer
        from streamer.stream.produce import TopicWriter, partition_count, topic_producer

        key = privacy_key(config)
    pace = Pace(parse_speed(speed), time.monotonic)
    topic, max_bytes = config.kafka.topics.requests, config.stream.max_message_bytes
    started = time.perf_counter()
    with (
        reading(config, files, input_format=input_format, key=key, on_bytes=on_bytes) as batches,
        topic_producer(config.kafka.bootstrap_servers, max_bytes) as producer,
    ):
        packer = Packer(topic, partition_count(producer, topic), batch_events=batch_events, max_bytes=max_bytes)
        produced = TopicWriter(producer, packer, pace, time.sleep, pseudonyms(key)).write(batches)
    wall_s = time.perf_counter() - started
    return {
        **produced.as_record(),
        "wall_seconds": round(wall_s, 3),
        "events_per_second": round(produced.events / wall_s, 1) if wall_s > 0 else 0.0,
    }
