"""How reports travel between the stages: a version, then compressed MessagePack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec
import zstandard

from streamer.stream.state_log import StateError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from streamer.stream.messages import Incoming

VERSION = 1
# Reports of several windows share a message up to this size before compression; one larger report has its own.
PACK_BYTES = 900_000
# Beyond this a report must be cut: with room to spare below what the topics take.
MAX_REPORT_BYTES = 12 << 20
# Made once, for that takes as long as a message; level 1 would take half as long again for a tenth less.
_compress = zstandard.ZstdCompressor(level=-1).compress

Report = TypeVar("Report")


def pack_reports(reports: Iterable[Any]) -> list[bytes]:
    """Pack reports into as few messages as is sensible, in order."""
    messages: list[bytes] = []
    group: list[msgspec.Raw] = []
    size = 0
    for report in reports:
        encoded = msgspec.msgpack.encode(report)
        if group and size + len(encoded) > PACK_BYTES:
            messages.append(_message(group))
            group, size = [], 0
        group.append(msgspec.Raw(encoded))
        size += len(encoded)
    if group:
        messages.append(_message(group))
    return messages


def _message(group: Sequence[msgspec.Raw]) -> bytes:
    return bytes((VERSION,)) + _compress(msgspec.msgpack.encode(group))


class ReportDecoder(Generic[Report]):
    """Reads what `pack_reports` wrote, as reports of one type."""

    def __init__(self, kind: type[Report], topic: str) -> None:
        self._decode = msgspec.msgpack.Decoder(list[kind]).decode  # type: ignore[valid-type]
        self._decompress = zstandard.ZstdDecompressor().decompress
        self._topic = topic

    def __call__(self, message: Incoming) -> list[Report]:
        """Give the reports of a message.

        Raises:
            StateError: it is of another version, or not ours.
        """
        value = message.value or b"\0"
        where = f"{self._topic}, offset {message.offset}"
        if value[0] != VERSION:
            raise StateError(where, f"message version {value[0]}", str(VERSION))
        try:
            return self._decode(self._decompress(value[1:]))
        except msgspec.ValidationError as error:
            raise StateError(where, f"a report of another form ({error})", "this version's reports") from error
