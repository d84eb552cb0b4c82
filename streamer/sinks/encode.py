"""Decisions as the contract's records: plain data, JSON, and messages for Kafka."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from streamer.detection.records import Alert, Decision, Limit, LimitLifted, Membership

_TIMES = frozenset(
    {
        "started_at",
        "detected_at",
        "updated_at",
        "resolved_at",
        "since",
        "first_seen_at",
        "issued_at",
        "expires_at",
        "lifted_at",
        "began_at",
        "created_at",
    }
)
_encode = msgspec.json.Encoder().encode


class Message(NamedTuple):
    """A record as Kafka keeps it; None in `value` is a tombstone."""

    topic: str
    key: bytes
    value: bytes | None


@dataclass(frozen=True, slots=True)
class RecordTopics:
    """The topics that decisions go to."""

    alerts: str = "streamer.alerts"
    members: str = "streamer.members"
    limits: str = "streamer.limits"


def rfc3339(moment_ms: int) -> str:
    """A time in milliseconds since the Unix epoch as RFC 3339 in UTC, with milliseconds."""
    moment = datetime.fromtimestamp(moment_ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment_ms % 1000:03d}Z"


def record(decision: Decision) -> dict[str, Any]:
    """The contract's record of a decision, as plain data.

    A lifted limit is a tombstone in Kafka; where there are none, it is the limit once more, expired, with `lifted_at`.
    """
    return _timed({part.name: _plain(getattr(decision, part.name)) for part in fields(decision)})


def encoded(decision: Decision) -> bytes:
    """The record of a decision as JSON, without a line end."""
    return _encode(record(decision))


def message(decision: Decision, topics: RecordTopics) -> Message:
    """The Kafka message of a decision."""
    match decision:
        case Alert():
            return Message(topics.alerts, decision.alert_id.encode(), encoded(decision))
        case Membership():
            return Message(topics.members, decision.account_id.encode(), encoded(decision))
        case Limit():
            return Message(topics.limits, decision.account_id.encode(), encoded(decision))
        case LimitLifted():
            return Message(topics.limits, decision.account_id.encode(), None)


def _timed(plain: dict[str, Any]) -> dict[str, Any]:
    for name in _TIMES.intersection(plain):
        if plain[name] is not None:
            plain[name] = rfc3339(plain[name])
    return plain


def _plain(value: Any) -> Any:  # noqa: ANN401 - any part of a record
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return _timed({name: _plain(part) for name, part in value._asdict().items()})
    if isinstance(value, tuple | list):
        return [_plain(part) for part in value]
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    return value
