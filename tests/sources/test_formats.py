from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.sources.batch import Batch
from streamer.sources.decode import Decoder
from streamer.sources.files import read_batches
from streamer.sources.formats import detect, detect_record, format_names, mapping_of
from streamer.sources.formats.reading import elapsed_ms, texts_of, time_ms
from streamer.sources.simhash import hash_text, simhash64
from tests.sources.examples import FULL, JSON_VALUES, line

START_S = 1_793_000_000


def decode(name: str, record: object) -> Batch:
    return Decoder(mapping=mapping_of(name)).decode(json.dumps(record).encode())


def fields(batch: Batch) -> dict[str, Any]:
    assert not batch.rejects
    assert not batch.fields_dropped
    [found] = batch.events
    known = {name: getattr(found, name) for name in found.__struct_fields__}
    return {name: value for name, value in known.items() if value is not None}


def test_real_litellm_payloads(shared_data: Path) -> None:
    [batch] = read_batches([shared_data / "litellm_payloads.jsonl"])
    assert not batch.rejects
    assert not batch.fields_dropped
    seen = [
        (e.timestamp_ms, e.account_id, e.model, e.status, e.input_tokens, e.output_tokens, e.tool_count)
        for e in batch.events
    ]
    assert seen == [
        (1_795_427_224_132, "enduser-7", "fake-gpt", 200, 10, 20, 1),
        (1_795_427_265_007, "default_user_id", "fake-gpt", 429, 0, 0, 0),
        (1_795_427_271_121, "default_user_id", "fake-gpt", 200, 10, 20, 0),
    ]
    first = batch.events[0]
    assert first.event_id == "chatcmpl-387fee38-6f8b-4c36-a869-d5e0fe002130"
    assert (first.session_id, first.client_ip, first.user_agent) == ("s-1", "127.0.0.1", "probe/1.0")
    assert (first.operation, first.stream, first.duration_ms) == ("chat", False, 48.117)
    assert first.tools_hash == hash_text("f")
    assert first.api_key_id is None


LITELLM: dict[str, Any] = {
    "id": "chatcmpl-1",
    "litellm_call_id": "call-1",
    "call_type": "acompletion",
    "stream": True,
    "status": "success",
    "startTime": START_S + 0.25,
    "endTime": START_S + 1.5,
    "model": "openai/gpt-4o",
    "model_group": "gpt-4o",
    "metadata": {
        "user_api_key_hash": "88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b",
        "user_api_key_user_id": "jane",
        "user_api_key_team_id": "team-1",
        "user_api_key_org_id": None,
        "usage_object": {
            "prompt_tokens_details": {"cached_tokens": 7},
            "completion_tokens_details": {"reasoning_tokens": 5},
        },
    },
    "prompt_tokens": 100,
    "completion_tokens": 50,
    "end_user": "customer-9",
    "requester_ip_address": "203.0.113.9, 10.0.0.1",
    "user_agent": "OpenAI/Python 2.0",
    "messages": [
        {"role": "system", "content": "You are a pirate."},
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": "ahoy"},
        {"role": "user", "content": [{"type": "text", "text": "tell me of the sea"}, {"type": "image_url"}]},
    ],
    "model_parameters": {
        "max_tokens": 4096,
        "tools": [{"type": "function", "function": {"name": "b"}}, {"name": "a", "input_schema": {}}],
    },
    "error_information": {"error_code": ""},
}


def test_a_litellm_payload_field_by_field() -> None:
    key = LITELLM["metadata"]["user_api_key_hash"]
    assert fields(decode("litellm", LITELLM)) == {
        "event_id": "chatcmpl-1",
        "timestamp": START_S * 1000 + 250,
        "account_id": key,
        "model": "gpt-4o",
        "organization_id": "team-1",
        "api_key_id": key,
        "end_user_id": "customer-9",
        "client_ip": "203.0.113.9",
        "user_agent": "OpenAI/Python 2.0",
        "operation": "chat",
        "status": 200,
        "stream": True,
        "max_tokens": 4096,
        "input_tokens": 100,
        "output_tokens": 50,
        "cache_read_tokens": 7,
        "reasoning_tokens": 5,
        "duration_ms": 1250.0,
        "system_prompt_hash": hash_text("You are a pirate."),
        "prompt_simhash": simhash64("tell me of the sea"),
        "tools_hash": hash_text("a\nb"),
        "tool_count": 2,
    }


@pytest.mark.parametrize(
    "metadata, end_user, account",
    [
        ({"user_api_key_user_id": "jane", "user_api_key_team_id": "t"}, "customer", "customer"),
        ({"user_api_key_user_id": "jane", "user_api_key_team_id": "t"}, None, "jane"),
        ({"user_api_key_user_id": "default_user_id", "user_api_key_team_id": "t"}, "", "t"),
        ({"user_api_key_user_id": "default_user_id"}, None, "default_user_id"),
        ({}, None, "litellm_proxy_master_key"),
    ],
)
def test_behind_the_master_key_the_closest_name_is_the_account(
    metadata: dict[str, str], end_user: str | None, account: str
) -> None:
    record = LITELLM | {"end_user": end_user, "metadata": {"user_api_key_hash": "litellm_proxy_master_key"} | metadata}
    found = fields(decode("litellm", record))
    assert found["account_id"] == account
    assert "api_key_id" not in found


