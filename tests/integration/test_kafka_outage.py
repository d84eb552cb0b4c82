"""A Kafka that is killed under a running worker, and brought back: the answer is that of a replay."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from streamer.stream.worker import STOP_S
from tests.integration.live import SENSITIVE, LiveRun, difference, replayed, world
from tests.kafka_fixture import KafkaCluster

if TYPE_CHECKING:
    from pathlib import Path

    from tests.mortal_kafka import MortalBroker

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.skipif("LARGE_WORLDS" not in os.environ, reason="takes a minute: set LARGE_WORLDS=1"),
]


def test_nothing_is_lost_or_doubled_while_kafka_is_gone(broker: MortalBroker, tmp_path: Path) -> None:
    events = world("small", tmp_path)
    lines = events.read_bytes().splitlines(keepends=True)
    before, after = tmp_path / "before.jsonl", tmp_path / "after.jsonl"
    before.write_bytes(b"".join(lines[: len(lines) * 9 // 10]))
    after.write_bytes(b"".join(lines[len(lines) * 9 // 10 :]))
    # Nobody may be taken for idle while Kafka is away, or what comes after is late.
    with LiveRun(KafkaCluster(broker.bootstrap_servers), tmp_path, SENSITIVE, partitions=2, idle_s=60.0) as run:
        expected = replayed([events], tmp_path / "replay", run.config_path)
        last = list(expected["alerts"].values())[-1]
        run.start()
        run.produce(before)
        run.wait_for_alert(lambda found: found["status"] == "firing")
        broker.kill()
        with broker.back():
            run.produce(after)
            run.wait_for_alert(lambda found: found == last)
            run.settle()
            assert difference(expected, run.records()) == ""


def test_a_worker_without_kafka_says_so_in_few_lines_and_ends_when_it_is_told_to(
    broker: MortalBroker, tmp_path: Path
) -> None:
    events = world("small", tmp_path)
    with LiveRun(KafkaCluster(broker.bootstrap_servers), tmp_path, SENSITIVE, partitions=2) as run:
        run.start()
        run.produce(events)
        run.wait_for_alert(lambda found: found["status"] == "firing")
        broker.kill()
        time.sleep(10)
        said = run.log_path.read_text(encoding="utf-8", errors="replace")
        assert "Connection refused" in said
        assert said.count("\n") < 100
        run.workers[0].send_signal(signal.SIGTERM)
        assert run.workers[0].wait(STOP_S + 10) == 1
        assert "leaving without a last checkpoint" in run.log_path.read_text(encoding="utf-8", errors="replace")
