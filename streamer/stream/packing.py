"""Events packed into messages of their partition, as Kafka's default partitioner would choose it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from kafka.partitioner.default import murmur2

from streamer.stream.messages import Outgoing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamer.sources.event import RequestEvent

_REMEMBERED = 1 << 20
_encode = msgspec.json.Encoder().encode


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key: murmur2, without its sign, as Kafka's own clients do it."""
    return (int(murmur2(key)) & 0x7FFFFFFF) % partitions


class Packer:
    """Collects events until a message of their partition is full.

    A message holds up to `batch_events` events, one JSON object a line, and no more than `max_bytes`, unless a single
    event is longer. With `batch_events` 1 a message is one event under its account as the key.
    """

    def __init__(self, topic: str, partitions: int, *, batch_events: int, max_bytes: int) -> None:
        self.partitions = partitions
        self._topic = topic
        self._batch_events = batch_events
        self._max_bytes = max_bytes
        self._lines: list[list[bytes]] = [[] for _ in range(partitions)]
        self._bytes = [0] * partitions
        self._known: dict[str, int] = {}

    def put(self, event: RequestEvent) -> Outgoing | None:
        """Take an event; give the message that this makes full, if any."""
        account = event.account_id
        partition = self._known.get(account)
        if partition is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            partition = self._known[account] = partition_of(account.encode(), self.partitions)
        line = _encode(event)
        if self._batch_events == 1:
            return Outgoing(self._topic, account.encode(), line, partition)
        full = None
        if self._bytes[partition] + len(line) >= self._max_bytes:
            full = self._packed(partition)
        lines = self._lines[partition]
        lines.append(line)
        self._bytes[partition] += len(line) + 1
        return full if full is not None or len(lines) < self._batch_events else self._packed(partition)

    def flush(self) -> Iterator[Outgoing]:
        """What is not full yet."""
        for partition in range(self.partitions):
            if (message := self._packed(partition)) is not None:
                yield message

    def _packed(self, partition: int) -> Outgoing | None:
        lines = self._lines[partition]
        if not lines:
            return None
        self._lines[partition], self._bytes[partition] = [], 0
        return Outgoing(self._topic, None, b"\n".join(lines), partition)
