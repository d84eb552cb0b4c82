"""Records as gateways write them, and what tests do with them."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from streamer.sources.batch import Batch
from streamer.sources.decode import Decoder
from streamer.sources.formats import mapping_of
from tests.sources.examples import JSON_VALUES

START_S = 1_793_000_000


def decode(name: str, record: object) -> Batch:
    return Decoder(mapping=mapping_of(name)).decode(json.dumps(record).encode())


def fields(batch: Batch) -> dict[str, Any]:
    assert not batch.rejects
    assert not batch.fields_dropped
    [found] = batch.events
    known = {name: getattr(found, name) for name in found.__struct_fields__}
    return {name: value for name, value in known.items() if value is not None}


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


def corrupted(records: list[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.sampled_from(records).flatmap(
        lambda record: st.dictionaries(st.sampled_from(sorted(record)), JSON_VALUES, max_size=4).map(
            lambda changes: record | changes
        )
    )
