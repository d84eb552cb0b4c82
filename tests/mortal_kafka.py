"""A real Kafka of a test's own that is killed and brought back."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from streamer.broker import Broker, _java, fetch, unavailable_reason
from tests.limits.stand import running
from tests.patience import until

if TYPE_CHECKING:
    from collections.abc import Iterator


class MortalBroker(Broker):
    """A broker that can be killed and comes back with all it had, on the same port."""

    def kill(self) -> None:
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text(encoding="ascii")
        for child in children.split():
            os.kill(int(child), signal.SIGKILL)
        self._process.wait()

    @contextlib.contextmanager
    def back(self) -> Iterator[None]:
        properties = str(self._directory / "server.properties")
        command = [*_java(fetch(self._cache, lambda _: None)), "kafka.Kafka", properties]
        log = self._directory / "java.log"
        with running(command, self._directory):
            until(lambda: "Kafka Server started" in log.read_text(errors="replace"), "Kafka is back")
            yield


@pytest.fixture
def broker() -> Iterator[MortalBroker]:
    """One that runs."""
    reason = unavailable_reason({"KAFKA_BOOTSTRAP_SERVERS": ""})
    if reason:
        pytest.skip(f"no Kafka to be killed: {reason}")
    found = MortalBroker()
    found.start()
    yield found
    found.stop()
