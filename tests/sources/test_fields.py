from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.sources.decode import Decoder
from streamer.sources.event import RequestEvent
from streamer.sources.fields import REQUIRED, TYPES
from tests.sources.examples import FULL, JSON_VALUES, decode, event, line, only, reasons

NOW_MS = 1_793_000_000_000


def test_every_field_of_the_contract_is_read() -> None:
    found = only(decode(json.dumps(FULL).encode()))
    assert {name: getattr(found, name) for name in FULL if name != "timestamp"} == {
        name: value for name, value in FULL.items() if name != "timestamp"
    }
    assert found.timestamp_ms == 1_793_534_400_123
    assert found.account_created_ms == 1_777_000_000_000


def test_the_fields_are_those_of_the_published_schema(root: Any) -> None:
    schema = root.parent / "shared" / "contract" / "event.schema.json"
    if not schema.is_file():
        pytest.skip("the contract is not beside the repository")
    assert set(json.loads(schema.read_text())["properties"]) == set(RequestEvent.__struct_fields__)


@pytest.mark.parametrize(
    "text, expected_ms",
    [
        (b"1793000000000", 1_793_000_000_000),
        (b'"2026-10-26T07:33:20Z"', 1_793_000_000_000),
        (b'"2026-10-26T09:33:20.5+02:00"', 1_793_000_000_500),
        (b'"2026-10-26T07:33:20.999999Z"', 1_793_000_000_999),
        (b"1793000000000.0", 1_793_000_000_000),
    ],
)
def test_times_are_milliseconds_whatever_they_were(text: bytes, expected_ms: int) -> None:
    message = line(timestamp=0).replace(b'"timestamp": 0', b'"timestamp": ' + text)
    assert only(decode(message)).timestamp_ms == expected_ms


@pytest.mark.parametrize(
    "changes, reason",
    [
        *(({name: ...}, "missing_field") for name in REQUIRED),
        *(({name: None}, "missing_field") for name in REQUIRED),
        *(({name: True}, "wrong_type") for name in REQUIRED),
        *(({name: [1]}, "wrong_type") for name in REQUIRED),
        ({"event_id": 7}, "wrong_type"),
        ({"event_id": ""}, "out_of_range"),
        ({"event_id": "x" * 129}, "out_of_range"),
        ({"account_id": ""}, "out_of_range"),
        ({"account_id": "x" * 257}, "out_of_range"),
        ({"model": "x" * 129}, "out_of_range"),
        ({"timestamp": "2026-01-01T00:00:00"}, "wrong_type"),
        ({"timestamp": "yesterday"}, "wrong_type"),
        ({"timestamp": 1.5}, "wrong_type"),
        ({"timestamp": 1_793_000_000}, "timestamp_out_of_range"),
        ({"timestamp": -1}, "timestamp_out_of_range"),
        ({"timestamp": 10**30}, "timestamp_out_of_range"),
        ({"timestamp": "1999-12-31T23:59:59Z"}, "timestamp_out_of_range"),
        ({"timestamp": "2100-01-01T00:00:01Z"}, "timestamp_out_of_range"),
        ({"timestamp": "0001-01-01T00:00:00+10:00"}, "timestamp_out_of_range"),
    ],
)
def test_a_wrong_required_field_rejects_the_event(changes: dict[str, Any], reason: str) -> None:
    values = {name: value for name, value in event(**changes).items() if value is not ...}
    message = json.dumps(values).encode()
    batch = decode(message)
    assert (batch.events, reasons(batch)) == ([], [reason])
    assert batch.rejects[0].raw == message
    assert batch.rejects[0].detail.startswith(next(iter(changes)))


@pytest.mark.parametrize(
    "name, value",
    [
        ("client_ip", "not an address"),
        ("client_ip", "10.0.0.256"),
        ("client_ip", "fe80::1%eth0"),
        ("client_ip", 7),
        ("prompt_simhash", "0123456789ABCDEF"),
        ("prompt_simhash", "0123"),
        ("prompt_simhash", "0123456789abcdeg"),
        ("account_created_at", "2026-01-01T00:00:00"),
        ("account_created_at", 1_777_000_000),
        ("account_created_at", 10**40),
        ("input_tokens", -1),
        ("input_tokens", 10**12),
        ("input_tokens", "12"),
        ("input_tokens", 1.5),
        ("status", True),
        ("status", "200"),
        ("stream", 1),
        ("duration_ms", -0.5),
        ("asn", -1),
        ("plan", {"name": "free"}),
        ("system_prompt", ["text"]),
        ("prompt", 12),
    ],
)
def test_a_wrong_optional_field_costs_that_field_alone(name: str, value: object) -> None:
    batch = decode(json.dumps(FULL | {name: value}).encode())
    found = only(batch)
    assert getattr(found, name) is None
    assert dict(batch.fields_dropped) == {name: 1}
    others = [other for other in FULL if other not in (name, "timestamp")]
    assert {other: getattr(found, other) for other in others} == {other: FULL[other] for other in others}


def test_a_whole_number_written_with_a_point_is_a_whole_number() -> None:
    batch = decode(line(status=200.0, input_tokens=3.0))
    assert (only(batch).status, only(batch).input_tokens) == (200, 3)
    assert not batch.fields_dropped


def test_half_an_emoji_in_an_optional_field_does_not_cost_the_event() -> None:
    found = only(decode(line(user_agent="?", plan="free").replace(b'"?"', b'"cut \\ud83d"')))
    assert (found.user_agent, found.plan) == ("cut \ufffd", "free")
    escaped = only(decode(line(user_agent="?", plan=1).replace(b'"?"', rb'"\\ud83d"')))
    assert escaped.user_agent == r"\ud83d"


def test_a_number_beyond_all_bounds_costs_its_field() -> None:
    batch = decode(line(duration_ms=0, status=0).replace(b'"status": 0', b'"status": 1e999'))
    assert only(batch).duration_ms == 0
    assert dict(batch.fields_dropped) == {"status": 1}


@given(st.dictionaries(st.sampled_from(sorted(TYPES)), JSON_VALUES, max_size=8))
def test_any_values_in_any_fields_give_an_event_or_a_reject(changes: dict[str, Any]) -> None:
    message = json.dumps(event() | changes).encode()
    batch = Decoder(clock_ms=lambda: NOW_MS).decode(message)
    assert len(batch.events) + len(batch.rejects) == 1
    for found in batch.events:
        again = Decoder().decode(msgspec.json.encode(found))
        assert again.events == [found]
        assert not again.fields_dropped
