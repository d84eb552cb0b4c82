"""What comes out: the records of the contract, with times as event-time milliseconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    # It brings numpy and scipy with it, for which `--help` and every verb that detects nothing would wait.
    from streamer.detection.evidence import EvidenceItem


class SharedValue(NamedTuple):
    """A value that binds a cluster: its kind, itself, and how many of the cluster's accounts are on it."""

    kind: str
    value: str
    account_count: int


class ActiveHour(NamedTuple):
    """One hour of a cluster: when it began, the requests in it, and the accounts that made them."""

    began_at: int
    request_count: int
    account_count: int


@dataclass(frozen=True, slots=True)
class Alert:
    """One revision of an alert; `alert_id` is the same for all of them."""

    alert_id: str
    revision: int
    status: str
    kind: str
    severity: str
    summary: str
    cluster_id: str | None
    started_at: int
    detected_at: int
    updated_at: int
    resolved_at: int | None
    score: float
    false_alarm_rate: float
    account_count: int
    accounts: tuple[str, ...]
    request_count: int
    output_tokens: int
    models: tuple[str, ...]
    evidence: tuple[EvidenceItem, ...]
    limits_proposed: int
    runbook: str
    links: tuple[SharedValue, ...] = ()
    timeline: tuple[ActiveHour, ...] = ()


@dataclass(frozen=True, slots=True)
class Membership:
    """An account was named as part of a cluster, or is no longer."""

    account_id: str
    cluster_id: str
    since: int
    score: float
    evidence: tuple[str, ...]
    status: str = "member"
    links: tuple[str, ...] = ()
    first_seen_at: int | None = None
    request_count: int = 0
    output_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Limit:
    """What the gateway is asked to do about an account; None in `requests_per_minute` for a block."""

    account_id: str
    action: str
    requests_per_minute: int | None
    mode: str
    alert_id: str
    reason: str
    issued_at: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class LimitLifted:
    """A limit that was taken back before its time: the limit, with `expires_at` now; a tombstone on the topic."""

    account_id: str
    action: str
    requests_per_minute: int | None
    mode: str
    alert_id: str
    reason: str
    issued_at: int
    expires_at: int
    lifted_at: int


Decision = Alert | Membership | Limit | LimitLifted
