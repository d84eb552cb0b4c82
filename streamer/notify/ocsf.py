"""An alert as an OCSF Detection Finding (class 2004), which a SIEM reads without a parser of its own."""

from __future__ import annotations

from typing import Any

from streamer import __version__
from streamer.notify.changes import Change
from streamer.notify.records import AlertRecord, Evidence, ms

SCHEMA = "1.3.0"
CATEGORY, CLASS = 2, 2004
SEVERITIES = {"info": (1, "Informational"), "warning": (3, "Medium"), "critical": (5, "Critical")}
ACTIVITIES = {"created": (1, "Create", 1, "New"), "updated": (2, "Update", 2, "In Progress")}
CLOSED = (3, "Close", 4, "Resolved")
STATISTICAL = 3


def finding(alert: AlertRecord, change: Change) -> dict[str, Any]:
    """The Detection Finding of one revision; `finding_info.uid` is the same for all of an alert."""
    activity, activity_name, status, status_name = ACTIVITIES.get(change, CLOSED)
    severity, severity_name = SEVERITIES.get(alert.severity, (99, "Other"))
    return {
        "activity_id": activity,
        "activity_name": activity_name,
        "category_uid": CATEGORY,
        "category_name": "Findings",
        "class_uid": CLASS,
        "class_name": "Detection Finding",
        "type_uid": CLASS * 100 + activity,
        "type_name": f"Detection Finding: {activity_name}",
        "severity_id": severity,
        "severity": severity_name,
        "status_id": status,
        "status": status_name,
        "time": ms(alert.updated_at),
        "message": alert.summary,
        "metadata": {
            "version": SCHEMA,
            "uid": alert.version_id,
            "event_code": f"streamer.{alert.kind}",
            "product": {"name": "streamer", "vendor_name": "streamer", "version": __version__},
        },
        "finding_info": {
            "uid": alert.alert_id,
            "title": "Coordinated extraction campaign" if alert.kind == "cluster" else "Account out of the ordinary",
            "desc": alert.summary,
            "types": [alert.kind],
            "analytic": {
                "uid": f"streamer.{alert.kind}",
                "name": "streamer",
                "type": "Statistical",
                "type_id": STATISTICAL,
                "version": __version__,
            },
            "first_seen_time": ms(alert.started_at),
            "last_seen_time": ms(alert.updated_at),
            "created_time": ms(alert.detected_at),
            "modified_time": ms(alert.updated_at),
        },
        "evidences": [{"name": item.family, "data": _evidence(item)} for item in alert.evidence],
        "resources": [{"uid": account_id, "type": "account"} for account_id in alert.accounts],
        "unmapped": {
            "cluster_id": alert.cluster_id,
            "score": alert.score,
            "false_alarm_rate_per_day": alert.false_alarm_rate,
            "account_count": alert.account_count,
            "request_count": alert.request_count,
            "output_tokens": alert.output_tokens,
            "models": list(alert.models),
            "runbook": alert.runbook,
        },
    }


def _evidence(item: Evidence) -> dict[str, Any]:
    return {
        "family": item.family,
        "statement": item.statement,
        "observed": item.observed,
        "expected": item.expected,
        "log10_p": item.log10_p,
    }
