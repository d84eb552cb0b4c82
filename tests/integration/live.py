"""Real workers on a real broker: the program itself, started as a user starts it, and what came out in the end."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import msgspec
import yaml
from kafka import KafkaConsumer, TopicPartition

from streamer import wiring
from streamer.config import load_config
from streamer.detection.account_book import requests_of
from streamer.detection.evidence import LeadReport, WindowReport
from streamer.sources.event import RequestEvent
from streamer.stream.account_index import merge_records
from streamer.stream.codec import ReportDecoder
from streamer.stream.log_reader import LogReader
from streamer.stream.messages import Position, Stored
from streamer.stream.state_log import Sections
from streamer.stream.tasks import unpack_head
from streamer.stream.topics import ensure_topics, topics_of
from tests.patience import PATIENCE_S, PAUSE_S, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.kafka_fixture import KafkaCluster

SENSITIVE: dict[str, Any] = {
    "reference": {"epoch_s": 3600, "warm_up_s": 43_200, "min_accounts": 50, "min_stratum_accounts": 50}
}
RECORDS = {
    "alerts": ("alert_id", "revision"),
    "members": ("account_id", "cluster_id", "since", "status"),
    "limits": ("account_id", "alert_id", "issued_at"),
}
# A partition that is silent for so long is taken for over: never while more is to come, soon where all is there.
PATIENT_S, HASTY_S = 600.0, 2.0
HEARD_S = 1.0  # the last stage hears no later than we do, most of the time; a new worker for it takes long

Found = dict[str, dict[tuple[Any, ...], dict[str, Any]]]


def program(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "streamer", *arguments]


def call(*arguments: str) -> str:
    done = subprocess.run(program(*arguments), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def keyed(kind: str, records: Iterator[dict[str, Any]]) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Records by what makes them one; a repeat must be the same record."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for record in records:
        key = tuple(record[name] for name in RECORDS[kind])
        assert found.setdefault(key, record) == record, "a repeated record differs"
    return found


def replayed(files: list[Path], out: Path, config: Path) -> Found:
    """What a replay says."""
    wiring.replay(
        load_config(config, {}), files, out, input_format=None, on_bytes=lambda _: None, on_doubt=lambda _: None
    )
    found = {}
    for kind in RECORDS:
        lines = (out / f"{kind}.jsonl").read_text(encoding="utf-8").splitlines()
        found[kind] = keyed(kind, (r for r in map(json.loads, lines) if r.get("action") != "lift"))
    return found


class LiveRun:
    """Topics of its own, workers, and the records they wrote."""

    def __init__(
        self,
        kafka: KafkaCluster,
        directory: Path,
        detection: dict[str, Any],
        *,
        partitions: int = 6,
        idle_s: float = HASTY_S,
        **stream: Any,
    ) -> None:
        self.servers = kafka.servers
        self.prefix = kafka.unique("live")
        self.config_path = directory / f"{self.prefix}.yaml"
        self.workers: list[subprocess.Popen[bytes]] = []
        self.most_bytes = 0
        self.log_path = directory / f"{self.prefix}.log"
        names = ("requests", "evidence", "suspects", "alerts", "members", "limits", "rejects", "feedback", "audit")
        topics = {name: f"{self.prefix}.{name}" for name in names}
        topics |= {f"state_{stage}": f"{self.prefix}.state.{stage}" for stage in ("account", "link", "cluster")}
        document = {
            "kafka": {
                "bootstrap_servers": self.servers,
                "application": self.prefix,
                "request_partitions": partitions,
                "link_partitions": partitions,
                "topics": topics,
            },
            "stream": {"idle_s": idle_s, "checkpoint_interval_s": 0.5, **stream},
            "web": {"port": 0},
            "ingest": {"topic": f"{self.prefix}.gateway", "port": 0},
            "detection": detection,
        }
        self.config_path.write_text(yaml.safe_dump(document), encoding="utf-8")
        self.config = load_config(self.config_path, {})
        ensure_topics(self.servers, topics_of(self.config.kafka))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers:
            worker.kill()
            worker.wait()

    def hurry(self) -> None:
        """All is there: let workers that are started from now on take silence for the end."""
        document = yaml.safe_load(self.config_path.read_text(encoding="utf-8"))
        document["stream"]["idle_s"] = HASTY_S
        self.config_path.write_text(yaml.safe_dump(document), encoding="utf-8")

    def produce(self, *files: Path, batch: int = 100) -> None:
        wiring.produce(self.config, files, input_format=None, speed="max", batch_events=batch)

    def produce_slowly(self, events: Path, seconds: float, batch: int = 100) -> Iterator[float]:
        """Produce at an even pace in eight parts; yields the share that is done after each."""
        lines = events.read_bytes().splitlines(keepends=True)
        started, parts = time.monotonic(), 8
        part = events.with_name(f"{self.prefix}-part.jsonl")
        for number in range(parts):
            part.write_bytes(b"".join(lines[len(lines) * number // parts : len(lines) * (number + 1) // parts]))
            self.produce(part, batch=batch)
            time.sleep(max(0.0, started + seconds * (number + 1) / parts - time.monotonic()))
            yield (number + 1) / parts

    def requests_by_account(self) -> Counter[str]:
        """Every account's count of requests, from the state topic alone; call it when all windows are closed."""
        return asyncio.run(self._requests_by_account())

    async def _requests_by_account(self) -> Counter[str]:
        counts: Counter[str] = Counter()
        reader = LogReader(self.servers, "read_committed")
        try:
            for partition in range(self.config.kafka.request_partitions):
                position = Position(self.config.kafka.topics.state_account, partition)
                sections = Sections(position)
                async for messages in reader.read(position, 0, await reader.end_offset(position)):
                    for message in messages:
                        sections.add(message)
                for account, record in merge_records(sections.unpacked()).items():
                    counts[account] = requests_of(record)
        finally:
            await reader.stop()
        return counts

    def start(self, count: int = 1) -> None:
        for _ in range(count):
            with self.log_path.open("ab") as log:
                command = program("run", "--config", str(self.config_path))
                self.workers.append(subprocess.Popen(command, stdout=log, stderr=log))

    def start_ingest(self, input_format: str) -> None:
        with self.log_path.open("ab") as log:
            command = program("ingest", "--config", str(self.config_path), "--format", input_format)
            self.workers.append(subprocess.Popen(command, stdout=log, stderr=log))

    def wait_for_alert(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first alert that is wanted."""
        found: list[dict[str, Any]] = []
        for message in self.follow(f"{self.prefix}.alerts", lambda: False):
            found = [alert for alert in [json.loads(message.value or b"null")] if alert and wanted(alert)]
            if found:
                return found[0]
        raise AssertionError("the topic of alerts has an end")

    def kill(self, index: int) -> None:
        worker = self.workers.pop(index)
        worker.kill()
        worker.wait()

    def settle(self) -> None:
        """Wait until every stage has said all it has to say, then stop the workers."""
        topic, links = self.config.kafka.topics.suspects, self.config.kafka.link_partitions
        idle: dict[int, bool] = {}
        said = 0
        decode = ReportDecoder(LeadReport, topic)
        for message in self.follow(topic, lambda: sum(idle.values()) == links):
            said = message.offset + 1
            for report in decode(message):
                idle[report.partition] = report.idle
        time.sleep(HEARD_S)
        self._end_workers()
        # Where partitions changed hands just then, nobody may have decided about what was said last.
        if asyncio.run(self._decided()) < said:
            self.start()
            until(lambda: asyncio.run(self._decided()) >= said, "what was said last is decided")
            self._end_workers()

    def _end_workers(self) -> None:
        # What was decided last is sent and saved by the time a worker has said goodbye.
        for worker in self.workers:
            worker.send_signal(signal.SIGTERM)
        codes = [self._ended(worker) for worker in self.workers]
        self.workers.clear()
        # A worker that was only just started may be ended before it can say goodbye: it held nothing yet.
        assert set(codes) <= {0, -signal.SIGTERM}, self.log_path.read_text(encoding="utf-8", errors="replace")[-5000:]

    async def _decided(self) -> int:
        """How many messages of the stage before it the last stage has taken."""
        position = Position(self.config.kafka.topics.state_cluster, 0)
        sections, reader = Sections(position), LogReader(self.servers, "read_committed")
        try:
            async for messages in reader.read(position, 0, await reader.end_offset(position)):
                for message in messages:
                    sections.add(message)
        finally:
            await reader.stop()
        head = unpack_head(sections.unpacked(), position)
        return head.next_offset if head else 0

    def _ended(self, worker: subprocess.Popen[bytes]) -> int:
        """Wait for a worker's end; give its exit code, and note the most memory that it held."""
        while worker.poll() is None:
            self.most_bytes = max(self.most_bytes, _most_bytes(worker.pid))
            time.sleep(PAUSE_S)
        return worker.returncode

    def records(self) -> Found:
        """All that came out."""
        found = {}
        for kind in RECORDS:
            topic = f"{self.prefix}.{kind}"
            values = (message.value for message in self.follow(topic, lambda: True))
            found[kind] = keyed(kind, (json.loads(value) for value in values if value is not None))
        return found

    def evidence(self) -> Iterator[WindowReport]:
        """Every report of the account stage."""
        topic = self.config.kafka.topics.evidence
        decode = ReportDecoder(WindowReport, topic)
        for message in self.follow(topic, lambda: True):
            yield from decode(message)

    def follow(self, topic: str, enough: Callable[[], bool]) -> Iterator[Stored]:
        """What is in a topic and what comes, until that is enough."""
        deadline = time.monotonic() + PATIENCE_S
        consumer = KafkaConsumer(bootstrap_servers=self.servers, auto_offset_reset="earliest")
        try:
            targets = [TopicPartition(topic, partition) for partition in consumer.partitions_for_topic(topic) or ()]
            consumer.assign(targets)
            consumer.seek_to_beginning(*targets)
            while True:
                for records in consumer.poll(timeout_ms=300).values():
                    for record in records:
                        yield Stored(record.offset, record.key, record.value)
                ends = consumer.end_offsets(targets)
                if all(consumer.position(target) >= ends[target] for target in targets):
                    if enough():
                        return
                    assert time.monotonic() < deadline, (
                        f"{topic} did not settle: {self.log_path.read_text(encoding='utf-8', errors='replace')[-5000:]}"
                    )
        finally:
            consumer.close()


def difference(expected: Found, found: Found) -> str:
    """Say what is missing, too much or different, for a person; empty when nothing is."""
    lines = []
    for kind in RECORDS:
        one, other = expected[kind], found[kind]
        lines += [f"{kind}: missing {key}" for key in one.keys() - other.keys()]
        lines += [f"{kind}: unexpected {key}" for key in other.keys() - one.keys()]
        for key in one.keys() & other.keys():
            fields = [name for name in one[key] if one[key][name] != other[key].get(name)]
            if fields:
                lines.append(f"{kind}: {key} differs in {', '.join(fields)}")
    return "\n".join(sorted(lines)[:40])


def world(scenario: dict[str, Any] | str, directory: Path, seed: int = 1) -> Path:
    """Simulate a world; give its file of events, the truth beside it."""
    name = scenario if isinstance(scenario, str) else str(directory / "world.yaml")
    if not isinstance(scenario, str):
        (directory / "world.yaml").write_text(yaml.safe_dump(scenario), encoding="utf-8")
    events = directory / "events.jsonl"
    wiring.simulate(name, out=events, truth=directory / "truth.jsonl", seed=seed)
    return events


def requests_in(events: Path) -> Counter[str]:
    """Every account's count of requests, from the file."""
    decode = msgspec.json.Decoder(RequestEvent).decode
    return Counter(decode(line).account_id for line in events.read_bytes().splitlines())


def shuffled(events: Path, lateness_ms: int, rng: Any) -> Path:
    """The same events out of order, none further than `lateness_ms` behind."""
    decode = msgspec.json.Decoder(RequestEvent).decode
    lines = events.read_bytes().splitlines()
    timed = [(decode(line).timestamp_ms + rng.randrange(lateness_ms), line) for line in lines]
    timed.sort(key=lambda pair: pair[0])
    target = events.with_name("shuffled.jsonl")
    target.write_bytes(b"".join(line + b"\n" for _, line in timed))
    return target


def _most_bytes(pid: int) -> int:
    """The most memory that a program that runs has held; what it ends with also counts what held it before it began."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0
