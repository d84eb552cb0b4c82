from __future__ import annotations

from pathlib import Path

import pytest

from streamer.sources.files import read_batches
from tests.sources.gateways import (
    ENVOY,
    START_S,
    decode,
    fields,
)

RECORDS = Path(__file__).parent / "records"


def test_lines_that_envoy_1_40_wrote_with_the_fields_of_the_gateway_configured() -> None:
    [batch] = read_batches([RECORDS / "envoy.jsonl"])
    [found] = batch.events
    assert found.timestamp_ms == 1_795_472_067_060
    assert (found.account_id, found.model, found.operation, found.status) == ("acct-1", "gpt-4o", "chat", 200)
    assert (found.input_tokens, found.output_tokens, found.duration_ms) == (12, 34, 0)
    assert found.event_id == "8e74756e-a9a5-40e2-beb7-f537c7374b08"
    assert not batch.fields_dropped
    [reject] = batch.rejects
    assert (reject.reason, reject.detail) == ("missing_field", "account_id: null")


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
