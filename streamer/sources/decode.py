"""Messages turned into events: fast when all is well, event by event and field by field when not."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from streamer.sources.batch import Batch, Reject
from streamer.sources.event import RequestEvent
from streamer.sources.fields import BROKEN, Checks, Unusable
from streamer.sources.json_text import SPACE, count_lines, is_one_object, mend, not_readable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

MAX_MESSAGE_BYTES = 1 << 20
BOM = b"\xef\xbb\xbf"


class Format(Protocol):
    """Turns what a gateway writes into fields of the contract."""

    name: str

    def matches(self, record: Mapping[str, Any]) -> bool:
        """Whether `record` looks like one of this format."""

    def events(self, record: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """The fields of each request in `record`; a field that the record does not tell is left out or None."""


class Decoder:
    """Decodes messages: one object, a JSON array, or one object per line.

    `clock_ms` sets the bounds a live event's time must keep; without it only the years 2000 to 2100 are asked for.
    `key` makes the hashes of raw text keyed ones. `mapping` is the format of a gateway; None is the contract's own.
    """

    def __init__(
        self,
        *,
        clock_ms: Callable[[], int] | None = None,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        key: bytes = b"",
        mapping: Format | None = None,
    ) -> None:
        self.mapping = mapping
        self._max_bytes = max_message_bytes
        self._checks = Checks(clock_ms, key)
        self._one = msgspec.json.Decoder(RequestEvent)
        self._many = msgspec.json.Decoder(list[RequestEvent])
        self._pieces = msgspec.json.Decoder(list[msgspec.Raw])
        self._fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
        self._value = msgspec.json.Decoder()
        self._object_of = msgspec.json.Decoder(dict[str, Any])
        self._syntax = msgspec.json.Decoder(msgspec.Raw)

    def decode(self, message: bytes) -> Batch:
        """Everything in one message. Never raises on its content: what cannot be used is among the rejects."""
        self._checks.tick()
        if len(message) > self._max_bytes:
            detail = f"{len(message)} bytes, more than {self._max_bytes}"
            return Batch(rejects=[Reject("too_large", detail, message, len(message))])
        message = message.removeprefix(BOM)
        events = self._all_clean(message) if self.mapping is None else None
        return Batch(events) if events is not None else self._piecewise(message)

    def decode_singles(self, messages: Sequence[bytes]) -> list[RequestEvent] | None:
        """The events of messages that are each one sound event; None where one is anything else.

        Read as if they were one message, which takes a fraction of the time.
        """
        if self.mapping is not None or not all(map(is_one_object, messages)):
            return None
        self._checks.tick()
        block = b"\n".join(messages)
        if block.count(b"\n") != len(messages) - 1 or max(map(len, messages)) > self._max_bytes:
            return None
        return self._all_clean(block, len(messages))

    def decode_lines(
        self, block: bytes, lines: int = 0, *, source: str = "", first_line: int = 1, keep: int = 1 << 16
    ) -> Batch:
        """Everything in a block of whole lines (0: not counted yet), each a message; `keep` bounds a reject's bytes."""
        self._checks.tick()
        events = self._all_clean(block, lines) if self.mapping is None else None
        if events is not None:
            return Batch(events)
        batch = Batch()
        for number, line in enumerate(block.split(b"\n"), first_line):
            if not line.strip(SPACE):
                continue
            found = self.decode(line)
            for at, reject in enumerate(found.rejects):
                found.rejects[at] = replace(reject, raw=reject.raw[:keep], source=source, line=number)
            batch.add(found)
        return batch

    def convert(self, values: Mapping[str, Any], dropped: dict[str, int]) -> RequestEvent:
        """The event that a row of a table describes; raises `Unusable`."""
        return self._checks.build(values, dropped)

    def clean_rows(self, rows: list[dict[str, Any]]) -> list[RequestEvent] | None:
        """All rows as events, or None if any of them needs `convert`."""
        try:
            events = msgspec.convert(rows, list[RequestEvent])
        except (msgspec.ValidationError, ValueError, OverflowError):
            return None
        return events if self._checks.are_clean(events) else None

    def _all_clean(self, message: bytes, lines: int = 0) -> list[RequestEvent] | None:
        try:
            str(message, "utf-8")  # msgspec does not look into fields it skips
            if message[:1] == b"[":
                events = self._many.decode(message)
            else:
                events = self._one.decode_lines(message)
                # Lines and events must be as many: msgspec takes two objects on a line, or one on two.
                lines = lines or message.count(b"\n") + (message[-1:] != b"\n")
                if len(events) != lines and len(events) != count_lines(message):
                    return None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        return events if events and self._checks.are_clean(events) else None

    def _piecewise(self, message: bytes) -> Batch:
        start = message.lstrip(SPACE)[:1]
        if start == b"[":
            return self._array(message)
        if b"\n" not in message.strip(SPACE) or (start == b"{" and self._is_one(message)):
            return self._object(message)
        batch = Batch()
        for line in message.split(b"\n"):
            if piece := line.strip(SPACE):
                batch.add(self._array(piece) if piece[:1] == b"[" else self._object(piece))
        return batch

    def _is_one(self, message: bytes) -> bool:
        try:
            self._syntax.decode(message)
        except (msgspec.DecodeError, RecursionError):
            return False
        return True

    def _array(self, message: bytes) -> Batch:
        try:
            pieces = self._pieces.decode(message)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            try:
                pieces = self._pieces.decode(mend(message))
            except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
                return self._lax_array(message, error)
        batch = Batch()
        for piece in pieces:
            batch.add(self._object(bytes(piece)))
        return batch

    def _lax_array(self, message: bytes, error: Exception) -> Batch:
        """Read an array with NaN or Infinity in it, which Python's own json writes and JSON does not have."""
        try:
            found = json.loads(message)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, list):
            return Batch(rejects=[_reject(not_readable(message, error), message)])
        batch = Batch()
        for part in found:
            batch.add(self._object(json.dumps(part).encode()))
        return batch

    def _object(self, piece: bytes) -> Batch:
        dropped: Counter[str] = Counter()
        try:
            str(piece, "utf-8")
            if self.mapping is None:
                return Batch([self._event(piece, dropped)], fields_dropped=dropped)
            return self._mapped(self.mapping, piece)
        except UnicodeDecodeError as error:
            return Batch(rejects=[_reject(Unusable("not_utf8", str(error)), piece)])
        except Unusable as unusable:
            return Batch(rejects=[_reject(unusable, piece)])

    def _event(self, piece: bytes, dropped: dict[str, int]) -> RequestEvent:
        try:
            event = self._one.decode(piece)
            if self._checks.are_clean([event]):
                return event
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            pass  # the strict way finds out why
        return self._checks.build(self._read(piece), dropped)

    def _mapped(self, mapping: Format, piece: bytes) -> Batch:
        batch = Batch()
        try:
            for values in mapping.events(self._read(piece)):
                try:
                    batch.events.append(self._checks.build(values, batch.fields_dropped))
                except Unusable as unusable:
                    batch.rejects.append(_reject(unusable, piece))
        except (RecursionError, TypeError, ValueError, AttributeError, OverflowError) as error:
            # A record that its format did not foresee must not stop those after it.
            strange = Unusable("wrong_type", f"not what {mapping.name} writes ({type(error).__name__}: {error})")
            batch.rejects.append(_reject(strange, piece))
        return batch

    def _read(self, piece: bytes) -> dict[str, Any]:
        """The object's values, `BROKEN` for those that are not; raises `Unusable` if it is no object."""
        try:
            return self._object_of.decode(piece)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            pass  # value by value, then
        try:
            raw = self._fields.decode(piece)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            try:
                raw = self._fields.decode(mend(piece))
            except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
                if self._is_one(piece):
                    raise Unusable("not_object", "JSON, but not an object") from None
                raise not_readable(piece, error) from None
        values: dict[str, Any] = {}
        for name, part in raw.items():
            try:
                values[name] = self._value.decode(part)
            except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
                values[name] = BROKEN
        return values


def _reject(unusable: Unusable, raw: bytes) -> Reject:
    return Reject(unusable.reason, unusable.detail, raw, len(raw))
