"""What the parts of a worker hand each other."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Position(NamedTuple):
    """A partition of a topic."""

    topic: str
    partition: int


class Incoming(Protocol):
    """A message as it lies in its partition; records of aiokafka are such."""

    @property
    def offset(self) -> int:
        """Its place in the partition."""

    @property
    def key(self) -> bytes | None:
        """What chose the partition."""

    @property
    def value(self) -> bytes | None:
        """What it says; None in a tombstone."""


class Stored(NamedTuple):
    """A message read from a partition."""

    offset: int
    key: bytes | None
    value: bytes | None


class Outgoing(NamedTuple):
    """A message to be sent; without a partition its key decides."""

    topic: str
    key: bytes | None
    value: bytes | None
    partition: int | None = None
    headers: tuple[tuple[str, bytes], ...] = ()
