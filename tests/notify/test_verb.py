"""`streamer notify`: the program itself, started as a user starts it."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml

from streamer.wiring.demonstration import free_port
from tests.cli.conftest import clean_environment
from tests.notify.bench import Bench
from tests.notify.programs import Inbox, answers
from tests.notify.records import alert
from tests.patience import PATIENCE_S, until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.kafka_fixture import KafkaCluster

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


def test_it_tells_where_no_worker_does_and_ends_when_told(kafka: KafkaCluster, tmp_path: Path, root: Path) -> None:
    with Inbox() as inbox, contextlib.closing(Bench(kafka, tmp_path, root, inbox)) as bench:
        port = free_port()
        document = bench.config.model_dump(mode="json", exclude={"detection"})
        document["alertmanager"]["port"] = port
        path = tmp_path / "my.yaml"
        path.write_text(yaml.safe_dump(document), encoding="utf-8")
        command = [sys.executable, "-m", "streamer"]
        refused = subprocess.run(
            [*command, "check", "--config", str(path)], capture_output=True, text=True, check=False,
            env=clean_environment(),
        )  # fmt: skip
        assert "alertmanager.urls: found" in refused.stderr
        with bench.alertmanager.running():
            process = subprocess.Popen([*command, "notify", "--config", str(path)], env=clean_environment())
            try:
                until(lambda: answers(f"http://127.0.0.1:{port}/ready"), "it is ready")
                bench.write(alert("a-1"))
                assert bench.notified()["groupLabels"]["cluster_id"] == "c-1"
                process.send_signal(signal.SIGTERM)
                assert process.wait(PATIENCE_S) == 0
            finally:
                process.kill()
                process.wait()
