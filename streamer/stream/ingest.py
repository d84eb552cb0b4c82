"""`streamer ingest`: from a gateway's own topic to the input topic: normalized, pseudonymized, packed by partition.

Work is done in rounds: read for a while, send what came of it, wait until the broker has all of it, and only then
commit the offsets read. A crash in between repeats a round, and the repeated events are known by their `event_id`.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError, MessageSizeTooLargeError

from streamer.errors import BrokerError
from streamer.sources.batch import Batch, Reject
from streamer.sources.formats import AUTO, NATIVE, detect
from streamer.stream.messages import Outgoing, Position
from streamer.stream.packing import Packer
from streamer.stream.rejecting import rejected
from streamer.stream.sender import MAX_MESSAGE_BYTES
from streamer.stream.servers import require_servers

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from streamer.sources.decode import Decoder
    from streamer.sources.event import RequestEvent

logger = logging.getLogger(__name__)

_FETCH_BYTES = 4 << 20
_ROUND_BYTES = 32 << 20
# Of a reject that no topic takes whole.
_CUT_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class IngestSettings:
    """Where events come from and go to, and how many go together."""

    bootstrap_servers: str
    source_topic: str
    target_topic: str
    reject_topic: str
    group: str
    format_name: str = AUTO
    batch_events: int = 500
    linger_ms: int = 200
    max_message_bytes: int = 1_000_000
    round_messages: int = 5_000


@dataclass(slots=True)
class IngestCounts:
    """What was done so far."""

    messages: int = 0
    events: int = 0
    rejected: int = 0
    sent: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    fields_dropped: dict[str, int] = field(default_factory=dict)

    def add(self, batch: Batch) -> None:
        """Count what one message held."""
        self.messages += 1
        self.events += len(batch.events)
        self.rejected += len(batch.rejects)
        for reject in batch.rejects:
            self.reasons[reject.reason] = self.reasons.get(reject.reason, 0) + 1
        for name, times in batch.fields_dropped.items():
            self.fields_dropped[name] = self.fields_dropped.get(name, 0) + times


class Record(Protocol):
    """A message as the consumer gives it."""

    @property
    def key(self) -> bytes | None:
        """Its key."""

    @property
    def value(self) -> bytes | None:
        """Its value."""

    @property
    def offset(self) -> int:
        """Where it lies in its partition."""


class Ingest:
    """One worker. Start as many as the source topic has partitions, at most.

    `decoder` builds the decoder of a format, and `change` is applied to each event: pseudonyms, for instance. `observe`
    is told of each message's batch.
    """

    def __init__(
        self,
        settings: IngestSettings,
        decoder: Callable[[str], Decoder],
        change: Callable[[RequestEvent], RequestEvent] | None = None,
        observe: Callable[[Batch], None] | None = None,
    ) -> None:
        self.counts = IngestCounts()
        self._settings = settings
        self._decoder_of = decoder
        self._native = decoder(NATIVE)
        self._decoder = None if settings.format_name == AUTO else decoder(settings.format_name)
        self._change = change
        self._observe = observe

    async def run(self, stop: asyncio.Event, ready: Callable[[], None] | None = None) -> IngestCounts:
        """Work until `stop` is set; the round begun then is finished. `ready` is called once Kafka is reached."""
        settings = self._settings
        await asyncio.to_thread(require_servers, settings.bootstrap_servers)
        consumer = AIOKafkaConsumer(
            settings.source_topic,
            bootstrap_servers=settings.bootstrap_servers,
            group_id=settings.group,
            client_id="streamer-ingest",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=_FETCH_BYTES,
        )
        producer = AIOKafkaProducer(
            bootstrap_servers=settings.bootstrap_servers,
            client_id="streamer-ingest",
            enable_idempotence=True,
            max_request_size=MAX_MESSAGE_BYTES,
            max_batch_size=1 << 20,
        )
        try:
            await self._reach(consumer.start())
            await self._reach(producer.start())
            if ready is not None:
                ready()
            while not stop.is_set():
                await self._round(consumer, producer, stop)
        except MessageSizeTooLargeError as error:
            remedy = "raise max.message.bytes of the topic, or run `streamer topics`"
            raise BrokerError(settings.target_topic, "a batch of events is too large for it", remedy) from error
        except KafkaError as error:
            found = f"Kafka failed ({type(error).__name__}: {error})"
            raise BrokerError(settings.bootstrap_servers, found, "look at the broker's log; nothing is lost") from error
        finally:
            await consumer.stop()
            await producer.stop()
        return self.counts

    async def _reach(self, started: Awaitable[None]) -> None:
        try:
            await started
        except KafkaError as error:
            found = f"no Kafka answers ({type(error).__name__})"
            servers = self._settings.bootstrap_servers
            raise BrokerError(servers, found, "start it, or correct kafka.bootstrap_servers") from error

    async def _round(self, consumer: AIOKafkaConsumer, producer: AIOKafkaProducer, stop: asyncio.Event) -> None:
        settings = self._settings
        packer: Packer | None = None
        futures: list[asyncio.Future[object]] = []
        offsets: dict[object, int] = {}
        read = read_bytes = 0
        loop = asyncio.get_running_loop()
        deadline = loop.time() + settings.linger_ms / 1000
        while read < settings.round_messages and read_bytes < _ROUND_BYTES and not stop.is_set():
            left_ms = int((deadline - loop.time()) * 1000)
            if left_ms <= 0:
                break
            found = await consumer.getmany(timeout_ms=left_ms, max_records=settings.round_messages - read)
            for partition, records in found.items():
                packer = packer or await self._packer(producer)
                position = Position(partition.topic, partition.partition)
                for record in records:
                    for message in self._take(record, position, packer):
                        futures.append(await self._send(producer, message))  # noqa: PERF401 - it awaits
                offsets[partition] = records[-1].offset + 1
                read += len(records)
                read_bytes += sum(len(record.value or b"") for record in records)
        if packer is not None:
            futures += [await self._send(producer, message) for message in packer.flush()]
        await asyncio.gather(*futures)
        if offsets:
            await _commit(consumer, offsets)

    async def _packer(self, producer: AIOKafkaProducer) -> Packer:
        settings = self._settings
        partitions = len(await producer.partitions_for(settings.target_topic))
        return Packer(
            settings.target_topic,
            partitions,
            batch_events=settings.batch_events,
            max_bytes=settings.max_message_bytes,
        )

    def _take(self, record: Record, position: Position, packer: Packer) -> list[Outgoing]:
        batch = self._decoded(record.value)
        self.counts.add(batch)
        if self._observe is not None:
            self._observe(batch)
        rejects = self._settings.reject_topic
        messages = [rejected(rejects, reject, position, record.offset, record.key) for reject in batch.rejects]
        for event in batch.events:
            full = packer.put(event if self._change is None else self._change(event))
            if full is not None:
                messages.append(full)
        return messages

    def _decoded(self, value: bytes | None) -> Batch:
        if value is None:
            return Batch(rejects=[Reject("not_json", "no value", b"", 0)])
        if self._decoder is None:
            found = detect(value)
            if found is None:
                return self._native.decode(value)
            logger.info("the records of %s are taken as %s", self._settings.source_topic, found)
            self._decoder = self._decoder_of(found)
        return self._decoder.decode(value)

    async def _send(self, producer: AIOKafkaProducer, message: Outgoing) -> asyncio.Future[object]:
        self.counts.sent += 1
        if message.topic != self._settings.reject_topic:
            return await _sent(producer, message)
        # A reject may be larger than its topic allows, and must not stop what comes after it.
        return asyncio.ensure_future(_send_reject(producer, message))


async def _sent(producer: AIOKafkaProducer, message: Outgoing) -> asyncio.Future[object]:
    sent: asyncio.Future[object] = await producer.send(
        message.topic, message.value, key=message.key, partition=message.partition, headers=list(message.headers)
    )
    return sent


async def _send_reject(producer: AIOKafkaProducer, message: Outgoing) -> object:
    value = message.value or b""
    try:
        return await (await _sent(producer, message))
    except MessageSizeTooLargeError:
        headers = (*message.headers, ("bytes", str(len(value)).encode()))
        return await (await _sent(producer, message._replace(value=value[:_CUT_BYTES], headers=headers)))


async def _commit(consumer: AIOKafkaConsumer, offsets: dict[object, int]) -> None:
    try:
        await consumer.commit(offsets)
    except (CommitFailedError, IllegalStateError) as error:
        # The partition went to another worker, which reads the round again: at least once.
        logger.warning("offsets not committed, a round will be repeated: %s", error)
