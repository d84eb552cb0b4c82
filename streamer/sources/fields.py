"""The strict way: an event built field by field, so that a wrong optional field costs that field alone."""

from __future__ import annotations

import ipaddress
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, get_type_hints

import msgspec

from streamer.sources.event import EPOCH, RequestEvent, to_ms
from streamer.sources.simhash import hash_text, simhash64

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from streamer.sources.batch import Reason

REQUIRED = ("event_id", "timestamp", "account_id", "model")
TYPES: Mapping[str, Any] = get_type_hints(RequestEvent, include_extras=True)

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
EARLIEST_MS = to_ms(EARLIEST)
LATEST_MS = to_ms(LATEST)
PAST_MS = 400 * 86_400_000
FUTURE_MS = 600_000

_HEX = b"0123456789abcdef"
_SIMHASH_DIGITS = 16
_KNOWN_ADDRESSES = 65_536
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
# Nearly all addresses are of this kind; reading them by `ipaddress` takes several times as long.
_PLAIN_IPV4 = re.compile(rf"(?:{_OCTET}\.){{3}}{_OCTET}").fullmatch

_AT_FIELD = re.compile(r"at `\$\.(\w+)")

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

    def in_time(self, moments: Sequence[datetime | int]) -> bool:
        """Whether all of some times are such as events can have."""
        return _within(moments, (self._since, self._until), (self._since_ms, self._until_ms))

    def are_clean(self, events: Sequence[RequestEvent]) -> bool:
        """Whether all events can be used as they are: False sends them the slow way.

        Called for every event; many at once, one field of all after another, take half the time.
        """
        created = [told for event in events if (told := event.account_created_at) is not None]
        simhashes = [simhash for event in events if (simhash := event.prompt_simhash) is not None]
        addresses = {address for event in events if (address := event.client_ip) is not None}
        return (
            self.in_time([event.timestamp for event in events])
            and _within(created, (EARLIEST, LATEST), (EARLIEST_MS, LATEST_MS))
            and all(map(self.is_address, addresses - self._addresses))
            and _are_simhashes(simhashes)
            and {event.prompt for event in events} | {event.system_prompt for event in events} <= {None}
        )

    def is_address(self, text: str) -> bool:
        """Whether `text` is an IPv4 or IPv6 address, without a zone."""
        if text in self._addresses:
            return True
        if not _PLAIN_IPV4(text):
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
        known = {name: value for name, value in values.items() if value is not None and name in TYPES}
        # Each turn mends or drops the field that was found wrong.
        for _ in range(len(TYPES) + 1):
            try:
                event = msgspec.convert(known, RequestEvent)
            except msgspec.ValidationError as error:
                _mend(known, values, error, dropped)
            else:
                return self._finished(event, dropped)
        raise Unusable("wrong_type", "no event can be made of it")

    def _finished(self, event: RequestEvent, dropped: dict[str, int]) -> RequestEvent:
        if not self.in_time([event.timestamp]):
            raise Unusable("timestamp_out_of_range", f"timestamp: {_shown(event.timestamp)} cannot be")
        wrong = []
        if event.client_ip is not None and not self.is_address(event.client_ip):
            wrong.append("client_ip")
        created, simhash = event.account_created_at, event.prompt_simhash
        if created is not None and not EARLIEST_MS <= to_ms(created) <= LATEST_MS:
            wrong.append("account_created_at")
        if simhash is not None and not _are_simhashes([simhash]):
            wrong.append("prompt_simhash")
        for name in wrong:
            dropped[name] = dropped.get(name, 0) + 1
        changes: dict[str, Any] = dict.fromkeys([*wrong, "system_prompt", "prompt"])
        if event.system_prompt and event.system_prompt_hash is None:
            changes["system_prompt_hash"] = hash_text(event.system_prompt, key=self._key)
        if event.prompt and (simhash is None or "prompt_simhash" in wrong):
            changes["prompt_simhash"] = simhash64(event.prompt, key=self._key)
        return msgspec.structs.replace(event, **changes)


def _within(moments: Sequence[datetime | int], bounds: tuple[datetime, datetime], bounds_ms: tuple[int, int]) -> bool:
    """Whether no time, told as a datetime or in ms, is out of bounds."""
    texts = [moment for moment in moments if isinstance(moment, datetime)]
    if texts and not (bounds[0] <= min(texts) and max(texts) <= bounds[1]):
        return False
    numbers = [moment for moment in moments if isinstance(moment, int)] if len(texts) < len(moments) else []
    return not numbers or (bounds_ms[0] <= min(numbers) and max(numbers) <= bounds_ms[1])


def _are_simhashes(told: Sequence[str]) -> bool:
    """Whether all of some texts are 16 lower-case hexadecimal digits."""
    digits = "".join(told).encode("utf-8", "surrogatepass")
    return set(map(len, told)) <= {_SIMHASH_DIGITS} and not digits.translate(None, _HEX)


def _mend(
    known: dict[str, Any], values: Mapping[str, Any], error: msgspec.ValidationError, dropped: dict[str, int]
) -> None:
    """Make the field that `error` is about right if it can be, or take it out; raises `Unusable` if it is required."""
    found = _AT_FIELD.search(str(error))
    name = found.group(1) if found else next((name for name in REQUIRED if name not in known), None)
    if name in REQUIRED:
        known[name] = _required(name, values)
        return
    if name not in known:
        raise Unusable("wrong_type", str(error))
    value = _whole(known.pop(name))
    try:
        known[name] = msgspec.convert(value, TYPES[name])
    except msgspec.ValidationError:
        dropped[name] = dropped.get(name, 0) + 1


def _whole(value: Any) -> Any:  # noqa: ANN401 - any value of a field
    """3.0 is an integer in JSON Schema, and what a table with gaps makes of 3."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _required(name: str, values: Mapping[str, Any]) -> Any:  # noqa: ANN401 - the field's own type
    value = values.get(name)
    if value is None:
        raise Unusable("missing_field", f"{name}: {'null' if name in values else 'not there'}")
    try:
        return msgspec.convert(_whole(value), TYPES[name])
    except msgspec.ValidationError as error:
        if isinstance(value, str) and name != "timestamp":
            raise Unusable("out_of_range", f"{name}: {len(value)} characters; {error}") from None
        raise Unusable("wrong_type", f"{name}: {_shown(value)}; {error}") from None


def _shown(value: object) -> str:
    if value is BROKEN:
        return "a broken value"
    text = ascii(value)
    return text if len(text) <= 60 else text[:57] + "..."  # noqa: PLR2004 - what fits in a line
