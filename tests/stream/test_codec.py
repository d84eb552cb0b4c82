from __future__ import annotations

from typing import NamedTuple

import pytest

from streamer.errors import StreamerError
from streamer.stream.codec import PACK_BYTES, ReportDecoder, pack_reports
from streamer.stream.messages import Stored


class Note(NamedTuple):
    window: int
    text: str


def unpacked(messages: list[bytes]) -> list[Note]:
    decode = ReportDecoder(Note, "notes")
    return [note for offset, value in enumerate(messages) for note in decode(Stored(offset, None, value))]


def test_reports_come_out_as_they_went_in() -> None:
    notes = [Note(window, "x" * window) for window in range(100)]
    messages = pack_reports(notes)
    assert len(messages) == 1
    assert unpacked(messages) == notes


def test_messages_are_cut_at_their_bound_and_a_larger_report_goes_alone() -> None:
    notes = [Note(1, "a" * 10), Note(2, "b" * (2 * PACK_BYTES)), Note(3, "c" * 10)]
    messages = pack_reports(notes)
    assert len(messages) == 3
    assert unpacked(messages) == notes


def test_another_version_is_refused_by_name_and_offset() -> None:
    with pytest.raises(StreamerError, match="notes, offset 7: message version 9"):
        ReportDecoder(Note, "notes")(Stored(7, None, b"\x09whatever"))
