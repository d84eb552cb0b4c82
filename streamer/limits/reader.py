"""Reads the topics of the limits from their beginning, for ever, and knows how far behind it is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from streamer.limits.intake import Read

logger = logging.getLogger(__name__)

RETRY_S = 1.0
ASK_EVERY_S = 1.0
ASK_TIMEOUT_S = 5.0
FETCH_BYTES = 8 << 20
# Reading a fetch takes its time; what is decided meanwhile must not wait for all of it.
MAX_MESSAGES = 500


class Poll(NamedTuple):
    """What one look brought. `at_end` says whether everything there is has been read, as far as Kafka answered."""

    messages: Sequence[Read]
    at_end: bool
    positions: Mapping[tuple[str, int], int]


class StartedAgainError(Exception):
    """The topics are not those that were read before: whoever reads must begin anew."""


class TopicReader:
    """Reads all partitions of some topics, outside any group.

    What is new is read at once; Kafka is asked how far the topics go every `ask_every_s`, and work is done then.
    """

    def __init__(
        self, servers: str, topics: Sequence[str], clock_s: Callable[[], float], ask_every_s: float = ASK_EVERY_S
    ) -> None:
        self._ask_every_s = ask_every_s
        self._poll_ms = round(ask_every_s * 1000)
        self._servers = servers
        self._topics = tuple(topics)
        self._clock_s = clock_s

    async def read(self) -> AsyncIterator[Poll]:
        """Yield what there is, then whatever comes, also when that is nothing; waits for a Kafka that is not there.

        Raises:
            StartedAgainError: a topic is shorter than what was read of it.
        """
        consumer = await self._started()
        try:
            places = consumer.assignment()
            at_end, asked_at = False, -ASK_TIMEOUT_S
            ends: dict[TopicPartition, int] = {}
            while True:
                found = await consumer.getmany(timeout_ms=self._poll_ms if at_end else 50, max_records=MAX_MESSAGES)
                messages = [_read(record) for records in found.values() for record in records]
                if self._clock_s() - asked_at >= self._ask_every_s or (not at_end and not messages):
                    before, ends = ends, await self._ends(consumer, places)
                    at_end, asked_at = await self._is_at_end(consumer, before, ends), self._clock_s()
                    yield Poll(messages, at_end, await _positions(consumer, places))
                elif messages:
                    yield Poll(messages, at_end=False, positions=await _positions(consumer, places))
                if not messages and not at_end:
                    await asyncio.sleep(0.05)
        finally:
            await consumer.stop()

    async def _started(self) -> AIOKafkaConsumer:
        told = False
        while True:
            consumer = AIOKafkaConsumer(
                *self._topics,
                bootstrap_servers=self._servers,
                client_id="streamer-limits",
                group_id=None,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                max_partition_fetch_bytes=FETCH_BYTES,
                fetch_max_wait_ms=self._poll_ms,
            )
            try:
                await consumer.start()
            except KafkaError as error:
                await consumer.stop()
                if not told:
                    logger.warning(
                        "the topics of the limits cannot be read yet: %s (`streamer topics` makes them)", error
                    )
                    told = True
                await asyncio.sleep(RETRY_S)
            else:
                return consumer

    async def _ends(self, consumer: AIOKafkaConsumer, places: set[TopicPartition]) -> dict[TopicPartition, int]:
        """Where the topics end now; nothing if Kafka does not say."""
        try:
            async with asyncio.timeout(ASK_TIMEOUT_S):
                ends: dict[TopicPartition, int] = await consumer.end_offsets(places)
        except (KafkaError, TimeoutError):
            return {}
        return ends

    async def _is_at_end(
        self, consumer: AIOKafkaConsumer, before: dict[TopicPartition, int], ends: dict[TopicPartition, int]
    ) -> bool:
        """Whether all is read that was there now, or when last asked: on a busy topic something new always is."""
        if not ends:
            return False
        read = {place: await consumer.position(place) for place in ends}
        if any(read[place] > end for place, end in ends.items()):
            raise StartedAgainError
        return read == ends or (bool(before) and all(read[place] >= end for place, end in before.items()))


async def _positions(consumer: AIOKafkaConsumer, places: set[TopicPartition]) -> dict[tuple[str, int], int]:
    return {(place.topic, place.partition): await consumer.position(place) for place in places}


def _read(record: object) -> Read:
    return Read(*(getattr(record, name) for name in ("topic", "partition", "offset", "timestamp", "key", "value")))
