"""Objects of the page of alerts."""

from __future__ import annotations

import time
import uuid
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING

from streamer.config import StreamerConfig
from streamer.wiring.cases import case_topics, exporters, send_all
from streamer.wiring.settings import wall_clock_ms

if TYPE_CHECKING:
    from streamer.cases.store import CaseStore
    from streamer.sinks.encode import Message
    from streamer.web.desk import Desk


def desk(
    config: StreamerConfig, store: CaseStore, send: Callable[[Iterable[Message]], Awaitable[None]], token: str
) -> Desk:
    """Where a person decides about the cases of a store; read-only without a token."""
    from streamer.web.access import Access
    from streamer.web.desk import Desk, Ports

    topics = config.kafka.topics
    ports = Ports(
        send=send,
        clock_ms=wall_clock_ms,
        new_id=lambda: uuid.uuid4().hex,
        exporters=exporters(config),
        feedback_topic=topics.feedback,
        limits_topic=topics.limits,
    )
    return Desk(store, Access(token, time.time), ports)


class LiveCases:
    """Cases that follow the topics of a running system, and the way to write to them."""

    def __init__(self, config: StreamerConfig, token: str) -> None:
        from streamer.cases.store import CaseStore
        from streamer.stream.sender import KafkaSender

        self._config = config
        self._store = CaseStore()
        self._sender = KafkaSender(config.kafka.bootstrap_servers)
        self.desk = desk(config, self._store, self._send, token)

    async def follow(self) -> None:
        """Keep the cases up to date, until cancelled."""
        from streamer.cases.following import follow

        kafka = self._config.kafka
        try:
            await follow(kafka.bootstrap_servers, case_topics(kafka.topics), self._store)
        finally:
            await self._sender.stop()

    async def _send(self, messages: Iterable[Message]) -> None:
        await send_all(self._sender, messages)
