from __future__ import annotations

import pytest

from tests.sources.gateways import (
    ENVOY,
    START_S,
    decode,
    fields,
)


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
