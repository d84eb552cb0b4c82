"""Cases from the topics of a running system: once, or for as long as somebody looks."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from streamer.cases.records import decode_alert, decode_limit, decode_member
from streamer.errors import BrokerError
from streamer.sinks.feedback import Feedback

if TYPE_CHECKING:
    from streamer.cases.store import CaseStore

logger = logging.getLogger(__name__)
POLL_MS = 500
MESSAGES_AT_A_TIME = 1_000
STALL_S = 30.0
AGAIN_S = 5.0
_decode_feedback: Final = msgspec.json.Decoder(Feedback).decode


class CaseTopics(NamedTuple):
    """The topics that cases are made of."""

    alerts: str
    members: str
    limits: str
    feedback: str


# The newest messages of a topic that are read: as many as a store holds, with room for what compaction left.
RECENT: Final = (5_000, 200_000, 200_000, 20_000)


async def follow(
    servers: str,
    topics: CaseTopics,
    store: CaseStore,
    ready: Callable[[], None] = lambda: None,
    again_s: float = AGAIN_S,
) -> None:
    """Read what is there and then everything new, until cancelled; a Kafka that fails is tried again.

    `ready` is called when what was there is read.
    """
    while True:
        try:
            async with _Reader(servers, topics, store) as reader:
                await reader.read_to_end()
                ready()
                while True:
                    await reader.take()
        except Exception as error:  # noqa: BLE001 - a page that cannot follow must not end the worker that shows it
            logger.warning("the page does not follow the topics for now (%s: %s)", type(error).__name__, error)
            await asyncio.sleep(again_s)


async def read_once(servers: str, topics: CaseTopics, store: CaseStore) -> None:
    """Read what is there now.

    Raises:
        BrokerError: a topic is missing, or Kafka does not answer.
    """
    try:
        async with _Reader(servers, topics, store) as reader:
            await reader.read_to_end()
    except KafkaError as error:
        raise BrokerError(servers, f"Kafka refused ({type(error).__name__})", "look at the broker's log") from error


class _Reader:
    """A consumer of all partitions of the topics, outside any group."""

    def __init__(self, servers: str, topics: CaseTopics, store: CaseStore) -> None:
        self._topics = topics
        self._servers = servers
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=servers, client_id="streamer-page", enable_auto_commit=False, auto_offset_reset="earliest"
        )
        self._take: dict[str, Callable[[bytes | None, bytes | None, int], None]] = {
            topics.alerts: lambda _, value, at_ms: None if value is None else store.alert(decode_alert(value), at_ms),
            topics.members: lambda _, value, __: None if value is None else store.member(decode_member(value)),
            topics.limits: lambda key, value, _: (
                store.lift((key or b"").decode()) if value is None else store.limit(decode_limit(value))
            ),
            topics.feedback: lambda _, value, __: None if value is None else store.feedback(_decode_feedback(value)),
        }
        self._ends: dict[TopicPartition, int] = {}

    async def __aenter__(self) -> Self:
        try:
            await self._consumer.start()
            await self._assign()
        except BaseException:
            await self._consumer.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    async def _assign(self) -> None:
        there = await self._consumer.topics()
        missing = [name for name in self._topics if name not in there]
        if missing:
            raise BrokerError(self._servers, f"no topic {', '.join(missing)}", "make it with `streamer topics`")
        # The client learns the partitions of a topic when it needs one of them; there is always a first.
        firsts = [TopicPartition(name, 0) for name in self._topics]
        self._consumer.assign(firsts)
        await self._consumer.beginning_offsets(firsts)
        partitions = {
            TopicPartition(name, number): recent
            for name, recent in zip(self._topics, RECENT, strict=True)
            for number in self._consumer.partitions_for_topic(name) or ()
        }
        self._consumer.assign(list(partitions))
        first = await self._consumer.beginning_offsets(list(partitions))
        self._ends = await self._consumer.end_offsets(list(partitions))
        for partition, recent in partitions.items():
            self._consumer.seek(partition, max(first[partition], self._ends[partition] - recent))

    async def read_to_end(self) -> None:
        """Take all that was there at the start."""
        heard = time.monotonic()
        while [part for part, end in self._ends.items() if await self._consumer.position(part) < end]:
            if await self.take():
                heard = time.monotonic()
            elif time.monotonic() - heard > STALL_S:
                raise BrokerError(self._servers, f"nothing could be read for {STALL_S:.0f} s", "is the broker well?")

    async def take(self) -> int:
        """Take what comes next; how many messages that was."""
        fetched = await self._consumer.getmany(timeout_ms=POLL_MS, max_records=MESSAGES_AT_A_TIME)
        for partition, messages in fetched.items():
            self._take_all(partition.topic, messages)
        await asyncio.sleep(0)  # others in this loop have work of their own
        return sum(map(len, fetched.values()))

    def _take_all(self, topic: str, messages: Sequence[Any]) -> None:
        take = self._take[topic]
        for message in messages:
            try:
                take(message.key, message.value, message.timestamp)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                logger.warning("%s holds what is no record of ours: %s", topic, error)
