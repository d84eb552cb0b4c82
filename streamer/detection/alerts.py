"""The life of alerts: raised, revised when something of weight has changed, resolved."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from streamer.detection.cluster import HOUR_MS, Cluster
from streamer.detection.evidence import EvidenceItem
from streamer.detection.lead_book import LeadBook
from streamer.detection.limits import LimitBook
from streamer.detection.records import ActiveHour, Alert, Decision, Limit, SharedValue
from streamer.detection.settings import DetectionSettings
from streamer.detection.verdict import is_sure, more_severe, sentence, severity_of

MAX_ACCOUNTS = 1000
MAX_LINKS = 50
MAX_OF_KIND = 12


class AlertBook:
    """The newest revision of every alert that fires."""

    def __init__(self, settings: DetectionSettings, limits: LimitBook) -> None:
        self.settings = settings
        self._limits = limits
        self._alerts: dict[str, Alert] = {}

    @property
    def firing(self) -> list[Alert]:
        """The alerts that fire now, each as last revised."""
        return [alert for alert in self._alerts.values() if alert.status == "firing"]

    def revise(self, cluster: Cluster, book: LeadBook, now_ms: int, *, early: bool = False) -> list[Decision]:
        """Raise, or bring up to date, the alert of a cluster; nothing while nothing of weight has changed.

        What was said `early` of a window is of weight to its close, which knows all of it.
        """
        known = self._alerts.get(cluster.cluster_id)
        alert = self._describe(cluster, known, book, now_ms)
        decisions: list[Decision] = []
        if known is None or self._changed(known, alert) or (known.updated_at == now_ms and not early):
            self._alerts[cluster.cluster_id] = alert
            decisions.append(alert)
        return decisions + self._limit(self._alerts[cluster.cluster_id], cluster, now_ms, early=early)

    def _limit(self, alert: Alert, cluster: Cluster, now_ms: int, *, early: bool) -> list[Limit]:
        if cluster.kind == "account":
            names = [account.account_id for account in cluster.accounts.values()]
            return self._limits.propose(alert, names, now_ms, early=early)
        names = [cluster.accounts[key].account_id for key in cluster.named & cluster.accounts.keys()]
        # An account's own alert may end long before that of its cluster, and its limit with it.
        own = {other.alert_id for other in self._alerts.values() if other.kind == "account"}
        return self._limits.propose(alert, names, now_ms, own)

    def _changed(self, known: Alert, alert: Alert) -> bool:
        settings = self.settings.alert
        if known.status != alert.status or known.severity != alert.severity:
            return True
        if alert.account_count >= known.account_count * (1 + settings.growth_ratio):
            return True
        waited = alert.updated_at - known.updated_at >= settings.update_every_s * 1000
        more = alert.request_count >= known.request_count * (1 + settings.growth_ratio)
        return waited and (more or alert.account_count != known.account_count)

    def _severity(self, cluster: Cluster, claimed: str | None, known: Alert | None) -> str:
        severity = claimed or "info"
        if cluster.kind == "account":
            burst = cluster.strongest().evidence[0]
            loud = burst.observed >= self.settings.alert.account_warning_ratio * burst.expected
            severity = "warning" if loud else "info"
        return severity if known is None else more_severe(severity, known.severity)

    def _describe(self, cluster: Cluster, known: Alert | None, book: LeadBook, now_ms: int) -> Alert:
        strongest = cluster.strongest()
        claimed = severity_of(strongest.rate, self.settings.alert, is_alarming=strongest.is_alarming)
        if claimed == "critical" and not is_sure(strongest.evidence, self.settings.group):
            claimed = "warning"
        severity = self._severity(cluster, claimed, known)
        detected_at = now_ms if known is None else known.detected_at
        accounts = sorted(cluster.accounts.values(), key=lambda account: (-account.score, account.account_id))
        requests = sum(account.requests for account in accounts)
        evidence = tuple(strongest.evidence)
        links = shared_values(cluster, book)
        summary = (
            sentence(len(accounts), requests, list(dict.fromkeys(link.kind for link in links)), evidence)
            if cluster.kind == "cluster"
            else f"Account {accounts[0].account_id}: {evidence[0].statement}."
        )
        limits = severity in self.settings.limit.severities
        limited = sum(self._limits.allowed(account.account_id) for account in accounts) if limits else 0
        return Alert(
            alert_id=f"a-{cluster.cluster_id[2:]}",
            revision=1 + (cluster.revision if known is None else known.revision),
            status="firing",
            kind=cluster.kind,
            severity=severity,
            summary=summary,
            cluster_id=cluster.cluster_id if cluster.kind == "cluster" else None,
            # Most of a group that grows came after it was found.
            started_at=min(cluster.started_ms(), detected_at),
            detected_at=detected_at,
            updated_at=now_ms,
            resolved_at=None,
            score=round(-strongest.log10_p, 3),
            false_alarm_rate=float(f"{strongest.rate:.4g}"),
            account_count=len(accounts),
            accounts=tuple(account.account_id for account in accounts[:MAX_ACCOUNTS]),
            request_count=requests,
            output_tokens=sum(account.output_tokens for account in accounts),
            models=tuple(sorted({model for account in accounts for model in account.models})),
            evidence=evidence,
            limits_proposed=min(limited, self.settings.limit.max_accounts),
            runbook=self.settings.alert.runbook,
            links=links,
            timeline=tuple(ActiveHour(hour * HOUR_MS, requests, active) for hour, requests, active in cluster.hours),
        )

    def resolve(self, cluster: Cluster, now_ms: int, why: str) -> list[Decision]:
        """End the alert of a cluster, and the limits that rest on it."""
        alert = self._alerts.pop(cluster.cluster_id, None)
        if alert is None:
            return []
        # Somebody may dismiss what was said of a window that is still open.
        now_ms = max(now_ms, alert.updated_at)
        resolved = replace(
            alert,
            revision=alert.revision + 1,
            status="resolved",
            updated_at=now_ms,
            resolved_at=now_ms,
            summary=f"{alert.summary} Resolved: {why}.",
            limits_proposed=0,
        )
        cluster.revision = resolved.revision
        return [resolved, *self._limits.lift(alert.alert_id, now_ms)]

    def snapshot(self) -> list[Any]:
        """Plain data from which `restore` makes the same book."""
        return [[name, [getattr(alert, part) for part in _FIELDS]] for name, alert in self._alerts.items()]

    def restore(self, state: list[Any]) -> None:
        """Take over what `snapshot` gave."""
        self._alerts = {name: _alert_from(plain) for name, plain in state}


def shared_values(cluster: Cluster, book: LeadBook) -> tuple[SharedValue, ...]:
    """Give the values that bind a cluster, those with the most of its accounts first."""
    counts = {key: book.count(key, cluster.accounts) for key in cluster.links}
    found = [SharedValue(cluster.links[key].kind, cluster.links[key].value, n) for key, n in counts.items() if n > 1]
    found.sort(key=lambda value: (-value.account_count, value.kind, value.value))
    # Prompts that are alike have many keys: they must not hide what else binds.
    of_kind: Counter[str] = Counter()
    kept = []
    for value in found:
        of_kind[value.kind] += 1
        if of_kind[value.kind] <= MAX_OF_KIND:
            kept.append(value)
    return tuple(kept[:MAX_LINKS])


_FIELDS = tuple(Alert.__dataclass_fields__)


def _alert_from(plain: list[Any]) -> Alert:
    values = dict(zip(_FIELDS, plain, strict=True))
    for name in ("accounts", "models"):
        values[name] = tuple(values[name])
    for name, kind in (("evidence", EvidenceItem), ("links", SharedValue), ("timeline", ActiveHour)):
        values[name] = tuple(kind(*item) for item in values[name])
    return Alert(**values)
