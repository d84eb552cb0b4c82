"""Sends results to their topics, in order and once each as far as one producer can promise."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaProducer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamer.stream.messages import Outgoing

# The topics between the stages and that of rejects are made for messages of this size.
MAX_MESSAGE_BYTES = 16 << 20
LINGER_MS = 0


class KafkaSender:
    """An idempotent producer shared by all partitions of a worker; started by its first use."""

    def __init__(self, bootstrap_servers: str) -> None:
        self._servers = bootstrap_servers
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()

    async def send(self, messages: Sequence[Outgoing]) -> None:
        """Send `messages` and return once every one of them is acknowledged by all replicas."""
        if not messages:
            return
        producer = self._producer or await self._start()
        sent = [
            await producer.send(
                message.topic,
                message.value,
                key=message.key,
                partition=message.partition,
                headers=list(message.headers),
            )
            for message in messages
        ]
        await asyncio.gather(*sent)

    async def stop(self) -> None:
        """Close the connection."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

    async def _start(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    bootstrap_servers=self._servers,
                    enable_idempotence=True,
                    max_request_size=MAX_MESSAGE_BYTES,
                    linger_ms=LINGER_MS,
                )
                await producer.start()
                self._producer = producer
            return self._producer
