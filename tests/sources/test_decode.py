from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.sources.batch import Batch
from streamer.sources.decode import Decoder
from streamer.sources.fields import TYPES
from tests.sources.examples import JSON_VALUES, decode, event, line, only, reasons

NOW_MS = 1_793_000_000_000


@pytest.mark.parametrize(
    "message, reason",
    [
        (b"", "not_json"),
        (b"   \n", "not_json"),
        (b"{", "not_json"),
        (b"nonsense", "not_json"),
        (line() + b"\x00", "not_json"),
        (b'{"a": NaN}', "not_json"),
        (b"[" * 100_000, "not_json"),
        (b'{"a":' * 100_000, "not_json"),
        (b"[" + line() + b", {", "not_json"),
        (b"\xff\xfe{}", "not_utf8"),
        (line().replace(b"large-1", b"large-\xe9"), "not_utf8"),
        (line(unknown="?").replace(b"?", b"\xe9"), "not_utf8"),
        (b"17", "not_object"),
        (b'"text"', "not_object"),
        (b"null", "not_object"),
        (b"{}", "missing_field"),
    ],
)
def test_what_is_no_event_is_rejected_whole(message: bytes, reason: str) -> None:
    batch = decode(message)
    assert (batch.events, reasons(batch)) == ([], [reason])
    assert batch.rejects[0].raw == message


def test_a_message_over_the_limit_is_rejected_unread() -> None:
    message = line(user_agent="x" * 5_000_000)
    batch = decode(message)
    assert reasons(batch) == ["too_large"]
    assert batch.rejects[0].size == len(message)


@pytest.mark.parametrize("shape", ["array", "lines", "lines with blanks", "windows lines"])
def test_a_broken_event_in_a_batch_costs_that_event_alone(shape: str) -> None:
    parts = [line(event_id="a"), line(event_id=""), line(event_id="b", status=-1), b'{"event_id": "c"}', line()]
    message = {
        "array": b"[" + b", ".join(parts) + b"]",
        "lines": b"\n".join(parts),
        "lines with blanks": b"\n" + b"\n\n \n".join(parts) + b"\n\n",
        "windows lines": b"\r\n".join(parts) + b"\r\n",
    }[shape]
    batch = decode(message)
    assert [found.event_id for found in batch.events] == ["a", "b", "ev-1"]
    assert reasons(batch) == ["out_of_range", "missing_field"]
    assert [reject.raw for reject in batch.rejects] == [parts[1], parts[3]]
    assert dict(batch.fields_dropped) == {"status": 1}


def test_bytes_that_are_no_text_cost_their_event_alone() -> None:
    broken = line(event_id="?").replace(b"?", b"\xff")
    for message in (b"\n".join([line(), broken]), b"[" + line() + b"," + broken + b"]"):
        batch = decode(message)
        assert len(batch.events) == 1
        assert reasons(batch) == ["not_utf8"]


def test_an_object_laid_out_over_lines_is_one_event() -> None:
    assert only(decode(json.dumps(event(), indent=2).encode())).event_id == "ev-1"
    assert only(decode(json.dumps(event(status="?"), indent=2).encode())).status is None


def test_two_objects_on_one_line_are_no_batch() -> None:
    assert reasons(decode(line() + line())) == ["not_json"]


def test_sound_events_one_a_message_are_read_as_one_batch() -> None:
    messages = [line(event_id=str(number)) for number in range(3)]
    found = Decoder().decode_singles(messages)
    assert found == [event for message in messages for event in Decoder().decode(message).events]
    assert [event.event_id for event in found or ()] == ["0", "1", "2"]


@pytest.mark.parametrize(
    "first, second",
    [
        (b"", line()),
        (line(), b"[" + line() + b"]"),
        (line(), b"\xef\xbb\xbf" + line()),
        (line() + b"\n" + line(), line()),
        (line() + line(), b""),
        (line()[:-1] + b",", b'"plan": "pro"}'),
        (line() + line()[:-1] + b",", b'"plan": "pro"}'),
        (line() + line()[:-1] + b"}", b'{"plan": "pro"}'),
        (line(), line(status="OK")),
        (line(), line(client_ip="nowhere")),
        (line(), line(timestamp=1)),
        (line(prompt="raw text"), line()),
        (line(), line(model=None)),
    ],
)
def test_what_is_not_one_sound_event_a_message_is_not_read_as_one_batch(first: bytes, second: bytes) -> None:
    assert Decoder().decode_singles([line(), first, second]) is None


def test_a_single_over_the_limit_is_found_among_others() -> None:
    large = line(event_id="x" * 100)
    assert Decoder(max_message_bytes=len(large)).decode_singles([line(), large]) is not None
    assert Decoder(max_message_bytes=len(large) - 1).decode_singles([line(), large]) is None


def test_empty_batches_hold_nothing() -> None:
    assert decode(b"[]") == Batch()


def test_of_duplicate_keys_the_last_counts() -> None:
    assert only(decode(b'{"model": "first", ' + line(model="last")[1:])).model == "last"


