"""What gateways really write, by name, and how to tell from a first record which of them wrote it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from streamer.errors import UsageError
from streamer.sources.formats.envoy import Envoy
from streamer.sources.formats.litellm import LiteLLM
from streamer.sources.formats.otel import OpenTelemetry

if TYPE_CHECKING:
    from streamer.sources.decode import Format

AUTO = "auto"
NATIVE = "native"
_FIRST_LINES = 20
_KNOWN: tuple[Format, ...] = (LiteLLM(), Envoy(), OpenTelemetry())


def formats() -> dict[str, Format]:
    """The formats of gateways, by name."""
    return {known.name: known for known in _KNOWN}


def format_names() -> list[str]:
    """Every name that `mapping_of` takes."""
    return [AUTO, NATIVE, *formats()]


def mapping_of(name: str) -> Format | None:
    """The format called `name`; None for the contract's own events, and for `auto`."""
    if name in (AUTO, NATIVE):
        return None
    known = formats()
    if name not in known:
        raise UsageError("format", f"{name!r} is not known", f"use one of {', '.join(format_names())}")
    return known[name]


def detect(start: bytes) -> str | None:
    """The name of the format that the first readable record in `start` has; None if none can be read."""
    # Either the whole is one record, perhaps laid out over many lines, or each line is.
    for text in (start, *start.split(b"\n", _FIRST_LINES)[:_FIRST_LINES]):
        try:
            found: Any = msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        record = found[0] if isinstance(found, list) and found else found
        if isinstance(record, Mapping):
            return detect_record(record)
    return None


def detect_record(record: Mapping[str, Any]) -> str:
    """The name of the format that `record` has; the contract's own if no other fits."""
    if "event_id" in record and "account_id" in record:
        return NATIVE
    return next((name for name, known in formats().items() if known.matches(record)), NATIVE)
