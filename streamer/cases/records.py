"""The records of the contract as they are read back: lenient, for those of an older version say less."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from sys import intern
from typing import Final

import msgspec

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Reason(msgspec.Struct, frozen=True, gc=False):
    """One line of evidence: a fact, what was to be expected, and how improbable that is."""

    family: str
    statement: str = ""
    observed: float | None = None
    expected: float | None = None
    log10_p: float | None = None


class SharedLink(msgspec.Struct, frozen=True, gc=False):
    """A value that binds the accounts of a case, and how many of them are on it."""

    kind: str
    value: str
    account_count: int = 0


class Hour(msgspec.Struct, frozen=True, gc=False):
    """Requests and accounts of one hour."""

    began_at: str
    request_count: int = 0
    account_count: int = 0


class AlertRecord(msgspec.Struct, frozen=True):
    """One revision of an alert."""

    alert_id: str
    revision: int = 1
    status: str = "firing"
    kind: str = "cluster"
    severity: str = "info"
    summary: str = ""
    cluster_id: str | None = None
    started_at: str | None = None
    detected_at: str | None = None
    updated_at: str | None = None
    resolved_at: str | None = None
    score: float = 0.0
    false_alarm_rate: float | None = None
    account_count: int = 0
    accounts: tuple[str, ...] = ()
    request_count: int = 0
    output_tokens: int = 0
    models: tuple[str, ...] = ()
    evidence: tuple[Reason, ...] = ()
    limits_proposed: int = 0
    runbook: str = ""
    links: tuple[SharedLink, ...] = ()
    timeline: tuple[Hour, ...] = ()


class MemberRecord(msgspec.Struct, frozen=True):
    """An account in a cluster; `links` are its ties, each as `kind:value`."""

    account_id: str
    cluster_id: str
    since: str = ""
    score: float = 0.0
    evidence: tuple[str, ...] = ()
    status: str = "member"
    links: tuple[str, ...] = ()
    first_seen_at: str | None = None
    request_count: int = 0
    output_tokens: int = 0

    def __post_init__(self) -> None:
        for name in ("links", "evidence"):
            msgspec.structs.force_setattr(self, name, tuple(map(intern, getattr(self, name))))
        _share(self, "cluster_id", "since", "status")


class LimitRecord(msgspec.Struct, frozen=True):
    """A limit on an account. `lifted_at` is set, in files alone, where it was taken back."""

    account_id: str
    action: str = "throttle"
    requests_per_minute: float | None = None
    mode: str = "shadow"
    alert_id: str = ""
    reason: str = ""
    issued_at: str = ""
    expires_at: str = ""
    lifted_at: str | None = None

    def __post_init__(self) -> None:
        _share(self, "action", "mode", "alert_id", "reason", "issued_at", "expires_at")


def _share(record: msgspec.Struct, *names: str) -> None:
    # Thousands of records say the same in these fields: one copy of each is enough.
    for name in names:
        msgspec.structs.force_setattr(record, name, intern(getattr(record, name)))


decode_alert: Final = msgspec.json.Decoder(AlertRecord).decode
decode_member: Final = msgspec.json.Decoder(MemberRecord).decode
decode_limit: Final = msgspec.json.Decoder(LimitRecord).decode


def kind_and_value(link: str) -> tuple[str, str]:
    """Take a member's link apart.

    >>> kind_and_value("address_block:2001:db8::/48")
    ('address_block', '2001:db8::/48')
    """
    kind, _, value = link.partition(":")
    return kind, value


def hours_since_epoch(moment: str | None) -> float | None:
    """A time in hours; None for what is no time.

    >>> hours_since_epoch("1970-01-02T01:30:00.000Z"), hours_since_epoch("soon")
    (25.5, None)
    """
    try:
        return (datetime.fromisoformat(moment or "").astimezone(UTC) - _EPOCH) / timedelta(hours=1)
    except (ValueError, OverflowError):
        return None


def hour_number(moment: str | None) -> int | None:
    """The number of the hour that a time falls into."""
    hours = hours_since_epoch(moment)
    return None if hours is None else int(hours // 1)


def hour_text(hour: int) -> str:
    """An hour by its number, to be read.

    >>> hour_text(25)
    '1970-01-02 01:00'
    """
    return f"{_EPOCH + timedelta(hours=hour):%Y-%m-%d %H:%M}"
