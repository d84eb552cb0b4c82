"""One of all workers speaks to the world: the one that holds the topic of alerts in a consumer group of its own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener

POLL_MS = 500


class Lead:
    """Runs something while this process is the one. Nothing is read in the group: its topic stays paused."""

    def __init__(self, servers: str, topic: str, group: str) -> None:
        self._servers = servers
        self._topic = topic
        self._group = group

    async def run(self, work: Callable[[], Awaitable[None]]) -> None:
        """Until cancelled: begin `work` when the lead is won, cancel it when it is lost. What it raises is raised."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._servers,
            client_id="streamer-lead",
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="latest",
        )
        holding = _Holding(consumer)
        working: asyncio.Future[None] | None = None
        try:
            await consumer.start()
            consumer.subscribe([self._topic], listener=holding)
            while True:
                await consumer.getmany(timeout_ms=POLL_MS)
                if holding.is_held and working is None:
                    working = holding.working = asyncio.ensure_future(work())
                if working is not None and working.done():
                    if not working.cancelled():
                        working.result()
                    working = None
        finally:
            await holding.let_go()
            await consumer.stop()


class _Holding(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka ships no types
    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self.is_held = False
        self.working: asyncio.Future[None] | None = None
        self._consumer = consumer

    async def on_partitions_revoked(self, _revoked: Collection[Any]) -> None:
        """Stop before another may begin."""
        self.is_held = False
        await self.let_go()

    async def on_partitions_assigned(self, assigned: Collection[Any]) -> None:
        """Begin, if the topic's first partition is ours."""
        self._consumer.pause(*assigned)
        self.is_held = any(partition.partition == 0 for partition in assigned)

    async def let_go(self) -> None:
        """End the work and wait until it has ended."""
        if self.working is not None:
            self.working.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await self.working
            self.working = None
