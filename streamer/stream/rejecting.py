"""Messages to the topic of rejects: the record as it came, and in headers why, and from where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamer.stream.messages import Outgoing

if TYPE_CHECKING:
    from streamer.sources.batch import Reject
    from streamer.stream.messages import Position


def rejected(topic: str, reject: Reject, position: Position, offset: int, key: bytes | None) -> Outgoing:
    """The message for a record that cannot be used."""
    headers = (
        ("reason", reject.reason.encode()),
        ("detail", reject.detail.encode("utf-8", "backslashreplace")),
        ("topic", position.topic.encode()),
        ("partition", str(position.partition).encode()),
        ("offset", str(offset).encode()),
    )
    return Outgoing(topic, key, reject.raw, headers=headers)
