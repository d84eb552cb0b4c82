"""One broker is shared by the workers of a session."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

import pytest

from streamer.errors import BrokerError
from tests.kafka_fixture import shared_broker


def test_who_started_a_broker_keeps_it_until_nobody_uses_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = contextlib.ExitStack(), contextlib.ExitStack()
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "started-first:9092")
    assert first.enter_context(shared_broker(tmp_path)) == "started-first:9092"
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "started-next:9092")
    assert second.enter_context(shared_broker(tmp_path)) == "started-first:9092"
    ending = threading.Thread(target=first.close)
    ending.start()
    ending.join(0.2)
    assert ending.is_alive()
    second.close()
    ending.join()
    with shared_broker(tmp_path) as servers:
        assert servers == "started-next:9092"


def test_what_failed_to_start_is_tried_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BrokerError, match="no broker can be started"), shared_broker(tmp_path):
        pass
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "another:9092")
    with shared_broker(tmp_path) as servers:
        assert servers == "another:9092"
