from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from streamer.sources.files import read_batches
from streamer.sources.formats import detect_record
from streamer.sources.simhash import hash_text, simhash64
from tests.sources.gateways import (
    ATTRIBUTES,
    ENVOY,
    START_S,
    decode,
    document,
    fields,
    listed,
    span,
    typed,
)

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


def test_a_span_that_the_python_sdk_1_45_wrote() -> None:
    [batch] = read_batches([Path(__file__).parent / "records" / "otel_console.jsonl"])
    [found] = batch.events
    assert found.timestamp_ms == 1_795_472_069_339
    assert (found.account_id, found.model, found.status) == ("acct-1", "gpt-4o", 429)
    assert (found.input_tokens, found.output_tokens, found.duration_ms) == (12, 34, 0.03)


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
        "duration_ms": 1250.0,
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


def logged(*records: dict[str, Any]) -> dict[str, Any]:
    resource = {"attributes": listed({"service.name": "gateway"})}
    return {"resourceLogs": [{"resource": resource, "scopeLogs": [{"scope": {}, "logRecords": list(records)}]}]}


def test_a_line_of_envoys_access_log_is_the_same_in_a_log_record() -> None:
    as_text = {key: str(value) for key, value in ENVOY.items()}
    alone = fields(decode("envoy", ENVOY))
    for record in (
        {"attributes": listed(as_text), "timeUnixNano": "1"},
        {"body": typed(as_text)},
        {"body": {"stringValue": json.dumps(ENVOY)}},
    ):
        assert fields(decode("otel", logged(record))) == alone
        assert detect_record(logged(record)) == "otel"


def test_a_log_record_about_a_model_is_a_request() -> None:
    about = {
        "timeUnixNano": str(START_S * 10**9 + 250_000_000),
        "traceId": "0af7651916cd43dd8448eb211c80319c",
        "spanId": "b7ad6b7169203331",
        "attributes": listed(ATTRIBUTES),
        "body": {"stringValue": "a request"},
    }
    chatter = {"timeUnixNano": "1", "body": {"stringValue": "started"}, "attributes": []}
    without_end = {name: value for name, value in OTEL_FIELDS.items() if name != "duration_ms"}
    assert fields(decode("otel", logged(chatter, about))) == without_end
