"""Reads the topics of results from their beginning, in no consumer group, and keeps a situation up to date."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from streamer.notify.records import AlertRecord, FeedbackRecord, LimitRecord, MemberRecord, read
from streamer.notify.situation import Situation

logger = logging.getLogger(__name__)
POLL_MS = 500
MAX_RECORDS = 500

OnChange = Callable[[set[str], int], None]
"""Told the ids of the alerts that a record touched, and when that record was written."""


@dataclass(frozen=True, slots=True)
class FollowedTopics:
    """Where the records come from."""

    alerts: str
    members: str
    limits: str
    feedback: str


class Follower:
    """Feeds one situation. `on_change` is called for every record that touches an alert."""

    def __init__(self, servers: str, topics: FollowedTopics, situation: Situation, on_change: OnChange) -> None:
        self._servers = servers
        self._situation = situation
        self._on_change = on_change
        self._take: Mapping[str, Callable[[Any], None]] = {
            topics.members: self._member,
            topics.alerts: self._alert,
            topics.limits: self._limit,
            topics.feedback: self._feedback,
        }
        self._consumer: AIOKafkaConsumer | None = None
        self._read = asyncio.Condition()

    async def run(self) -> None:
        """Read until cancelled; a Kafka that fails raises."""
        consumer = AIOKafkaConsumer(
            *self._take,
            bootstrap_servers=self._servers,
            client_id="streamer-follow",
            group_id=None,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=4 << 20,
        )
        try:
            await consumer.start()
            self._consumer = consumer
            while True:
                found = await consumer.getmany(timeout_ms=POLL_MS, max_records=MAX_RECORDS)
                for partition, messages in found.items():
                    take = self._take[partition.topic]
                    for message in messages:
                        take(message)
                    await asyncio.sleep(0)  # this loop is the detector's too
                async with self._read:
                    self._read.notify_all()
        finally:
            self._consumer = None
            await consumer.stop()

    async def catch_up(self) -> None:
        """Return when all that had been written before the call was read."""
        async with self._read:
            await self._read.wait_for(lambda: self._consumer is not None)
            consumer = self._consumer
        if consumer is None:
            return
        ends: Mapping[TopicPartition, int] = await consumer.end_offsets(consumer.assignment())
        for partition, end in ends.items():
            while await consumer.position(partition) < end:
                async with self._read:
                    await self._read.wait()
        # A position moves when messages are handed out; a whole round later they have been taken in.
        async with self._read:
            await self._read.wait()

    def _alert(self, message: Any) -> None:  # noqa: ANN401 - aiokafka ships no types
        record = read(message.value, AlertRecord) if message.value is not None else None
        if record is None:
            logger.warning("offset %d of %s holds no alert", message.offset, message.topic)
            return
        self._tell(self._situation.alert(record, message.timestamp), message)

    def _member(self, message: Any) -> None:  # noqa: ANN401
        record = read(message.value, MemberRecord) if message.value is not None else None
        if record is not None:
            self._tell(self._situation.member(record, message.timestamp), message)

    def _limit(self, message: Any) -> None:  # noqa: ANN401
        record = read(message.value, LimitRecord) if message.value is not None else None
        self._situation.limit((message.key or b"").decode(errors="replace"), record, message.timestamp)

    def _feedback(self, message: Any) -> None:  # noqa: ANN401
        record = read(message.value, FeedbackRecord) if message.value is not None else None
        if record is not None:
            self._tell(self._situation.feedback(record, message.timestamp), message)

    def _tell(self, touched: set[str], message: Any) -> None:  # noqa: ANN401
        if touched:
            self._on_change(touched, message.timestamp)
