"""What the text of a message tells before it is read as events, and what can be mended in it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from streamer.sources.fields import Unusable

if TYPE_CHECKING:
    from streamer.sources.batch import Reason

SPACE = b" \t\r\n"

# One escaped character of a JSON string: a whole surrogate pair, half of one (caught in the group), or any other.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)


def is_one_object(message: bytes) -> bool:
    """Whether a message may be joined to others by line ends: no JSON has `}`, a line end and `{` in a row."""
    return message[:1] == b"{" and message[-1:] == b"}"


def mend(text: bytes) -> bytes:
    """Half surrogate pairs, as left by cutting a string in the middle of an emoji, replaced by U+FFFD."""
    return _ESCAPE.sub(lambda found: rb"\ufffd" if found.group(1) else found.group(), text)


def count_lines(message: bytes) -> int:
    """How many lines hold something; an object laid out over several lines counts as one."""
    lines = sum(1 for line in message.split(b"\n") if line.strip(SPACE))
    try:
        msgspec.json.decode(message, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        return lines
    return 1


def not_readable(text: bytes, error: Exception) -> Unusable:
    """Why a text is rejected that is no JSON."""
    reason: Reason = "not_json"
    try:
        str(text, "utf-8")
    except UnicodeDecodeError as wrong:
        reason, error = "not_utf8", wrong
    return Unusable(reason, str(error))
