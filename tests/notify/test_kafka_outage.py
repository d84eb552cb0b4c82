"""A Kafka that is killed under `streamer notify` and brought back: nothing lost, nothing doubled, nothing resolved."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

import pytest
import yaml

from streamer.wiring.demonstration import free_port
from tests.cli.conftest import clean_environment
from tests.kafka_fixture import KafkaCluster
from tests.limits.stand import ask, running
from tests.notify.bench import Bench
from tests.notify.programs import Inbox
from tests.notify.records import account_alert, alert, member
from tests.patience import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.mortal_kafka import MortalBroker

pytestmark = [pytest.mark.kafka, pytest.mark.slow]
QUIET_S = 1.5  # more than a group's interval and a resend
SENT = 'streamer_notify_deliveries_total{outcome="ok",target="alertmanager"}'


def sent(port: int) -> float:
    """How often Alertmanager was told so far."""
    lines = ask(f"http://127.0.0.1:{port}/metrics").body.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(SENT))


def told(bench: Bench) -> tuple[str, str]:
    """The next notification: what became of which cluster."""
    body = bench.notified()
    return body["status"], body["groupLabels"]["cluster_id"]


def test_nothing_is_lost_or_doubled_while_kafka_is_gone(broker: MortalBroker, root: Path, tmp_path: Path) -> None:
    port = free_port()
    with (
        Inbox() as inbox,
        contextlib.closing(Bench(KafkaCluster(broker.bootstrap_servers), tmp_path, root, inbox)) as bench,
    ):
        document = bench.config.model_dump(mode="json", exclude={"detection"})
        document["alertmanager"]["port"] = port
        path = tmp_path / "my.yaml"
        path.write_text(yaml.safe_dump(document), encoding="utf-8")
        command = [sys.executable, "-m", "streamer", "notify", "--config", str(path)]
        with bench.alertmanager.running(), running(command, tmp_path, environment=clean_environment()) as notifying:
            until(lambda: ask(f"http://127.0.0.1:{port}/ready").status == 200, "it is ready")
            bench.write(alert("a-1"), alert("a-2"), member("ada", "c-1"), account_alert("ada"))
            assert {told(bench), told(bench)} == {("firing", "c-1"), ("firing", "c-2")}
            bench.close()
            broker.kill()
            # What fires is said again all the same, or Alertmanager would take it for over.
            before = sent(port)
            until(lambda: sent(port) >= before + 3, "it goes on telling")
            assert notifying.poll() is None
            assert inbox.rest(QUIET_S) == []
            with broker.back():
                bench.reconnect()
                bench.write(alert("a-1", 2, status="resolved"), alert("a-2", 2), alert("a-3"))
                assert {told(bench), told(bench)} == {("resolved", "c-1"), ("firing", "c-3")}
                assert inbox.rest(QUIET_S) == []
                until(lambda: {found["cluster_id"] for found in bench.firing()} == {"c-2", "c-3"}, "no more, no less")
                bench.close()
