"""What the parts of a worker hand each other."""

from __future__ import annotations

from typing import NamedTuple


class Position(NamedTuple):
    """A partition of a topic."""

    topic: str
    partition: int


class Incoming(NamedTuple):
    """A message as it lies in its partition."""

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
