"""The judgement itself."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from streamer.evaluation.naming import LOUD, SEVERITIES, Naming, naming
from streamer.evaluation.records import (
    AlertRevision,
    LimitRecord,
    MembershipRecord,
    Span,
    read,
    read_span,
    to_ms,
)
from streamer.evaluation.result import CampaignResult, ClusterResult, Evaluation, Honest
from streamer.evaluation.traffic import SeenRequest, Traffic
from streamer.evaluation.truth import Truth

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 86_400_000
_NEEDS_EVENTS: Final = "a campaign's first request, hours to detection, recall by time and share served need the events"
_NEEDS_SPAN: Final = "alerts per day need summary.json or the events"
_SHOWN: Final = 1000


class _Sighting(NamedTuple):
    """The first revision that names a campaign."""

    alert: AlertRevision
    when_ms: int


def evaluate(directory: Path, truth: Path, events: Iterable[SeenRequest] | None = None) -> Evaluation:
    """Judge the records in a directory (alerts.jsonl, members.jsonl, limits.jsonl; summary.json if there is one).

    A campaign is detected by the first firing cluster alert, warning or critical, of which it has more accounts than
    any other campaign and than all honest accounts together. Without `events` some numbers are None, and `missing`
    says which.
    """
    known = Truth.of_file(truth)
    alerts = sorted(
        read(directory / "alerts.jsonl", AlertRevision), key=lambda alert: (alert.updated_at, alert.revision)
    )
    members = list(read(directory / "members.jsonl", MembershipRecord))
    limits = list(read(directory / "limits.jsonl", LimitRecord))
    named = naming(alerts, members)
    traffic = None if events is None else Traffic(events, known)
    days = _days(read_span(directory / "summary.json"), traffic)
    guilty = sum(known.campaign_of(account) is not None for account in named.first_ms)
    clusters = _clusters(named, known)
    purest = sum(round(cluster.purity * cluster.accounts) for cluster in clusters)
    inside = sum(cluster.accounts for cluster in clusters)
    needs = [_NEEDS_EVENTS] if traffic is None else []
    return Evaluation(
        campaigns=_campaigns(alerts, named, known, traffic),
        alerts=len({alert.alert_id for alert in alerts}),
        days=days,
        named=len(named.first_ms),
        precision=guilty / len(named.first_ms) if named.first_ms else None,
        honest=_honest(alerts, limits, named, known, days),
        clusters=clusters,
        purity=purest / inside if inside else None,
        missing=tuple(needs + ([_NEEDS_SPAN] if days is None else [])),
    )


def _campaigns(
    alerts: Sequence[AlertRevision], named: Naming, known: Truth, traffic: Traffic | None
) -> tuple[CampaignResult, ...]:
    sightings: dict[str, _Sighting] = {}
    clusters: dict[str, set[str]] = {}
    for alert in alerts:
        if alert.status != "firing" or alert.severity not in LOUD or alert.kind != "cluster":
            continue
        owner = known.owner(alert.accounts)
        if owner is not None:
            sightings.setdefault(owner, _Sighting(alert, to_ms(alert.updated_at)))
            clusters.setdefault(owner, set()).add(alert.cluster_id or alert.alert_id)
    return tuple(
        _campaign(name, accounts, sightings.get(name), len(clusters.get(name, ())), named, traffic)
        for name, accounts in sorted(known.campaigns().items())
    )


def _campaign(
    name: str, accounts: set[str], sighting: _Sighting | None, clusters: int, named: Naming, traffic: Traffic | None
) -> CampaignResult:
    begins = None if traffic is None else traffic.begins_ms(name)
    times = [named.first_ms[account] for account in accounts if account in named.first_ms]

    def recall_within(hours: float) -> float | None:
        return None if begins is None else sum(when <= begins + hours * _HOUR_MS for when in times) / len(accounts)

    share = None
    if traffic is not None and begins is not None:
        share = 1.0 if sighting is None else traffic.share_before(name, sighting.when_ms)
    return CampaignResult(
        name=name,
        accounts=len(accounts),
        first_request=None if begins is None else _rfc3339(begins),
        detected=sighting is not None,
        alert_id=sighting.alert.alert_id if sighting else None,
        severity=sighting.alert.severity if sighting else None,
        detected_at=_rfc3339(sighting.when_ms) if sighting else None,
        hours_to_detection=None if sighting is None or begins is None else (sighting.when_ms - begins) / _HOUR_MS,
        share_served_before=share,
        named=len(times),
        recall=len(times) / len(accounts),
        recall_24h=recall_within(24),
        recall_48h=recall_within(48),
        clusters=clusters,
    )


def _honest(
    alerts: Sequence[AlertRevision], limits: Sequence[LimitRecord], named: Naming, known: Truth, days: float | None
) -> Honest:
    wrongly = {
        account: known.class_of(account) for account in sorted(named.first_ms) if known.campaign_of(account) is None
    }
    limited = {limit.account_id for limit in limits if known.campaign_of(limit.account_id) is None}
    false = _false_alerts(alerts, known)
    per_day = {severity: None if not days else sum(false[severity].values()) / days for severity in SEVERITIES}
    return Honest(
        named=dict(Counter(wrongly.values()).most_common()),
        named_accounts=dict(list(wrongly.items())[:_SHOWN]),
        limited=dict(Counter(map(known.class_of, sorted(limited))).most_common()),
        false_alerts=false,
        false_alerts_per_day=per_day,
    )


def _false_alerts(alerts: Sequence[AlertRevision], known: Truth) -> dict[str, dict[str, int]]:
    """Alerts no revision of which was mostly about a campaign: by the highest severity they fired at, then by class."""
    firing: dict[str, list[AlertRevision]] = {}
    for alert in alerts:
        if alert.status == "firing":
            firing.setdefault(alert.alert_id, []).append(alert)
    counts: dict[str, Counter[str]] = {severity: Counter() for severity in SEVERITIES}
    for revisions in firing.values():
        if any(known.owner(revision.accounts) is not None for revision in revisions):
            continue
        severity = max((revision.severity for revision in revisions), key=_rank)
        honest = [account for account in revisions[-1].accounts if known.campaign_of(account) is None]
        classes = Counter(map(known.class_of, honest)).most_common(1)
        counts.setdefault(severity, Counter())[classes[0][0] if classes else "nobody"] += 1
    return {severity: dict(count) for severity, count in counts.items()}


def _rank(severity: str) -> int:
    return SEVERITIES.index(severity) if severity in SEVERITIES else -1


def _clusters(named: Naming, known: Truth) -> tuple[ClusterResult, ...]:
    results = []
    for cluster_id, accounts in sorted(named.clusters.items()):
        actors = Counter(
            f"benign:{known.class_of(account)}" if campaign is None else f"campaign:{campaign}"
            for account in sorted(accounts)
            for campaign in (known.campaign_of(account),)
        )
        actor, count = actors.most_common(1)[0]
        campaigns = sum(name.startswith("campaign:") for name in actors)
        results.append(ClusterResult(cluster_id, len(accounts), actor, count / len(accounts), campaigns))
    return tuple(results)


def _days(span: Span, traffic: Traffic | None) -> float | None:
    if span.first_timestamp is not None and span.last_timestamp is not None:
        return (to_ms(span.last_timestamp) - to_ms(span.first_timestamp)) / _DAY_MS
    if traffic is not None and traffic.first_ms is not None and traffic.last_ms is not None:
        return (traffic.last_ms - traffic.first_ms) / _DAY_MS
    return None


def _rfc3339(moment_ms: int) -> str:
    moment = datetime.fromtimestamp(moment_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
