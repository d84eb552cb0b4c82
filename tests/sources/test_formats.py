from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.sources.decode import Decoder
from streamer.sources.files import read_batches
from streamer.sources.formats import detect, detect_record, format_names, mapping_of
from streamer.sources.formats.reading import elapsed_ms, texts_of, time_ms
from tests.sources.examples import FULL, line
from tests.sources.gateways import (
    ATTRIBUTES,
    ENVOY,
    LITELLM,
    corrupted,
    decode,
    document,
    span,
)


def test_what_a_record_lacks_is_named() -> None:
    batch = decode("litellm", {name: value for name, value in LITELLM.items() if name != "startTime"})
    assert [(reject.reason, reject.detail) for reject in batch.rejects] == [("missing_field", "timestamp: null")]
    batch = decode("envoy", {"response_code": 200, "start_time": "2026-10-26T07:33:20Z", "x-request-id": "1"})
    assert [(reject.reason, reject.detail.partition(":")[0]) for reject in batch.rejects] == [
        ("missing_field", "account_id")
    ]


@pytest.mark.parametrize(
    "record, name",
    [
        (LITELLM, "litellm"),
        (ENVOY, "envoy"),
        (ATTRIBUTES, "otel"),
        (span(ATTRIBUTES), "otel"),
        (document(span(ATTRIBUTES)), "otel"),
        (FULL, "native"),
        ({"something": "else"}, "native"),
    ],
)
def test_formats_are_told_from_a_first_record(record: dict[str, Any], name: str) -> None:
    assert detect_record(record) == name
    text = json.dumps(record).encode()
    assert detect(text) == detect(b"broken\n\n" + text + b"\n") == detect(b"[" + text + b"]") == name
    assert detect(json.dumps(record, indent=2).encode()) == name
    assert detect(b"broken") is None


def test_a_file_whose_beginning_is_broken_is_still_told(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"broken\n" + b"\n".join([json.dumps(ENVOY).encode()] * 3))
    batches = list(read_batches([path]))
    assert [len(batch.events) for batch in batches] == [2, 1]
    assert [len(batch.rejects) for batch in batches] == [1, 0]
    assert not any(batch.events for batch in read_batches([path], format_name="native"))


@given(st.integers(0, 2**31))
def test_times_are_understood_in_every_unit(second: int) -> None:
    second += 10**9
    assert time_ms(second) == time_ms(float(second)) == time_ms(str(second)) == second * 1000
    assert time_ms(second * 1000) == time_ms(second * 10**6) == time_ms(str(second * 10**9)) == second * 1000
    assert elapsed_ms(second, second + 2) == elapsed_ms(second * 10**9, (second + 2) * 10**9) == 2000


def test_conversations_in_every_shape() -> None:
    assert texts_of("just text") == {"system_prompt": None, "prompt": "just text"}
    assert texts_of([{"role": "developer", "content": "a"}, {"role": "system", "content": "b"}], "c") == {
        "system_prompt": "c\na\nb",
        "prompt": None,
    }
    assert texts_of([None, {"role": "user"}, {"role": "user", "content": 7}]) == {"system_prompt": None, "prompt": None}


@given(corrupted([LITELLM, ENVOY, ATTRIBUTES, span(ATTRIBUTES), document(span(ATTRIBUTES)), LITELLM["metadata"]]))
def test_no_record_however_broken_stops_a_format(record: dict[str, Any]) -> None:
    for name in format_names():
        batch = decode(name, record)
        assert len(batch.events) + len(batch.rejects) <= 1
        assert not any(reject.detail.startswith("not what") for reject in batch.rejects)


@pytest.mark.parametrize("name", ["litellm", "otel", "envoy"])
def test_deep_nesting_stops_no_format(name: str) -> None:
    for field in ("messages", "metadata", "attributes", "resourceSpans", "gen_ai.input.messages"):
        for depth in (300, 900, 5000):
            nested = b"[" * depth + b"]" * depth
            message = b'{"%s": %s}' % (field.encode(), nested)
            batch = Decoder(mapping=mapping_of(name)).decode(message)
            assert len(batch.rejects) <= 1
            part = b'{"content":' * depth + b"1" + b"}" * depth
            Decoder(mapping=mapping_of(name)).decode(
                b'{"%s": [{"role": "user", "content": %s}]}' % (field.encode(), part)
            )


def test_native_events_pass_every_file_untouched(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(line() + b"\n" + json.dumps(FULL).encode())
    assert sum(len(batch.events) for batch in read_batches([path])) == 2
