from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from kafka.admin import KafkaAdminClient

from streamer.broker import SERVERS_VARIABLE, open_broker, unavailable_reason
from streamer.wiring.demonstration import free_port
from tests.limits.stand import running
from tests.patience import PATIENCE_S, until

HOLDER = """
import sys
from streamer.broker import Broker
broker = Broker()
broker.start()
print(broker.bootstrap_servers, broker.log_path.parent, flush=True)
sys.stdin.read()
"""


def test_a_machine_without_java_or_maven_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(SERVERS_VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "java" in (unavailable_reason() or "")
    (tmp_path / "java").touch(mode=0o755)
    assert "mvn" in (unavailable_reason({"XDG_CACHE_HOME": str(tmp_path)}) or "")


def test_a_broker_that_is_named_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SERVERS_VARIABLE, "kafka.example:9092")
    monkeypatch.setenv("PATH", "")
    assert unavailable_reason() is None
    with open_broker() as servers:
        assert servers == "kafka.example:9092"


@pytest.mark.kafka
@pytest.mark.parametrize("how", ["asked", "killed"])
def test_the_broker_ends_with_whoever_started_it(how: str) -> None:
    reason = unavailable_reason({**os.environ, SERVERS_VARIABLE: ""})
    if reason:
        pytest.skip(f"no Kafka: {reason}")
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        servers, directory = holder.stdout.readline().split()
        host, port = servers.split(":")
        with socket.create_connection((host, int(port))) as connection:
            if how == "killed":
                holder.send_signal(signal.SIGKILL)
            else:
                holder.stdin.close()
            holder.wait(PATIENCE_S)
            connection.settimeout(PATIENCE_S)
            with contextlib.suppress(ConnectionResetError):
                assert connection.recv(1) == b""
    until(lambda: not Path(directory).exists(), "its directory is gone")


def test_one_to_try_things_out_stays_until_it_is_told_to_end(tmp_path: Path) -> None:
    reason = unavailable_reason({"KAFKA_BOOTSTRAP_SERVERS": ""})
    if reason:
        pytest.skip(f"no Kafka: {reason}")
    port = free_port()
    with running([sys.executable, "-m", "streamer.broker", str(port)], tmp_path) as process:
        log = next(tmp_path.glob("*.log"))
        until(lambda: f"Kafka at 127.0.0.1:{port}" in log.read_text(encoding="utf-8"), "it says where it is")
        admin = KafkaAdminClient(bootstrap_servers=f"127.0.0.1:{port}")
        admin.close()
        process.terminate()
        assert process.wait(PATIENCE_S) == 130
