"""Topics, a configuration and the program itself, for tests of limits against the real things."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from streamer.detection.records import Limit, LimitLifted
from streamer.sinks.encode import RecordTopics, message, rfc3339
from streamer.wiring.demonstration import free_port
from tests.patience import PATIENCE_S, until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.kafka_fixture import KafkaCluster

HOUR_MS = 3_600_000


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def limit(account: str, *, alert: str = "a-1", mode: str = "enforce", per_minute: int = 1, ago_ms: int = 0) -> Limit:
    issued = now_ms() - ago_ms
    return Limit(account, "throttle", per_minute, mode, alert, "one hand", issued, issued + 24 * HOUR_MS)


def alert_record(alert_id: str = "a-1", severity: str = "critical", rate: float = 0.001) -> bytes:
    """What the limits need of an alert."""
    return json.dumps({"alert_id": alert_id, "severity": severity, "false_alarm_rate": rate, "accounts": []}).encode()


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: str


def ask(url: str, account: str | None = None, **headers: str) -> Reply:
    """What a client gets; 0 where nobody answers."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, headers=named | ({"X-Account-Id": account} if account else {}))  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:  # noqa: S310 - a local address
            return Reply(response.status, {k.lower(): v for k, v in response.headers.items()}, response.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            return Reply(error.code, {k.lower(): v for k, v in error.headers.items()}, error.read().decode())
    except OSError:
        return Reply(0, {}, "")


@contextlib.contextmanager
def running(
    command: list[str], directory: Path, cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A program and all it starts, for as long as it is needed; what it says is in a file named after it."""
    with (directory / f"{command[0].rpartition('/')[2]}.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            cwd=cwd or directory,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
    try:
        yield process
    finally:
        kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a program with all it started: nginx's workers would outlive it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class Stand:
    """One test's topics, its configuration and its decision API."""

    def __init__(self, kafka: KafkaCluster, directory: Path, **limits: Any) -> None:
        self.directory = directory
        self.servers = kafka.servers
        self.port = int(limits.get("port", 0)) or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        prefix = kafka.unique("limits")
        self.topics = {name: f"{prefix}.{name}" for name in ("alerts", "limits", "feedback", "audit", "members")}
        kafka.create(dict.fromkeys(self.topics.values(), 1), {self.topics["limits"]: {"cleanup.policy": "compact"}})
        document = {
            "kafka": {"bootstrap_servers": self.servers, "application": prefix, "topics": self.topics},
            "limits": {"port": self.port, "mode": "enforce", **limits},
        }
        self.config = directory / f"{prefix}.yaml"
        self.config.write_text(yaml.safe_dump(document), encoding="utf-8")
        self.producer = KafkaProducer(bootstrap_servers=self.servers)

    def close(self) -> None:
        self.producer.close()

    def reconnect(self) -> None:
        self.producer = KafkaProducer(bootstrap_servers=self.servers)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "streamer", "limits", *arguments, "--config", str(self.config)]

    def call(self, *arguments: str) -> Any:
        done = subprocess.run(self.command(*arguments, "--json"), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    @contextlib.contextmanager
    def serving(self, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
        with running(self.command("serve"), self.directory, environment=environment) as process:
            until(lambda: ask(f"{self.url}/ready").status == 200, "the decision API is ready")
            yield process
            if process.poll() is None:
                process.terminate()
                assert process.wait(PATIENCE_S) == 0, "it ends when it is told to"

    @contextlib.contextmanager
    def serving_twin(self, *, wait: bool = True) -> Iterator[str]:
        """A second process beside the first; yields where it is."""
        port = free_port()
        environment = {"STREAMER_LIMITS__PORT": str(port)}
        with running(self.command("serve"), self.directory, environment=environment):
            url = f"http://127.0.0.1:{port}"
            until(lambda: ask(f"{url}/ready").status in ((200,) if wait else (200, 503)), "the second is there")
            yield url

    def send(self, *records: Limit | LimitLifted, alert: bytes | None = None) -> None:
        if alert is not None:
            self.producer.send(self.topics["alerts"], alert)
            self.producer.flush()
        for record in records:
            sent = message(record, RecordTopics(limits=self.topics["limits"]))
            self.producer.send(sent.topic, sent.value, key=sent.key)
        self.producer.flush()

    def say(self, action: str, **about: str) -> None:
        said = {"feedback_id": f"f-{now_ms()}", "action": action, "author": "ada", "created_at": rfc3339(now_ms())}
        self.producer.send(self.topics["feedback"], json.dumps(said | about).encode())
        self.producer.flush()

    def decide(self, account: str, path: str = "/decide", url: str = "", **headers: str) -> Reply:
        return ask((url or self.url) + path, account, **headers)

    def exhausted(self, account: str, url: str = "") -> Reply:
        """The first refusal, after what the limit lets through."""

        def refusal() -> Reply | None:
            found = self.decide(account, url=url)
            return found if found.status in (403, 429) else None

        reply: Reply = until(refusal, f"{account} is refused")
        return reply

    def audit(self) -> list[dict[str, Any]]:
        """What is in the audit, transactions that were given up left out."""
        consumer = KafkaConsumer(bootstrap_servers=self.servers, isolation_level="read_committed")
        try:
            place = TopicPartition(self.topics["audit"], 0)
            consumer.assign([place])
            consumer.seek_to_beginning(place)
            end, found = consumer.end_offsets([place])[place], []
            while consumer.position(place) < end:
                for records in consumer.poll(timeout_ms=200).values():
                    found += [json.loads(record.value) for record in records]
            return found
        finally:
            consumer.close()

    def metrics(self) -> Mapping[str, float]:
        lines = ask(f"{self.url}/metrics").body.splitlines()
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[:1] != "#")}
