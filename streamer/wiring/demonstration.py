"""Objects of `streamer demo`."""

from __future__ import annotations

import contextlib
import json
import signal
import tempfile
import threading
import time
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from streamer.config import KafkaConfig, StreamConfig, StreamerConfig, TopicNames, WebConfig
from streamer.wiring.offline import simulate

if TYPE_CHECKING:
    from streamer.demo.fleet import Worker
    from streamer.demo.kafka import Feeder
    from streamer.demo.progress import Tick
    from streamer.demo.screen import Screen
    from streamer.web.board import Board

SCENARIO = "demo"
WORKERS = 2
PARTITIONS = 6
STREAM_FOR_S = 30.0
IDLE_S = 5.0
TIMEOUT_S = 600.0
READY_S = 240.0


class World(NamedTuple):
    """A simulated world on disk, and where the records about it go."""

    events: Path
    truth: Path
    records: Path
    event_count: int


def demo(*, seed: int, in_process: bool, live: bool | None, stay: bool = False) -> bool:
    """Show the whole thing; whether every campaign was found. With `stay` the page is there until Ctrl-C."""
    from rich.console import Console

    from streamer.broker import unavailable_reason
    from streamer.demo.screen import Screen

    screen = Screen(Console(force_terminal=live, highlight=False), time.monotonic)
    with _until_told(), tempfile.TemporaryDirectory(prefix="streamer-demo-") as directory:
        world = _world(Path(directory), seed, screen)
        reason = "--in-process" if in_process else unavailable_reason()
        with contextlib.ExitStack() as stack:
            if reason is None:
                url = _on_kafka(world, Path(directory), screen, stack)
            else:
                screen.say(f"No Kafka ({reason}): the same detector runs in this process.")
                url = _in_process(world, screen, stack)
            found = _judge(world, screen)
            if stay:
                _stay(url, screen)
        return found


def _stay(url: str, screen: Screen) -> None:
    screen.say(f"\nTo look at, until Ctrl-C: {url}")
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()


