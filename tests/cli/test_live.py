"""The verbs that work with Kafka, against a real one."""

from __future__ import annotations

import json
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from streamer.config import TopicNames
from streamer.wiring.demonstration import free_port
from tests.cli.conftest import PROGRAM, Run, clean_environment, event
from tests.kafka_fixture import KafkaCluster
from tests.limits.stand import ask
from tests.patience import PATIENCE_S, until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


class Configured:
    """A configuration with topics of its own."""

    def __init__(self, cluster: KafkaCluster, directory: Path) -> None:
        self.path = directory / "my.yaml"
        self.port, self.ingest_port = free_port(), free_port()
        name = cluster.unique("cli")
        self.topics = {field: f"{name}.{field}" for field in TopicNames.model_fields}
        self.gateway = f"{name}.gateway"
        kafka_section = {
            "bootstrap_servers": cluster.servers,
            "application": name,
            "request_partitions": 2,
            "link_partitions": 2,
            "topics": self.topics,
        }
        values = {
            "kafka": kafka_section,
            "web": {"port": self.port},
            "ingest": {"topic": self.gateway, "port": self.ingest_port, "linger_ms": 50},
        }
        self.path.write_text(yaml.safe_dump(values), encoding="utf-8")


@pytest.fixture
def configured(kafka: KafkaCluster, tmp_path: Path) -> Configured:
    return Configured(kafka, tmp_path)


def read_all(servers: str, topic: str, partitions: int) -> list[bytes]:
    consumer = KafkaConsumer(bootstrap_servers=servers, enable_auto_commit=False)
    try:
        places = [TopicPartition(topic, number) for number in range(partitions)]
        consumer.assign(places)
        consumer.seek_to_beginning()
        wanted = sum(consumer.end_offsets(places).values())
        found: list[bytes] = []
        while len(found) < wanted:
            for records in consumer.poll(timeout_ms=500).values():
                found += [record.value for record in records]
        return found
    finally:
        consumer.close()


@contextmanager
def started(*arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [PROGRAM, *arguments],
        env=clean_environment(**environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def wait_until_ready(process: subprocess.Popen[str], port: int) -> None:
    until(lambda: process.poll() is not None or ask(f"http://127.0.0.1:{port}/ready").status == 200, "it is ready")
    assert process.poll() is None, process.stderr.read() if process.stderr else ""


def test_topics_are_made_once_and_then_found(run: Run, configured: Configured) -> None:
    config = str(configured.path)
    missing = run("check", "--config", config)
    assert missing.returncode == 2
    assert f"topic {configured.topics['requests']}: not there; make it with `streamer topics`" in missing.stderr
    assert run("topics", "--config", config, "--dry-run").returncode == 1
    refused = run("run", "--config", config)
    assert refused.returncode == 1
    assert "run `streamer topics`" in refused.stderr
    made = run("topics", "--config", config, "--json")
    assert made.returncode == 0, made.stderr
    assert {topic["state"] for topic in json.loads(made.stdout)} == {"made"}
    again = run("topics", "--config", config, "--json")
    assert {topic["state"] for topic in json.loads(again.stdout)} == {"there"}
    sound = run("check", "--config", config)
    assert sound.returncode == 0
    assert sound.stderr == (
        f"warning: ingest.topic: found {configured.gateway}, no such topic; "
        "`streamer ingest` needs it, no other verb does\n"
    )


def test_a_file_is_produced_and_a_worker_reads_it(
    run: Run,
    configured: Configured,
    kafka: KafkaCluster,
    tmp_path: Path,
) -> None:
    config = str(configured.path)
    assert run("topics", "--config", config).returncode == 0
    lines = [event(number, account_id=f"a{number % 7}") for number in range(100)]
    (tmp_path / "events.jsonl").write_text("\n".join([*lines, "{}"]), encoding="utf-8")
    done = run("produce", "events.jsonl", "--config", config, "--batch", "10", "--json")
    assert done.returncode == 0, done.stderr
    produced = json.loads(done.stdout)
    assert (produced["events"], produced["rejected"], produced["reasons"]) == (100, 1, {"missing_field": 1})
    values = read_all(kafka.servers, configured.topics["requests"], 2)
    assert sum(len(value.splitlines()) for value in values) == 100
    wrong = run("produce", "events.jsonl", "--config", config, "--speed", "fast")
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("--speed: 'fast' is no speed")

    with started("run", "--config", config) as worker:
        wait_until_ready(worker, configured.port)
        taken = run("run", "--config", config)
        assert taken.returncode == 2
        assert taken.stderr.startswith(f"web.port: found 127.0.0.1:{configured.port}, cannot listen there")
        with urllib.request.urlopen(f"http://127.0.0.1:{configured.port}/metrics", timeout=PATIENCE_S) as answer:
            assert b"streamer_requests_total" in answer.read()
        worker.send_signal(signal.SIGINT)
        assert worker.wait(PATIENCE_S) == 130


def test_a_gateways_records_are_ingested(
    run: Run,
    configured: Configured,
    kafka: KafkaCluster,
    shared_data: Path,
) -> None:
    config = str(configured.path)
    assert run("topics", "--config", config).returncode == 0
    absent = run("ingest", "--config", config)
    assert absent.returncode == 1
    assert absent.stderr.startswith(f"ingest.topic: found {configured.gateway}: no such topic")
    kafka.create({configured.gateway: 1})
    producer = KafkaProducer(bootstrap_servers=kafka.servers)
    payloads = (shared_data / "litellm_payloads.jsonl").read_bytes().splitlines()
    for value in (*payloads, b"not json"):
        producer.send(configured.gateway, value).get(timeout=PATIENCE_S)
    producer.close()
    with started("ingest", "--config", config, "--format", "litellm", "--json") as ingest:
        wait_until_ready(ingest, configured.ingest_port)
        rejects = KafkaConsumer(
            configured.topics["rejects"], bootstrap_servers=kafka.servers, auto_offset_reset="earliest"
        )
        assert next(rejects).value == b"not json"
        rejects.close()
        ingest.send_signal(signal.SIGTERM)
        assert ingest.wait(PATIENCE_S) == 0
        assert ingest.stdout is not None
        counts = json.loads(ingest.stdout.read())
    assert counts["messages"] == len(payloads) + 1
    assert counts["reasons"].get("not_json") == 1
