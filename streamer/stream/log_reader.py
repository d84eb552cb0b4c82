"""Reads a stretch of one partition, outside any consumer group."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Literal

from aiokafka import AIOKafkaConsumer, TopicPartition

from streamer.errors import BrokerError
from streamer.stream.messages import Position, Stored

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

FETCH_BYTES = 8 << 20
POLL_MS = 500
STALL_S = 60.0


class LogReader:
    """Reads from `start` to `stop` what is really there. One stretch at a time; callers queue.

    Faust delivers the stream; this is how a worker restores its state, and how it fetches what was never delivered.
    """

    def __init__(self, bootstrap_servers: str, isolation: Literal["read_committed", "read_uncommitted"]) -> None:
        self._servers = bootstrap_servers
        self._isolation = isolation
        self._consumer: AIOKafkaConsumer | None = None
        self._lock = asyncio.Lock()

    async def first_offset(self, position: Position) -> int:
        """Give the offset of the oldest message that may still be there."""
        async with self._lock:
            consumer = await self._started()
            target = TopicPartition(*position)
            return int((await consumer.beginning_offsets([target]))[target])

    async def end_offset(self, position: Position) -> int:
        """Give the offset after the newest message that can be read."""
        async with self._lock:
            consumer = await self._started()
            target = TopicPartition(*position)
            return int((await consumer.end_offsets([target]))[target])

    async def read(self, position: Position, start: int, stop: int) -> AsyncIterator[list[Stored]]:
        """Yield the messages with offsets in [start, stop), in order, in lists.

        Offsets that do not exist (compaction, transaction markers, retention) are passed over.

        Raises:
            BrokerError: nothing came for a minute.
        """
        if start >= stop:
            return
        async with self._lock:
            consumer = await self._started()
            target = TopicPartition(*position)
            consumer.assign([target])
            try:
                first = (await consumer.beginning_offsets([target]))[target]
                consumer.seek(target, max(start, first))
                deadline = time.monotonic() + STALL_S
                while await consumer.position(target) < stop:
                    found = (await consumer.getmany(target, timeout_ms=POLL_MS)).get(target, [])
                    messages = [Stored(r.offset, r.key, r.value) for r in found if r.offset < stop]
                    if messages:
                        deadline = time.monotonic() + STALL_S
                        yield messages
                    elif time.monotonic() > deadline:
                        where = f"{position.topic}, partition {position.partition}"
                        raise BrokerError(where, f"nothing could be read for {STALL_S:.0f} s", "is the broker well?")
            finally:
                consumer.unsubscribe()

    async def stop(self) -> None:
        """Close the connection."""
        async with self._lock:
            if self._consumer is not None:
                await self._consumer.stop()
                self._consumer = None

    async def _started(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            consumer = AIOKafkaConsumer(
                bootstrap_servers=self._servers,
                isolation_level=self._isolation,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                max_partition_fetch_bytes=FETCH_BYTES,
            )
            await consumer.start()
            self._consumer = consumer
        return self._consumer