def test_litellm_failures_and_redaction() -> None:
    failed = LITELLM | {
        "status": "failure",
        "error_information": {"error_code": "529"},
        "messages": "redacted-by-litellm",
    }
    found = fields(decode("litellm", failed))
    assert found["status"] == 529
    assert not {"prompt_simhash", "system_prompt_hash"} & set(found)
    assert fields(decode("litellm", failed | {"error_information": None}))["status"] == 500


def test_what_a_record_lacks_is_named() -> None:
    batch = decode("litellm", {name: value for name, value in LITELLM.items() if name != "startTime"})
    assert [(reject.reason, reject.detail) for reject in batch.rejects] == [("missing_field", "timestamp: null")]
    batch = decode("envoy", {"response_code": 200, "start_time": "2026-10-26T07:33:20Z", "x-request-id": "1"})
    assert [(reject.reason, reject.detail.partition(":")[0]) for reject in batch.rejects] == [
        ("missing_field", "account_id")
    ]


ATTRIBUTES: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.request.max_tokens": 512,
    "gen_ai.usage.input_tokens": 12,
    "gen_ai.usage.output_tokens": 34,
    "gen_ai.usage.cache_read.input_tokens": 4,
    "gen_ai.usage.reasoning.output_tokens": 3,
    "gen_ai.conversation.id": "conversation-1",
    "gen_ai.input.messages": json.dumps(
        [{"role": "user", "parts": [{"type": "text", "content": "tell me of the sea"}]}]
    ),
    "gen_ai.system_instructions": [{"type": "text", "content": "You are a pirate."}],
    "gen_ai.tool.definitions": json.dumps([{"type": "function", "name": "a"}]),
    "user.id": "acct-1",
    "client.address": "203.0.113.9",
    "user_agent.original": "probe/1.0",
}
OTEL_FIELDS = {
    "event_id": "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
    "timestamp": START_S * 1000 + 250,
    "account_id": "acct-1",
    "model": "gpt-4o",
    "session_id": "conversation-1",
    "client_ip": "203.0.113.9",
    "user_agent": "probe/1.0",
    "operation": "chat",
    "status": 200,
    "max_tokens": 512,
    "input_tokens": 12,
    "output_tokens": 34,
    "cache_read_tokens": 4,
    "reasoning_tokens": 3,
    "duration_ms": 1250.0,
    "system_prompt_hash": hash_text("You are a pirate."),
    "prompt_simhash": simhash64("tell me of the sea"),
    "tools_hash": hash_text("a"),
    "tool_count": 1,
}


def typed(value: object) -> dict[str, Any]:
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case list():
            return {"arrayValue": {"values": [typed(item) for item in value]}}
        case dict():
            return {"kvlistValue": {"values": listed(value)}}
        case _:
            return {"stringValue": value}


def listed(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": typed(value)} for key, value in attributes.items()]


def span(attributes: dict[str, Any], **changes: object) -> dict[str, Any]:
    return {
        "traceId": "0af7651916cd43dd8448eb211c80319c",
        "spanId": "b7ad6b7169203331",
        "name": "chat gpt-4o",
        "startTimeUnixNano": str(START_S * 10**9 + 250_000_000),
        "endTimeUnixNano": str(START_S * 10**9 + 1_500_000_000),
        "attributes": listed(attributes),
        "status": {},
    } | changes


def document(*spans: dict[str, Any]) -> dict[str, Any]:
    resource = {"attributes": listed({"service.name": "gateway"})}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {}, "spans": list(spans)}]}]}


def test_otlp_documents_single_spans_and_bare_attributes_read_alike() -> None:
    assert fields(decode("otel", document(span(ATTRIBUTES)))) == OTEL_FIELDS
    assert fields(decode("otel", span(ATTRIBUTES))) == OTEL_FIELDS
    flat = ATTRIBUTES | {
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "span_id": "b7ad6b7169203331",
        "start_time": START_S * 10**9 + 250_000_000,
        "end_time": START_S * 10**9 + 1_500_000_000,
    }
    assert fields(decode("otel", flat)) == OTEL_FIELDS


