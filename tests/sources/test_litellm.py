from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from streamer.sources.files import read_batches
from streamer.sources.simhash import hash_text, simhash64
from tests.sources.gateways import (
    LITELLM,
    START_S,
    corrupted,
    decode,
    fields,
)


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


@given(corrupted([LITELLM["metadata"], LITELLM["model_parameters"], LITELLM["messages"][3]]))
def test_no_part_of_a_record_however_broken_stops_a_format(part: dict[str, Any]) -> None:
    for name in ("metadata", "model_parameters", "messages", "end_user", "error_information"):
        for value in (part, [part]):
            batch = decode("litellm", LITELLM | {name: value})
            assert len(batch.events) + len(batch.rejects) == 1
            assert not any(reject.detail.startswith("not what") for reject in batch.rejects)
