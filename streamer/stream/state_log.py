"""The state of one partition on a compacted topic, written in checkpoints that exist wholly or not at all."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import zstandard
from aiokafka import AIOKafkaProducer
from aiokafka.errors import InvalidProducerEpoch, KafkaError, ProducerFenced

from streamer.errors import StreamerError

if TYPE_CHECKING:
    from streamer.stream.log_reader import LogReader
    from streamer.stream.messages import Incoming, Position

LAYOUT_VERSION = 1
OTHER_VERSION_REMEDY = "run the version that wrote it, or start anew beside it as deploy/UPGRADE.md says"
CHUNK_BYTES = 900_000
MAX_REQUEST_BYTES = 1_000_000
COMPRESSION_LEVEL = 1
_HEADER = struct.Struct("<BQII")  # layout version, sequence, index of the chunk, count of chunks


class FencedError(Exception):
    """Another worker has taken this partition over; what this one still holds of it is void."""


class StateError(StreamerError):
    """A topic of the program's own holds something that it cannot read."""

    def __init__(self, where: str, found: str, expected: str) -> None:
        super().__init__(where, found, f"expected {expected}: {OTHER_VERSION_REMEDY}")


@dataclass(frozen=True, slots=True)
class Restored:
    """What the newest complete checkpoint, and those before it, left behind."""

    sequence: int
    sections: Mapping[str, bytes]


class StateLog:
    """Named sections of bytes; a checkpoint replaces some of them, all at once.

    Each checkpoint is one Kafka transaction. `claim` starts a producer with the partition's own transactional id: from
    then on the broker refuses whatever an earlier owner still tries to write, and undoes what it left half written.
    Readers see whole checkpoints only. Old versions of a section go by compaction.
    """

    def __init__(self, bootstrap_servers: str, application: str, position: Position, reader: LogReader) -> None:
        self._servers = bootstrap_servers
        self._id = f"{application}-{position.topic}-{position.partition}"
        self._position = position
        self._reader = reader
        self._producer: AIOKafkaProducer | None = None
        self._sequence = -1
        self._sizes: dict[str, int] = {}

    @property
    def next_sequence(self) -> int:
        """The number of the checkpoint to be written next; the first is 0."""
        return self._sequence + 1

    @property
    def size(self) -> int:
        """The bytes of the newest version of every section, compressed."""
        return sum(self._sizes.values())

    async def claim(self) -> Restored:
        """Take the partition over from whoever had it, and return what it had written."""
        self._producer = AIOKafkaProducer(
            bootstrap_servers=self._servers,
            transactional_id=self._id,
            max_request_size=MAX_REQUEST_BYTES,
            max_batch_size=MAX_REQUEST_BYTES,
        )
        await self._producer.start()
        end = await self._reader.end_offset(self._position)
        sections = Sections(self._position)
        async for messages in self._reader.read(self._position, 0, end):
            for message in messages:
                sections.add(message)
        self._sequence = sections.newest
        self._sizes = sections.sizes()
        return Restored(sections.newest, await asyncio.to_thread(sections.unpacked))

    async def write(self, sections: Mapping[str, bytes]) -> int:
        """Write the next checkpoint and return its size in bytes, once it is safe.

        Raises:
            FencedError: the partition has another owner; nothing was written.
        """
        producer = self._producer
        if producer is None:
            raise FencedError
        sequence = self._sequence + 1
        packed = {name: pack(name, sequence, data) for name, data in sections.items()}
        chunks = [chunk for chunks in packed.values() for chunk in chunks]
        try:
            async with producer.transaction():
                sent = [await self._send(producer, key, value) for key, value in chunks]
                await asyncio.gather(*sent)
        except (ProducerFenced, InvalidProducerEpoch) as error:
            raise FencedError from error
        self._sequence = sequence
        sizes = {name: sum(len(value) for _, value in chunks) for name, chunks in packed.items()}
        self._sizes |= sizes
        return sum(sizes.values())

    async def close(self) -> None:
        """Let go of the partition."""
        producer, self._producer = self._producer, None
        if producer is not None:
            try:
                await producer.stop()
            except KafkaError:
                return  # fenced or unreachable: there is nothing left to say goodbye to

    async def _send(self, producer: AIOKafkaProducer, key: bytes, value: bytes) -> asyncio.Future[Any]:
        sent: asyncio.Future[Any] = await producer.send(
            self._position.topic, value, key=key, partition=self._position.partition
        )
        return sent


def pack(name: str, sequence: int, data: bytes) -> list[tuple[bytes, bytes]]:
    """Compress a section and cut it into keyed messages that a broker with default limits takes."""
    packed = zstandard.compress(data, COMPRESSION_LEVEL)
    pieces = [packed[cut : cut + CHUNK_BYTES] for cut in range(0, len(packed), CHUNK_BYTES)]
    return [
        (f"{name}/{index}".encode(), _HEADER.pack(LAYOUT_VERSION, sequence, index, len(pieces)) + piece)
        for index, piece in enumerate(pieces)
    ]


class Sections:
    """Puts sections together again from the messages of a state partition, read in order."""

    def __init__(self, position: Position) -> None:
        self.newest = -1
        self._position = position
        self._pieces: dict[str, tuple[int, int, dict[int, bytes]]] = {}

    def add(self, message: Incoming) -> None:
        """Take one message; a section of a newer checkpoint takes the place of an older one."""
        if message.key is None or not message.value:
            return
        value = message.value
        if value[0] != LAYOUT_VERSION or len(value) < _HEADER.size:
            raise self._error(f"layout version {value[0]} at offset {message.offset}")
        _, sequence, index, count = _HEADER.unpack_from(value)
        name = message.key.decode().rpartition("/")[0]
        known = self._pieces.get(name)
        if known is None or known[0] != sequence:
            known = self._pieces[name] = (sequence, count, {})
        known[2][index] = value[_HEADER.size :]
        self.newest = max(self.newest, sequence)

    def sizes(self) -> dict[str, int]:
        """Give the compressed size of every section."""
        return {name: sum(map(len, pieces.values())) for name, (_, _, pieces) in self._pieces.items()}

    def unpacked(self) -> dict[str, bytes]:
        """Give the newest version of every section."""
        return {name: self._unpack(name) for name in self._pieces}

    def _unpack(self, name: str) -> bytes:
        sequence, count, pieces = self._pieces[name]
        if len(pieces) != count:
            raise self._error(f"section {name!r} of checkpoint {sequence} has {len(pieces)} of {count} chunks")
        return zstandard.decompress(b"".join(pieces[index] for index in range(count)))

    def _error(self, found: str) -> StateError:
        where = f"{self._position.topic}, partition {self._position.partition}"
        return StateError(where, found, f"layout version {LAYOUT_VERSION}")
