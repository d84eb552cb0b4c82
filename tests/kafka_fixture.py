"""A real Kafka for the session, or a skip that says why there is none."""

from __future__ import annotations

import contextlib
import uuid

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


CLUSTER = pytest.StashKey[KafkaCluster]()


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest) -> KafkaCluster:
    """One broker for the whole session, whichever conftest asks for it."""
    config = request.config
    if CLUSTER not in config.stash:
        reason = unavailable_reason()
        if reason:
            pytest.skip(f"no Kafka: {reason}")
        stack = contextlib.ExitStack()
        config.stash[CLUSTER] = KafkaCluster(stack.enter_context(open_broker()))
        config.add_cleanup(stack.close)
    return config.stash[CLUSTER]