@contextlib.contextmanager
def _until_told() -> Iterator[None]:
    """A polite request to end is taken like Ctrl-C, so that everything started is stopped."""
    names = (signal.SIGTERM, signal.SIGHUP)
    before = {name: signal.signal(name, signal.default_int_handler) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


def _world(directory: Path, seed: int, screen: Screen) -> World:
    records = directory / "records"
    records.mkdir()
    events, truth = directory / "events.jsonl", directory / "truth.jsonl"
    screen.say("Simulating some days of traffic with look-alikes and a campaign in it ...")
    made = simulate(SCENARIO, out=events, truth=truth, seed=seed)
    screen.say(
        f"  {made['events']:,} requests of {made['accounts']:,} accounts in {made['wall_seconds']:.1f} s "
        f"({made['events_per_second']:,.0f} a second)"
    )
    return World(events, truth, records, made["events"])


def _in_process(world: World, screen: Screen, stack: contextlib.ExitStack) -> str:
    from streamer.cases.decisions import take_decisions
    from streamer.cases.store import CaseStore
    from streamer.demo.local import Listening, local_ticks
    from streamer.detection.detector import Detector
    from streamer.replay import Replay
    from streamer.sinks.files import FileSink
    from streamer.sources.files import read_batches
    from streamer.web.board import Board
    from streamer.wiring.demo_page import keeping, new_token, shown_page
    from streamer.wiring.pages import desk

    store, token, board = CaseStore(), new_token(), Board()
    work = desk(StreamerConfig(), store, keeping(world.records), token)
    url = stack.enter_context(shown_page(screen, board, work, token))
    with FileSink(world.records) as sink:
        listening = Listening(sink, lambda decisions: take_decisions(store, decisions))
        replay = Replay(Detector(StreamerConfig().detection), listening, time.perf_counter)
        _show(local_ticks(replay, listening, read_batches([world.events]), world.event_count), screen, board)
    return url


def _on_kafka(world: World, directory: Path, screen: Screen, stack: contextlib.ExitStack) -> str:
    from streamer.broker import external_servers, open_broker
    from streamer.demo.kafka import leave_nothing
    from streamer.stream.topics import ensure_topics, topics_of
    from streamer.web.board import Board
    from streamer.wiring.demo_page import new_token, shown_page
    from streamer.wiring.pages import LiveCases

    servers = stack.enter_context(open_broker(lambda text: screen.say(f"{text} ...")))
    kafka = _kafka(servers)
    if external_servers():
        stack.callback(leave_nothing, kafka)
    ensure_topics(servers, topics_of(kafka))
    screen.say(f"Kafka at {servers}; {PARTITIONS} partitions; starting {WORKERS} workers ...")
    token, board = new_token(), Board()
    cases = LiveCases(StreamerConfig(kafka=kafka), token)
    url = stack.enter_context(shown_page(screen, board, cases.desk, token, cases.follow))
    _with_workers(world, directory, kafka, screen, board)
    return url


def _with_workers(world: World, directory: Path, kafka: KafkaConfig, screen: Screen, board: Board) -> None:
    from kafka import KafkaConsumer

    from streamer.demo.fleet import Fleet
    from streamer.demo.kafka import Collector, Watch

    workers = [_worker(number, directory, kafka) for number in range(1, WORKERS + 1)]
    with contextlib.ExitStack() as stack:
        fleet = stack.enter_context(Fleet(workers))
        for worker in workers:
            screen.say(f"  worker {worker.number}: {worker.url} (page), {worker.url}/metrics")
        consumer = stack.enter_context(
            contextlib.closing(KafkaConsumer(bootstrap_servers=kafka.bootstrap_servers, enable_auto_commit=False))
        )
        collector = stack.enter_context(Collector(consumer, kafka.topics, world.records))
        feeder = stack.enter_context(_feeder(world, kafka, stack))
        fleet.wait_until_ready(READY_S)
        feeder.start()
        watch = Watch(
            feeder, fleet, collector, events_total=world.event_count, quiet_s=IDLE_S + 5.0, timeout_s=TIMEOUT_S
        )
        _show(watch.ticks(), screen, board)
        screen.say("Stopping the workers ...")


def _feeder(world: World, kafka: KafkaConfig, stack: contextlib.ExitStack) -> Feeder:
    from streamer.demo.kafka import Feeder
    from streamer.sources.files import read_batches
    from streamer.stream.pace import Pace, Speed
    from streamer.stream.packing import Packer
    from streamer.stream.produce import TopicWriter, topic_producer

    max_bytes = StreamConfig().max_message_bytes
    producer = stack.enter_context(topic_producer(kafka.bootstrap_servers, max_bytes))
    packer = Packer(kafka.topics.requests, kafka.request_partitions, batch_events=500, max_bytes=max_bytes)
    pace = Pace(Speed(events_per_s=world.event_count / STREAM_FOR_S), time.monotonic)
    return Feeder(TopicWriter(producer, packer, pace, time.sleep), read_batches([world.events]))


def _kafka(servers: str) -> KafkaConfig:
    """Topics and a group of its own, so that a demonstration on somebody's Kafka disturbs nothing there."""
    name = f"streamer-demo-{uuid.uuid4().hex[:8]}"
    topics = TopicNames(**{field: f"{name}.{field}" for field in TopicNames.model_fields})
    return KafkaConfig(
        bootstrap_servers=servers,
        application=name,
        request_partitions=PARTITIONS,
        link_partitions=PARTITIONS,
        topics=topics,
    )


def _worker(number: int, directory: Path, kafka: KafkaConfig) -> Worker:
    import yaml

    from streamer.demo.fleet import Worker

    port = free_port()
    config = StreamerConfig(
        kafka=kafka,
        stream=StreamConfig(workers=WORKERS, idle_s=IDLE_S, checkpoint_interval_s=1.0),
        web=WebConfig(port=port),
    )
    path = directory / f"worker-{number}.yaml"
    path.write_text(yaml.safe_dump(config.model_dump(mode="json", exclude={"detection"})), encoding="utf-8")
    return Worker(number, path, port)


def free_port() -> int:
    """A port of this machine that nobody listens on right now."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _show(ticks: Iterable[Tick], screen: Screen, board: Board) -> None:
    with screen.watching():
        for tick in ticks:
            screen.tick(tick)
            board.figure("events", f"{tick.events_done:,} of {tick.events_total:,}")
            board.figure("lag (events)", f"{tick.lag:,}")
            board.figure("watermark", tick.watermark or "-")
            board.figure("workers", str(tick.workers))


def _judge(world: World, screen: Screen) -> bool:
    from streamer.demo.report import conclusion
    from streamer.evaluation import evaluate
    from streamer.sources.files import read_batches

    requests = (request for batch in read_batches([world.events]) for request in batch.events)
    evaluation = evaluate(world.records, world.truth, requests)
    latest = {alert["alert_id"]: alert for alert in _lines(world.records / "alerts.jsonl")}
    for line in conclusion(evaluation, latest):
        screen.say(line)
    return bool(evaluation.campaigns) and all(campaign.detected for campaign in evaluation.campaigns)


def _lines(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]
