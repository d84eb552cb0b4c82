"""A real Kafka for the session, or a skip that says why there is none."""

from __future__ import annotations

import contextlib
import fcntl
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka.admin import KafkaAdminClient, NewTopic

from streamer.broker import open_broker, unavailable_reason


class KafkaCluster:
    """The broker of the session, and topics with names of their own for each test."""

    def __init__(self, servers: str) -> None:
        self.servers = servers

    def unique(self, name: str) -> str:
        return f"{name}-{uuid.uuid4().hex[:8]}"

    def create(self, partitions: dict[str, int], configs: dict[str, dict[str, str]] | None = None) -> None:
        admin = KafkaAdminClient(bootstrap_servers=self.servers)
        try:
            topics = [NewTopic(n, p, 1, topic_configs=(configs or {}).get(n, {})) for n, p in partitions.items()]
            admin.create_topics(topics)
        finally:
            admin.close()


@contextlib.contextmanager
def shared_broker(directory: Path) -> Iterator[str]:
    """Yield one broker's servers to all processes that share a directory.

    Whoever asks first starts it, and stops it once nobody uses it any more.
    """
    servers = directory / "kafka.servers"
    with (directory / "kafka.change").open("w") as change, (directory / "kafka.use").open("w") as use:
        fcntl.flock(change, fcntl.LOCK_EX)
        if servers.exists():
            fcntl.flock(use, fcntl.LOCK_SH)
            fcntl.flock(change, fcntl.LOCK_UN)
            yield servers.read_text(encoding="utf-8")
            return
        with open_broker() as started:
            servers.write_text(started, encoding="utf-8")
            fcntl.flock(change, fcntl.LOCK_UN)
            try:
                yield started
            finally:
                # Nobody may find it while it ends.
                fcntl.flock(change, fcntl.LOCK_EX)
                fcntl.flock(use, fcntl.LOCK_EX)
                servers.unlink()


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> KafkaCluster:
    """One broker for the whole session, shared by all of its workers."""
    if reason := unavailable_reason():
        pytest.skip(f"no Kafka: {reason}")
    directory = tmp_path_factory.getbasetemp()
    if hasattr(request.config, "workerinput"):
        # That of a worker is within that of the session.
        directory = directory.parent
    stack = contextlib.ExitStack()
    servers = stack.enter_context(shared_broker(directory))
    # Waiting for others is no part of any test, and of no test's time.
    request.config.add_cleanup(stack.close)
    return KafkaCluster(servers)
