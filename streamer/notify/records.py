"""The records of the contract as they are read back from their topics. Unknown fields are ignored."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar

import msgspec

Record = TypeVar("Record")


class Evidence(msgspec.Struct, frozen=True):
    """One family's evidence: what was observed against what was to be expected."""

    family: str
    statement: str
    observed: Any = None
    expected: Any = None
    log10_p: float = 0.0


class AlertRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One revision of an alert."""

    alert_id: str
    revision: int
    status: str
    kind: str
    severity: str
    summary: str
    started_at: datetime
    detected_at: datetime
    updated_at: datetime
    resolved_at: datetime | None = None
    cluster_id: str | None = None
    score: float = 0.0
    false_alarm_rate: float = 0.0
    account_count: int = 0
    accounts: tuple[str, ...] = ()
    request_count: int = 0
    output_tokens: int = 0
    models: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    limits_proposed: int = 0
    runbook: str = ""

    @property
    def version_id(self) -> str:
        """What this revision alone is called."""
        return f"{self.alert_id}.{ms(self.updated_at) // 1000}.{self.revision}"

    @property
    def fires(self) -> bool:
        """Whether it is not over."""
        return self.status == "firing"


class MemberRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An account was named as part of a cluster, or is no longer."""

    account_id: str
    cluster_id: str
    since: datetime
    status: str = "member"


class LimitRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What the gateway is asked to do about an account."""

    account_id: str
    action: str
    mode: str
    issued_at: datetime
    expires_at: datetime


class FeedbackRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What a person said about an alert."""

    action: str
    alert_id: str | None = None


def ms(moment: datetime) -> int:
    """Milliseconds since the Unix epoch."""
    return round(moment.timestamp() * 1000)


def read(value: bytes, kind: type[Record]) -> Record | None:
    """The record in a message; None where it is not one."""
    try:
        return msgspec.json.decode(value, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
