from __future__ import annotations

import json
import random
import time
from typing import TYPE_CHECKING, Any

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from tests.integration.live import LiveRun

if TYPE_CHECKING:
    from pathlib import Path

    from tests.kafka_fixture import KafkaCluster

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

GOOD = 3_000


def event(number: int, now_ms: int, **changes: Any) -> dict[str, Any]:
    return {
        "event_id": f"e{number}",
        "timestamp": now_ms - 600_000 + number * 100,
        "account_id": f"account-{number % 50}",
        "model": "meridian-5",
    } | changes


def broken(now_ms: int, rng: random.Random) -> list[tuple[str, bytes]]:
    """Messages that cannot be used, each with the reason for which it must be rejected."""
    return [
        ("not_utf8", b'{"event_id": "\xff\xfe"}'),
        ("not_json", b"{nothing"),
        ("not_object", b"17"),
        ("missing_field", b'{"event_id": "x", "timestamp": 1}'),
        ("wrong_type", json.dumps(event(1, now_ms, account_id=7)).encode()),
        ("timestamp_out_of_range", json.dumps(event(2, now_ms, timestamp=now_ms + 86_400_000)).encode()),
        ("timestamp_out_of_range", json.dumps(event(3, now_ms, timestamp=now_ms - 500 * 86_400_000)).encode()),
        ("too_large", b'{"prompt": "' + rng.randbytes(2_500_000).hex().encode() + b'"}'),
    ]


def test_bad_messages_are_rejected_with_their_reason_and_cost_nothing_else(kafka: KafkaCluster, tmp_path: Path) -> None:
    rng, now_ms = random.Random(9), int(time.time() * 1000)
    with LiveRun(kafka, tmp_path, {"window": {"window_s": 60, "lateness_s": 60}}, partitions=2) as run:
        bad = broken(now_ms, rng)
        # Without line ends, at which a message is cut into records.
        noise = [b"#" + rng.randbytes(rng.randrange(1, 200)).translate(None, b"\r\n") for _ in range(200)]
        good = [json.dumps(event(number, now_ms)).encode() for number in range(GOOD)]
        # Dealt out by hand: an account stays in its partition.
        producer = KafkaProducer(bootstrap_servers=run.servers, max_request_size=8 << 20)
        topic = run.config.kafka.topics.requests
        for number, value in enumerate(good):
            producer.send(topic, value, partition=number % 2)
            if number % 10 == 0:
                producer.send(topic, value, partition=number % 2)  # a duplicate
            if number % 15 == 0:
                producer.send(topic, noise[number // 15], partition=number % 2)
            if number % 300 == 0 and bad:
                producer.send(topic, bad[number // 300 % len(bad)][1], partition=number % 2)
        producer.send(topic, None, key=b"account-1", partition=1)  # a tombstone says nothing
        producer.flush()
        run.start(1)
        run.settle()
        assert sum(run.requests_by_account().values()) == GOOD
        assert len(run.requests_by_account()) == 50
        rejects = read_rejects(run)
    sent = noise + [bad[number // 300 % len(bad)][1] for number in range(0, GOOD, 300)]
    assert sorted(value for value, _ in rejects) == sorted(sent)
    for reason, value in bad:
        headers = next(headers for found, headers in rejects if found == value)
        assert headers["reason"].decode() == reason
        assert headers["topic"].decode() == topic
        assert headers["partition"] in {b"0", b"1"}
        assert int(headers["offset"]) >= 0


def read_rejects(run: LiveRun) -> list[tuple[bytes, dict[str, bytes]]]:
    """Every reject with its headers, each once: after a crash one may be there twice."""
    topic = run.config.kafka.topics.rejects
    consumer = KafkaConsumer(
        bootstrap_servers=run.servers, auto_offset_reset="earliest", max_partition_fetch_bytes=32 << 20
    )
    targets = [TopicPartition(topic, partition) for partition in range(run.config.kafka.request_partitions)]
    consumer.assign(targets)
    consumer.seek_to_beginning(*targets)
    found: dict[tuple[bytes, bytes], tuple[bytes, dict[str, bytes]]] = {}
    while any(consumer.position(target) < end for target, end in consumer.end_offsets(targets).items()):
        for records in consumer.poll(timeout_ms=300).values():
            for record in records:
                headers = dict(record.headers)
                found[headers["partition"], headers["offset"]] = (record.value, headers)
    consumer.close()
    return list(found.values())
