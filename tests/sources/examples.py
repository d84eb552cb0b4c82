"""Events for tests, whole and broken."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from streamer.sources.batch import Batch
from streamer.sources.decode import Decoder
from streamer.sources.event import RequestEvent

FULL: dict[str, Any] = {
    "event_id": "ev-1",
    "timestamp": "2026-11-01T12:00:00.123Z",
    "account_id": "acct-1",
    "model": "large-1",
    "organization_id": "org-1",
    "api_key_id": "key-1",
    "end_user_id": "user-1",
    "session_id": "session-1",
    "account_created_at": 1_777_000_000_000,
    "plan": "payg",
    "client_ip": "192.0.2.7",
    "asn": 64_500,
    "country": "DE",
    "user_agent": "cli/2.0",
    "tls_fingerprint": "t13d1516h2_8daaf6152771_02713d6af862",
    "device_id": "device-1",
    "payment_fingerprint": "pay-1",
    "email_domain": "example.com",
    "operation": "chat",
    "status": 200,
    "stream": True,
    "max_tokens": 8192,
    "input_tokens": 1200,
    "output_tokens": 800,
    "cache_read_tokens": 0,
    "reasoning_tokens": 12,
    "duration_ms": 1200.5,
    "system_prompt_hash": "a" * 32,
    "prompt_simhash": "0123456789abcdef",
    "tools_hash": "b" * 32,
    "tool_count": 3,
    "capability": "writing",
    "language": "de",
}


def event(**changes: object) -> dict[str, Any]:
    """A small good event, changed."""
    small = {"event_id": "ev-1", "timestamp": 1_793_000_000_000, "account_id": "acct-1", "model": "large-1"}
    return small | changes


def line(**changes: object) -> bytes:
    return json.dumps(event(**changes)).encode()


def numbered(count: int, *, step_ms: int = 1000, start: int = 0) -> list[bytes]:
    """Good events in order of time, as lines."""
    return [
        line(event_id=f"ev-{at}", timestamp=1_793_000_000_000 + at * step_ms, account_id=f"acct-{at % 7}")
        for at in range(start, start + count)
    ]


JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=True, allow_infinity=True)
    | st.text(st.characters(exclude_categories=()), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def decode(message: bytes, **options: Any) -> Batch:
    return Decoder(**options).decode(message)


def only(batch: Batch) -> RequestEvent:
    assert not batch.rejects
    assert len(batch.events) == 1
    return batch.events[0]


def reasons(batch: Batch) -> list[str]:
    return [reject.reason for reject in batch.rejects]
