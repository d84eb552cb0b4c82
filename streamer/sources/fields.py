"""The strict way: an event built field by field, so that a wrong optional field costs that field alone."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, get_type_hints

import msgspec

from streamer.sources.event import EPOCH, RequestEvent, to_ms
from streamer.sources.simhash import hash_text, simhash64

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from streamer.sources.batch import Reason

REQUIRED = ("event_id", "timestamp", "account_id", "model")
TYPES: Mapping[str, Any] = get_type_hints(RequestEvent, include_extras=True)

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
EARLIEST_MS = to_ms(EARLIEST)
LATEST_MS = to_ms(LATEST)
PAST_MS = 400 * 86_400_000
FUTURE_MS = 600_000

_HEX = "0123456789abcdef"
_SIMHASH_DIGITS = 16
_KNOWN_ADDRESSES = 65_536

BROKEN = object()
"""Stands for the value of a field whose JSON could not be read."""


class Unusable(Exception):  # noqa: N818 - it says that a record is rejected, not that the program erred
    """A record that must be rejected, and why."""

    def __init__(self, reason: Reason, detail: str) -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(reason, detail)


class Checks:
    """What msgspec's types cannot say: time bounds, addresses, hashes; and raw text turned into its hashes."""

    def __init__(self, clock_ms: Callable[[], int] | None, key: bytes) -> None:
        self._clock_ms = clock_ms
        self._key = key
        self._addresses: set[str] = set()
        self._since, self._until = EARLIEST, LATEST
        self._since_ms, self._until_ms = EARLIEST_MS, LATEST_MS

    def tick(self) -> None:
        """Read the clock, if there is one: what is decoded from here on is checked against it."""
        if self._clock_ms is None:
            return
        now_ms = self._clock_ms()
        if now_ms + FUTURE_MS != self._until_ms:
            self._since_ms, self._until_ms = now_ms - PAST_MS, now_ms + FUTURE_MS
            self._since = EPOCH + timedelta(milliseconds=self._since_ms)
            self._until = EPOCH + timedelta(milliseconds=self._until_ms)

    def in_time(self, event: RequestEvent) -> bool:
        """Whether the event's time is one that can be."""
        timestamp = event.timestamp
        if isinstance(timestamp, int):
            return self._since_ms <= timestamp <= self._until_ms
        return self._since <= timestamp <= self._until

    def is_clean(self, event: RequestEvent) -> bool:
        """Whether the event can be used as it is. Called for every event: False sends it the slow way."""
        if not self.in_time(event):
            return False
        created = event.account_created_at
        if created is not None:
            if isinstance(created, int):
                if not EARLIEST_MS <= created <= LATEST_MS:
                    return False
            elif not EARLIEST <= created <= LATEST:
                return False
        address = event.client_ip
        if address is not None and address not in self._addresses and not self.is_address(address):
            return False
        simhash = event.prompt_simhash
        if simhash is not None and (len(simhash) != _SIMHASH_DIGITS or simhash.strip(_HEX)):
            return False
        return event.prompt is None and event.system_prompt is None

    def is_address(self, text: str) -> bool:
        """Whether `text` is an IPv4 or IPv6 address, without a zone."""
        if text in self._addresses:
            return True
        try:
            ipaddress.ip_address(text)
        except ValueError:
            return False
        if "%" in text:
            return False
        if len(self._addresses) >= _KNOWN_ADDRESSES:
            self._addresses.clear()
        self._addresses.add(text)
        return True

    def build(self, values: Mapping[str, Any], dropped: dict[str, int]) -> RequestEvent:
        """The event these values describe. Counts wrong optional fields in `dropped`; raises `Unusable`."""
        fields: dict[str, Any] = {name: _required(name, values) for name in REQUIRED}
        for name, value in values.items():
            if value is None or name in fields or name not in TYPES:
                continue
            checked = self._optional(name, value)
            if checked is None:
                dropped[name] = dropped.get(name, 0) + 1
            else:
                fields[name] = checked
        system_prompt, prompt = fields.pop("system_prompt", None), fields.pop("prompt", None)
        if system_prompt and "system_prompt_hash" not in fields:
            fields["system_prompt_hash"] = hash_text(system_prompt, key=self._key)
        if prompt and "prompt_simhash" not in fields:
            fields["prompt_simhash"] = simhash64(prompt, key=self._key)
        event = RequestEvent(**fields)
        if not self.in_time(event):
            raise Unusable("timestamp_out_of_range", f"timestamp: {_shown(values['timestamp'])} cannot be")
        return event

    def _optional(self, name: str, value: object) -> Any:  # noqa: ANN401 - the field's own type
        try:
            checked = convert(name, value)
        except (msgspec.ValidationError, ValueError, OverflowError):
            return None
        if name == "client_ip":
            return checked if self.is_address(checked) else None
        if name == "account_created_at":
            in_range = EARLIEST_MS <= to_ms(checked) <= LATEST_MS
            return checked if in_range else None
        if name == "prompt_simhash":
            return checked if len(checked) == _SIMHASH_DIGITS and not checked.strip(_HEX) else None
        return checked


def convert(name: str, value: object) -> Any:  # noqa: ANN401 - the field's own type
    """`value` as the type of the field `name`; raises msgspec's ValidationError."""
    if isinstance(value, float) and value.is_integer() and name != "duration_ms":
        value = int(value)  # 3.0 is an integer in JSON Schema, and what a table with gaps makes of 3
    if value is BROKEN:
        raise msgspec.ValidationError("not readable")
    checked = msgspec.convert(value, TYPES[name])
    if isinstance(checked, str):
        checked.encode()  # a lone surrogate would break whoever writes it out
    return checked


def _required(name: str, values: Mapping[str, Any]) -> Any:  # noqa: ANN401 - the field's own type
    value = values.get(name)
    if value is None:
        raise Unusable("missing_field", f"{name}: {'null' if name in values else 'not there'}")
    try:
        return convert(name, value)
    except msgspec.ValidationError as error:
        if isinstance(value, str) and name != "timestamp":
            raise Unusable("out_of_range", f"{name}: {len(value)} characters; {error}") from None
        raise Unusable("wrong_type", f"{name}: {_shown(value)}; {error}") from None
    except (ValueError, OverflowError) as error:
        raise Unusable("wrong_type", f"{name}: {_shown(value)}; {error}") from None


def _shown(value: object) -> str:
    if value is BROKEN:
        return "a broken value"
    text = ascii(value)
    return text if len(text) <= 60 else text[:57] + "..."  # noqa: PLR2004 - what fits in a line
