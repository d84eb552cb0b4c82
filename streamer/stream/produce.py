"""`streamer produce`: events from files to the input topic."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kafka import KafkaProducer
from kafka.errors import KafkaError

from streamer.errors import BrokerError
from streamer.stream.packing import Packer
from streamer.stream.servers import require_servers

if TYPE_CHECKING:
    from streamer.sources.batch import Batch
    from streamer.sources.event import RequestEvent
    from streamer.stream.messages import Outgoing
    from streamer.stream.pace import Pace

ANSWER_MS = 10_000
_ACKNOWLEDGED_S = 120
# A pause this long lets what is not full yet go out first.
_PAUSE_S = 0.02
# The client buffers without bound: what is not acknowledged yet is bounded here.
_UNACKNOWLEDGED_BYTES = 32 << 20
_UNACKNOWLEDGED = 20_000


@dataclass(slots=True)
class Produced:
    """What was sent, and what was not."""

    events: int = 0
    messages: int = 0
    rejected: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    fields_dropped: Counter[str] = field(default_factory=Counter)

    def as_record(self) -> dict[str, Any]:
        """The same as plain data."""
        return {
            "events": self.events,
            "messages": self.messages,
            "rejected": self.rejected,
            "reasons": dict(self.reasons),
            "fields_dropped": dict(self.fields_dropped),
        }


class TopicWriter:
    """Sends events to one topic, each to the partition of its account. A delivery that fails raises.

    `change` is applied to each event on its way: pseudonyms, for instance.
    """

    def __init__(
        self,
        producer: KafkaProducer,
        packer: Packer,
        pace: Pace,
        sleep: Callable[[float], object],
        change: Callable[[RequestEvent], RequestEvent] | None = None,
    ) -> None:
        self.produced = Produced()
        self._producer = producer
        self._packer = packer
        self._pace = pace
        self._sleep = sleep
        self._change = change
        self._waiting: deque[tuple[Any, int]] = deque()
        self._waiting_bytes = 0

    def write(self, batches: Iterable[Batch]) -> Produced:
        """Send everything, wait until the broker has it, and say what was done."""
        produced = self.produced
        for batch in batches:
            for event in batch.events:
                self._send_event(event)
            produced.events += len(batch.events)
            produced.rejected += len(batch.rejects)
            produced.reasons.update(reject.reason for reject in batch.rejects)
            produced.fields_dropped.update(batch.fields_dropped)
        self._flush()
        while self._waiting:
            self._acknowledge()
        return produced

    def _send_event(self, event: RequestEvent) -> None:
        wait_s = self._pace.wait_s(event.timestamp_ms)
        if wait_s > _PAUSE_S:
            self._flush()
            self._sleep(wait_s)
        message = self._packer.put(event if self._change is None else self._change(event))
        if message is not None:
            self._send(message)

    def _flush(self) -> None:
        for message in self._packer.flush():
            self._send(message)

    def _send(self, message: Outgoing) -> None:
        size = len(message.value or b"")
        while self._waiting and (
            self._waiting_bytes + size > _UNACKNOWLEDGED_BYTES or len(self._waiting) >= _UNACKNOWLEDGED
        ):
            self._acknowledge()
        try:
            future = self._producer.send(message.topic, message.value, key=message.key, partition=message.partition)
        except KafkaError as error:
            raise _undelivered(message.topic, error) from error
        self._waiting.append((future, size))
        self._waiting_bytes += size
        self.produced.messages += 1

    def _acknowledge(self) -> None:
        future, size = self._waiting.popleft()
        self._waiting_bytes -= size
        try:
            future.get(timeout=_ACKNOWLEDGED_S)
        except KafkaError as error:
            raise _undelivered("the input topic", error) from error


@contextmanager
def topic_producer(servers: str, max_message_bytes: int, *, answer_ms: int = ANSWER_MS) -> Iterator[KafkaProducer]:
    """A producer that gives up, rather than waits for ever, when no broker answers."""
    require_servers(servers)
    try:
        producer = KafkaProducer(
            bootstrap_servers=servers.split(","),
            client_id="streamer-produce",
            bootstrap_timeout_ms=answer_ms,
            max_block_ms=answer_ms,
            max_request_size=max_message_bytes + 4096,
            batch_size=1 << 18,
            linger_ms=5,
            allow_auto_create_topics=False,
        )
    except (KafkaError, ValueError) as error:
        found = f"no Kafka answers ({type(error).__name__}: {error})"
        raise BrokerError(servers, found, "start it, or correct kafka.bootstrap_servers") from error
    try:
        yield producer
    finally:
        producer.close(timeout=answer_ms / 1000)


def partition_count(producer: KafkaProducer, topic: str) -> int:
    """How many partitions the topic has; a `BrokerError` if it is not there."""
    try:
        return len(producer.partitions_for(topic))
    except KafkaError as error:
        raise BrokerError(topic, f"no such topic ({type(error).__name__})", "run `streamer topics`") from error


def _undelivered(topic: str, error: Exception) -> BrokerError:
    found = f"a message was not taken ({type(error).__name__}: {error})"
    return BrokerError(topic, found, "look at the broker's log and at max.message.bytes of the topic")