def test_a_byte_order_mark_is_no_matter() -> None:
    assert only(decode(b"\xef\xbb\xbf" + line())).event_id == "ev-1"


@pytest.mark.parametrize(
    "offset_ms, accepted",
    [(0, True), (600_000, True), (600_001, False), (-400 * 86_400_000, True), (-400 * 86_400_000 - 1, False)],
)
def test_a_live_event_must_be_of_our_time(offset_ms: int, accepted: bool) -> None:  # noqa: FBT001 - a table's column
    batch = decode(line(timestamp=NOW_MS + offset_ms), clock_ms=lambda: NOW_MS)
    assert reasons(batch) == ([] if accepted else ["timestamp_out_of_range"])


def test_the_clock_is_read_for_every_message() -> None:
    now = [NOW_MS]
    decoder = Decoder(clock_ms=lambda: now[0])
    late = line(timestamp=NOW_MS + 700_000)
    assert reasons(decoder.decode(late)) == ["timestamp_out_of_range"]
    now[0] += 200_000
    assert decoder.decode(late).events


def test_raw_text_is_hashed_and_dropped() -> None:
    batch = decode(line(system_prompt="You are a pirate.", prompt="Tell me about the sea and its fish"))
    found = only(batch)
    assert found.system_prompt is found.prompt is None
    assert len(found.system_prompt_hash or "") == 32
    assert len(found.prompt_simhash or "") == 16
    assert b"pirate" not in msgspec.json.encode(found)
    assert "pirate" not in repr(batch)


def test_keyed_hashes_differ_from_plain_ones() -> None:
    text = line(system_prompt="You are a pirate.", prompt="Tell me about the sea and its fish")
    plain, keyed = only(decode(text)), only(decode(text, key=b"0" * 16))
    assert plain.system_prompt_hash != keyed.system_prompt_hash
    assert plain.prompt_simhash != keyed.prompt_simhash
    assert keyed == only(decode(text, key=b"0" * 16))


def test_a_hash_that_is_there_wins_over_raw_text() -> None:
    found = only(decode(line(prompt="text", prompt_simhash="0" * 16, system_prompt="text", system_prompt_hash="given")))
    assert (found.prompt_simhash, found.system_prompt_hash) == ("0" * 16, "given")
    assert found.prompt is found.system_prompt is None


@given(st.binary(max_size=300))
def test_arbitrary_bytes_never_raise(message: bytes) -> None:
    batch = Decoder().decode(message)
    assert batch.events == []
    assert batch.rejects or message.strip(b" \t\r\n") in (b"[]", b"[ ]") or b"[" in message


@given(st.binary(max_size=40), st.integers(0, 200), st.integers(0, 20))
def test_damaged_batches_are_accounted_for(damage: bytes, at: int, length: int) -> None:
    lines = [line(event_id="a", status=200), line(event_id="b"), line(event_id="c", client_ip="::1")]
    message = b"\n".join(lines)
    broken = message[:at] + damage + message[at + length :]
    batch = Decoder().decode(broken)
    pieces = [piece for piece in broken.split(b"\n") if piece.strip(b" \t\r")]
    assert len(batch.events) + len(batch.rejects) >= min(1, len(pieces))
    if b"[" not in broken and damage.strip():
        assert len(batch.events) + len(batch.rejects) <= max(1, len(pieces))


@given(st.lists(st.dictionaries(st.sampled_from(sorted(TYPES)), JSON_VALUES, max_size=2), max_size=5))
def test_an_event_is_read_alike_alone_and_in_a_batch(changes: list[dict[str, Any]]) -> None:
    lines = [json.dumps(event() | change).encode() for change in changes]
    alone = Batch()
    for part in lines:
        alone.add(Decoder().decode(part))
    if lines:
        assert Decoder().decode(b"\n".join(lines)) == alone
        assert Decoder().decode_lines(b"\n".join(lines)).events == alone.events
        singles = Decoder().decode_singles(lines)
        assert singles in (None, alone.events)
        assert singles is None or not (alone.rejects or alone.fields_dropped)


@given(st.text(st.characters(exclude_categories=()), max_size=30))
def test_any_text_as_raw_prompt_is_survived(text: str) -> None:
    batch = Decoder().decode(line(prompt=text, system_prompt=text))
    assert only(batch).prompt is None
    msgspec.json.encode(batch.events[0])


def test_a_number_that_json_does_not_have_costs_its_event_alone() -> None:
    good = '{"event_id": "%s", "timestamp": 1780272000000, "account_id": "a", "model": "m"}'
    bad = '{"event_id": "b", "timestamp": 1780272000000, "account_id": "a", "model": "m", "input_tokens": NaN}'
    batch = Decoder().decode(f"[{good % 'x'}, {bad}, {good % 'y'}]".encode())
    assert [event.event_id for event in batch.events] == ["x", "y"]
    assert [reject.reason for reject in batch.rejects] == ["not_json"]
