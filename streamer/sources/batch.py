"""What decoding yields: the events that can be used, and an account of everything that cannot."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from streamer.sources.event import RequestEvent

Reason: TypeAlias = Literal[
    "not_utf8",
    "not_json",
    "not_object",
    "missing_field",
    "wrong_type",
    "out_of_range",
    "timestamp_out_of_range",
    "too_large",
]


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that cannot be used.

    `raw` is the record as it came, except that a reader of files cuts it to a bound; `size` is its whole length.
    `source` and `line` say where it was: a file and its line, or left to whoever knows the topic and the offset.
    """

    reason: Reason
    detail: str
    raw: bytes
    size: int
    source: str = ""
    line: int = 0


@dataclass(slots=True)
class Batch:
    """Events in the order they came, the records rejected among them, and how often each optional field was dropped."""

    events: list[RequestEvent] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    fields_dropped: Counter[str] = field(default_factory=Counter)

    def add(self, other: Batch) -> None:
        """Append what `other` holds."""
        self.events += other.events
        self.rejects += other.rejects
        self.fields_dropped.update(other.fields_dropped)