def test_old_names_and_the_python_console_exporter() -> None:
    record = {
        "name": "openai.chat",
        "context": {"trace_id": "0x0a", "span_id": "0x0b"},
        "start_time": "2026-10-26T07:33:20.250000Z",
        "end_time": "2026-10-26T07:33:21.500000Z",
        "status": {"status_code": "ERROR"},
        "attributes": {
            "gen_ai.system": "openai",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.usage.prompt_tokens": 12,
            "gen_ai.usage.completion_tokens": 34,
            "gen_ai.prompt.0.role": "system",
            "gen_ai.prompt.0.content": "You are a pirate.",
            "gen_ai.prompt.1.role": "user",
            "gen_ai.prompt.1.content": "tell me of the sea",
            "llm.request.type": "chat",
            "enduser.id": "acct-1",
        },
    }
    assert fields(decode("otel", record)) == {
        "event_id": "0x0a-0x0b",
        "timestamp": (decode("otel", record).events[0]).timestamp,
        "account_id": "acct-1",
        "model": "gpt-4o",
        "operation": "chat",
        "status": 500,
        "input_tokens": 12,
        "output_tokens": 34,
        "system_prompt_hash": hash_text("You are a pirate."),
        "prompt_simhash": simhash64("tell me of the sea"),
    }
    assert decode("otel", record).events[0].timestamp_ms == START_S * 1000 + 250


@pytest.mark.parametrize("error, status", [("429", 429), ("RateLimitError", 429), ("timeout", 408), ("_OTHER", 500)])
def test_error_types_become_statuses(error: str, status: int) -> None:
    assert fields(decode("otel", span(ATTRIBUTES | {"error.type": error})))["status"] == status


def test_spans_about_something_else_are_passed_over() -> None:
    database = span({"db.system": "postgresql"}, spanId="01")
    agent = span(ATTRIBUTES | {"gen_ai.operation.name": "invoke_agent"}, spanId="02")
    nameless = span({key: value for key, value in ATTRIBUTES.items() if key != "user.id"}, spanId="03")
    batch = decode("otel", document(database, agent, span(ATTRIBUTES), nameless))
    assert [found.event_id[-16:] for found in batch.events] == ["b7ad6b7169203331"]
    assert [reject.detail for reject in batch.rejects] == ["account_id: null"]


ENVOY: dict[str, Any] = {
    "start_time": "2026-10-26T07:33:20.250Z",
    "method": "POST",
    "path": "/v1/chat/completions?beta=true",
    "response_code": 200,
    "duration": 1250,
    "x-request-id": "5f0e",
    "user-agent": "probe/1.0",
    "x-forwarded-for": "198.51.100.1, 8.8.4.4,10.1.2.3",
    "downstream_remote_address": "10.0.0.9:41234",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.usage.input_tokens": "12",
    "gen_ai.usage.output_tokens": 34,
    "gen_ai.usage.cached_input_tokens": "-",
    "session.id": "-",
    "x-account-id": "acct-1",
}


def test_an_envoy_access_log_line_field_by_field() -> None:
    found = fields(decode("envoy", ENVOY))
    assert decode("envoy", ENVOY).events[0].timestamp_ms == START_S * 1000 + 250
    del found["timestamp"]
    assert found == {
        "event_id": "5f0e",
        "account_id": "acct-1",
        "model": "gpt-4o",
        "client_ip": "8.8.4.4",
        "user_agent": "probe/1.0",
        "operation": "chat",
        "status": 200,
        "duration_ms": 1250,
        "input_tokens": 12,
        "output_tokens": 34,
    }


@pytest.mark.parametrize(
    "forwarded, remote, client",
    [
        ("spoofed, 1.1.1.1, 8.8.4.4", "10.0.0.9:41234", "8.8.4.4"),
        ("1.1.1.1", "8.8.8.8:41234", "8.8.8.8"),
        ("-", "[2a00:1450::5]:41234", "2a00:1450::5"),
        ("10.0.0.1", "10.0.0.9:41234", "10.0.0.9"),
        ("-", "-", None),
    ],
)
def test_what_a_client_says_of_its_address_is_not_believed(forwarded: str, remote: str, client: str | None) -> None:
    record = ENVOY | {"x-forwarded-for": forwarded, "downstream_remote_address": remote}
    assert fields(decode("envoy", record)).get("client_ip") == client


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


def corrupted(records: list[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.sampled_from(records).flatmap(
        lambda record: st.dictionaries(st.sampled_from(sorted(record)), JSON_VALUES, max_size=4).map(
            lambda changes: record | changes
        )
    )


@given(corrupted([LITELLM, ENVOY, ATTRIBUTES, span(ATTRIBUTES), document(span(ATTRIBUTES)), LITELLM["metadata"]]))
def test_no_record_however_broken_stops_a_format(record: dict[str, Any]) -> None:
    for name in format_names():
        batch = decode(name, record)
        assert len(batch.events) + len(batch.rejects) <= 1
        assert not any(reject.detail.startswith("not what") for reject in batch.rejects)


@given(corrupted([LITELLM["metadata"], LITELLM["model_parameters"], LITELLM["messages"][3]]))
def test_no_part_of_a_record_however_broken_stops_a_format(part: dict[str, Any]) -> None:
    for name in ("metadata", "model_parameters", "messages", "end_user", "error_information"):
        for value in (part, [part]):
            batch = decode("litellm", LITELLM | {name: value})
            assert len(batch.events) + len(batch.rejects) == 1
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
