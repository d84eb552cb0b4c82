"""Records as the detector writes them."""

from __future__ import annotations

from typing import Any

from streamer.detection.evidence import EvidenceItem
from streamer.detection.records import Alert, Membership
from streamer.sinks.encode import encoded

NOON_MS = 1_772_452_800_000
HOUR_MS = 3_600_000
EVIDENCE = (
    EvidenceItem("evenness", "used alike", 0.2, 1.0, -12.0),
    EvidenceItem("newness", "newer than others", 3.1, 0.0, -5.5),
)


def alert(alert_id: str, revision: int = 1, **changes: Any) -> Alert:
    """A revision an hour after the one before; a cluster's unless `cluster_id` is None."""
    number = alert_id.removeprefix("a-")
    at_ms = NOON_MS + revision * HOUR_MS
    values: dict[str, Any] = {
        "alert_id": alert_id,
        "revision": revision,
        "status": "firing",
        "kind": "cluster",
        "severity": "critical",
        "summary": f"{9 * revision} accounts look driven by one hand",
        "cluster_id": f"c-{number}",
        "started_at": NOON_MS,
        "detected_at": NOON_MS + HOUR_MS,
        "updated_at": at_ms,
        "resolved_at": None,
        "score": 17.5,
        "false_alarm_rate": 3e-7,
        "account_count": 9 * revision,
        "accounts": ("ada", "bob"),
        "request_count": 800 * revision,
        "output_tokens": 90_000,
        "models": ("meridian-5",),
        "evidence": EVIDENCE,
        "limits_proposed": 2,
        "runbook": "deploy/runbooks/campaign.md",
    }
    values |= changes
    if values["cluster_id"] is None:
        values["kind"] = "account"
        values.setdefault("account_count", 1)
    if values["status"] == "resolved":
        values["resolved_at"] = values["updated_at"]
    return Alert(**values)


def account_alert(account_id: str, revision: int = 1, **changes: Any) -> Alert:
    """What is said of one account alone."""
    own: dict[str, Any] = {"cluster_id": None, "severity": "warning", "accounts": (account_id,), "account_count": 1}
    return alert(f"a-{account_id}", revision, **{**own, **changes})


def member(account_id: str, cluster_id: str, hours: int = 1, status: str = "member") -> Membership:
    return Membership(account_id, cluster_id, NOON_MS + hours * HOUR_MS, 0.9, ("evenness",), status)


def value(record: Alert | Membership) -> bytes:
    return encoded(record)
