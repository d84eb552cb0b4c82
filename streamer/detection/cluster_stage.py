"""Stage 3: suspects of all link partitions in; alerts with their life, memberships and limits out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from streamer.detection.cluster import Cluster, Clusters
from streamer.detection.evidence import Candidate, EvidenceItem, Suspect, SuspectReport
from streamer.detection.limits import LimitBook
from streamer.detection.records import ActiveHour, Alert, Decision, Membership, SharedValue
from streamer.detection.settings import DAY_S, DetectionSettings
from streamer.detection.verdict import decide, more_severe, sentence
from streamer.detection.window import Barrier

FORMAT = 1
MAX_ACCOUNTS = 1000
MIN_TESTS_PER_DAY = 100.0


@dataclass(slots=True)
class _Item:
    suspects: list[Suspect]
    tests: int
    partition: int


class ClusterStage:
    """Joins suspects into clusters and says what is to be said of them; `sources` is the number of link partitions."""

    def __init__(self, settings: DetectionSettings, sources: int) -> None:
        self.settings = settings
        self.clusters = Clusters(settings.alert)
        self.limits = LimitBook(settings.limit)
        self._barrier: Barrier[_Item] = Barrier(sources)
        self._alerts: dict[str, Alert] = {}
        self._tests: list[tuple[int, int]] = []
        self._window_ms = settings.window.window_ms

    @property
    def closed_through(self) -> int:
        """The newest window for which everything was decided."""
        return self._barrier.closed_through

    @property
    def firing(self) -> list[Alert]:
        """The alerts that fire now, each as last revised."""
        return [alert for alert in self._alerts.values() if alert.status == "firing"]

    def observe(self, report: SuspectReport) -> None:
        """Take in what one link partition has to say; what it said before is ignored."""
        if (report.suspects or report.tests) and not self._barrier.passed(report.partition, report.window):
            self._barrier.add(report.window, [_Item(report.suspects, report.tests, report.partition)])
        if report.last:
            self._barrier.report(report.partition, report.window, idle=report.idle)

    def advance(self) -> list[Decision]:
        """Decide every window that all link partitions have passed."""
        decisions: list[Decision] = []
        for window, items in self._barrier.release():
            decisions += self._rest(window)
            decisions += self._close(window, items)
        if self._barrier.closed_through >= 0:
            decisions += self._rest(self._barrier.closed_through + 1)
        return decisions

    def _close(self, window: int, items: list[_Item]) -> list[Decision]:
        now_ms = (window + 1) * self._window_ms
        self._count_tests(window, sum(item.tests for item in items))
        self.limits.expire(now_ms)
        new: dict[str, list[str]] = {}
        decisions: list[Decision] = []
        suspects = sorted((s for item in items for s in item.suspects), key=lambda s: (s.kind, s.log10_p, s.key))
        for suspect in suspects:
            if decide(suspect.log10_p, self._tests_per_day(), self.settings.alert).severity is None:
                continue
            cluster, accounts, absorbed = self.clusters.place(suspect, now_ms)
            new.setdefault(cluster.cluster_id, []).extend(accounts)
            for other in absorbed:
                new[cluster.cluster_id] += new.pop(other.cluster_id, [])
                decisions += self._resolve(other, now_ms, f"merged into {cluster.cluster_id}")
        for cluster_id, accounts in new.items():
            cluster = self.clusters.by_id[cluster_id]
            cluster.forget_findings(window - self.settings.window.windows(DAY_S))
            decisions += self._members(cluster, accounts, now_ms)
            decisions += self._revise(cluster, now_ms)
        return decisions

    def _count_tests(self, window: int, tests: int) -> None:
        oldest = window - self.settings.window.windows(DAY_S)
        self._tests = [(at, count) for at, count in self._tests if at > oldest]
        if tests:
            self._tests.append((window, tests))

    def _tests_per_day(self) -> float:
        # On a quiet first day few groups have been judged yet; the claim should not gain from that.
        return max(MIN_TESTS_PER_DAY, sum(count for _, count in self._tests))

    def _members(self, cluster: Cluster, accounts: Iterable[str], now_ms: int) -> list[Decision]:
        if cluster.kind == "account":
            return []
        families = tuple(sorted(item.family for item in cluster.strongest().evidence))
        return [
            Membership(name, cluster.cluster_id, now_ms, cluster.accounts[name].score, families)
            for name in sorted(set(accounts))
        ]

    def _revise(self, cluster: Cluster, now_ms: int) -> list[Decision]:
        """Raise, or bring up to date, the alert of a cluster; nothing while nothing of weight has changed."""
        known = self._alerts.get(cluster.cluster_id)
        alert = self._describe(cluster, known, now_ms)
        decisions: list[Decision] = []
        if known is None or self._changed(known, alert):
            self._alerts[cluster.cluster_id] = alert
            decisions.append(alert)
        decisions += self.limits.propose(self._alerts[cluster.cluster_id], cluster.accounts, now_ms)
        return decisions

    def _changed(self, known: Alert, alert: Alert) -> bool:
        settings = self.settings.alert
        if known.status != alert.status or known.severity != alert.severity:
            return True
        if alert.account_count >= known.account_count * (1 + settings.growth_ratio):
            return True
        waited = alert.updated_at - known.updated_at >= settings.update_every_s * 1000
        more = alert.request_count >= known.request_count * (1 + settings.growth_ratio)
        return waited and (more or alert.account_count != known.account_count)

    def _describe(self, cluster: Cluster, known: Alert | None, now_ms: int) -> Alert:
        settings = self.settings.alert
        strongest = cluster.strongest()
        verdict = decide(strongest.log10_p, self._tests_per_day(), settings)
        severity = verdict.severity or "info"
        if cluster.kind == "account":
            burst = strongest.evidence[0]
            severity = "warning" if burst.observed >= settings.account_warning_ratio * burst.expected else "info"
        again = known is None or known.status == "resolved"
        if known is not None and not again:
            severity = more_severe(severity, known.severity)
        accounts = cluster.accounts
        requests = sum(account.requests for account in accounts.values())
        evidence = tuple(strongest.evidence)
        summary = (
            sentence(len(accounts), requests, cluster.link_kinds(), evidence)
            if cluster.kind == "cluster"
            else f"Account {next(iter(accounts))}: {evidence[0].statement}."
        )
        limits = severity in self.settings.limit.severities
        limited = sum(map(self.limits.allowed, accounts)) if limits else 0
        return Alert(
            alert_id=f"a-{cluster.cluster_id[2:]}",
            revision=1 if known is None else known.revision + 1,
            status="firing",
            kind=cluster.kind,
            severity=severity,
            summary=summary,
            cluster_id=cluster.cluster_id if cluster.kind == "cluster" else None,
            started_at=cluster.started_ms(),
            detected_at=now_ms if known is None else known.detected_at,
            updated_at=now_ms,
            resolved_at=None,
            score=round(-strongest.log10_p, 3),
            false_alarm_rate=verdict.false_alarm_rate,
            account_count=len(accounts),
            accounts=tuple(sorted(accounts, key=lambda name: (-accounts[name].score, name))[:MAX_ACCOUNTS]),
            request_count=requests,
            output_tokens=sum(account.output_tokens for account in accounts.values()),
            models=tuple(sorted({model for account in accounts.values() for model in account.models})),
            evidence=evidence,
            limits_proposed=min(limited, self.settings.limit.max_accounts),
            runbook=settings.runbook,
        )

    def _rest(self, window: int) -> list[Decision]:
        """Resolve alerts whose clusters have been quiet for long, each at the end of the window in which it was due."""
        quiet = self.settings.window.windows(self.settings.alert.resolve_after_s)
        due = sorted(
            (cluster.last_window + quiet, cluster.cluster_id)
            for cluster in self.clusters.by_id.values()
            if cluster.last_window + quiet < window
        )
        decisions: list[Decision] = []
        for at, cluster_id in due:
            cluster = self.clusters.by_id[cluster_id]
            self.clusters.drop(cluster)
            decisions += self._resolve(cluster, (at + 1) * self._window_ms, "nothing more was found")
        return decisions

    def _resolve(self, cluster: Cluster, now_ms: int, why: str) -> list[Decision]:
        alert = self._alerts.pop(cluster.cluster_id, None)
        if alert is None:
            return []
        resolved = replace(
            alert,
            revision=alert.revision + 1,
            status="resolved",
            updated_at=now_ms,
            resolved_at=now_ms,
            summary=f"{alert.summary} Resolved: {why}.",
            limits_proposed=0,
        )
        return [resolved, *self.limits.lift(alert.alert_id, now_ms)]

    def snapshot(self) -> dict[str, Any]:
        """Plain data from which `restore` makes the same stage."""
        barrier = self._barrier.snapshot()
        barrier["held"] = [[w, [[i.suspects, i.tests, i.partition] for i in items]] for w, items in barrier["held"]]
        return {
            "format": FORMAT,
            "barrier": barrier,
            "clusters": self.clusters.snapshot(),
            "limits": self.limits.snapshot(),
            "tests": self._tests,
            "alerts": [[name, _plain(alert)] for name, alert in self._alerts.items()],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over a snapshot; ValueError if another format wrote it."""
        if state["format"] != FORMAT:
            message = f"cluster stage snapshot of format {state['format']}, expected {FORMAT}"
            raise ValueError(message)
        self._barrier.restore(state["barrier"], lambda p: _Item([suspect_from(s) for s in p[0]], p[1], p[2]))
        self.clusters.restore(state["clusters"])
        self.limits.restore(state["limits"])
        self._tests = [(window, count) for window, count in state["tests"]]
        self._alerts = {name: _alert_from(plain) for name, plain in state["alerts"]}


def suspect_from(plain: list[Any]) -> Suspect:
    """Make a suspect from its plain form."""
    names = [Candidate(*[*c[:-1], tuple(c[-1])]) for c in plain[6]]
    return Suspect(*[*plain[:6], names, [EvidenceItem(*item) for item in plain[7]], plain[8]])


_FIELDS = tuple(Alert.__dataclass_fields__)


def _plain(alert: Alert) -> list[Any]:
    return [getattr(alert, name) for name in _FIELDS]


def _alert_from(plain: list[Any]) -> Alert:
    values = dict(zip(_FIELDS, plain, strict=True))
    for name in ("accounts", "models"):
        values[name] = tuple(values[name])
    values["evidence"] = tuple(EvidenceItem(*item) for item in values["evidence"])
    values["links"] = tuple(SharedValue(*item) for item in values["links"])
    values["timeline"] = tuple(ActiveHour(*item) for item in values["timeline"])
    return Alert(**values)
