"""Stage 3: leads of all link partitions in; alerts with their life, memberships and limits out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from streamer.detection.account_news import AccountNews
from streamer.detection.alerts import AlertBook
from streamer.detection.behaviour_table import BehaviourTable
from streamer.detection.circumstances import Circumstances
from streamer.detection.claims import Claims
from streamer.detection.cluster import Cluster, ClusterAccount, Suspect, suspect_of
from streamer.detection.clusters import Clusters
from streamer.detection.crowding import Newcomers
from streamer.detection.early_alarms import EarlyAlarms
from streamer.detection.evidence import LeadReport, Saying
from streamer.detection.group import MIN_FAMILIES
from streamer.detection.hand_off_news import HandOffNews
from streamer.detection.judging import Judging
from streamer.detection.lead_book import LeadBook
from streamer.detection.limits import LimitBook
from streamer.detection.member_table import MemberTable
from streamer.detection.memberships import memberships
from streamer.detection.naming import Naming
from streamer.detection.opinion import Opinion
from streamer.detection.passing_rate import PassingRate
from streamer.detection.plain_reports import report_from
from streamer.detection.records import Alert, Decision
from streamer.detection.search import Search
from streamer.detection.settings import DAY_S, HOUR_S, DetectionSettings
from streamer.detection.union import Grower
from streamer.detection.verdict import is_sure, severity_of
from streamer.detection.window import Barrier

FORMAT = 8
DOUBT_EVERY_S = 6 * HOUR_S
CONFIRM, DISMISS = "confirm", "dismiss"


class ClusterStage:
    """Joins leads into clusters and says what is to be said of them; `sources` is the number of link partitions."""

    def __init__(self, settings: DetectionSettings, sources: int) -> None:
        self.settings = settings
        self.clusters = Clusters(settings.alert, settings.window.windows(settings.alert.remember_s))
        self.limits = LimitBook(settings.limit)
        self.alerts = AlertBook(settings, self.limits)
        self._barrier: Barrier[LeadReport] = Barrier(sources)
        self._book = LeadBook(settings)
        self._members = MemberTable()
        self._rate = PassingRate(settings)
        self._opinion = Opinion()
        self._behaviour = BehaviourTable(settings.likeness, settings.window)
        self._accounts = AccountNews(settings, self._members, self._behaviour, self.clusters)
        self._hand_offs = HandOffNews(settings, self._book, self._members, self._rate, self.clusters)
        self._naming = Naming(settings, self._behaviour, self.clusters)
        self._newcomers = Newcomers(settings, self._behaviour, self._members, self.clusters, self._naming)
        self._circumstances = Circumstances(settings, self._book, self._members, self.clusters)
        self._judging = Judging(settings.widened(), self._opinion, self._naming, self._circumstances)
        self._search = Search(settings, self._naming, self._judging)
        self._claims = Claims(settings, self.clusters)
        self._early = EarlyAlarms(settings, self.clusters, self._claims, self.alerts, self._book)
        self._said: list[Saying] = []
        self._parts: dict[str, Any] = {
            "book": self._book,
            "members": self._members,
            "rate": self._rate,
            "owned": self._hand_offs,
            "behaviour": self._behaviour,
            "opinion": self._opinion,
            "search": self._search,
            "claims": self._claims,
            "newcomers": self._newcomers,
            "circumstances": self._circumstances,
            "clusters": self.clusters,
            "limits": self.limits,
            "alerts": self.alerts,
            "early": self._early,
        }
        self._window_ms = settings.window.window_ms

    @property
    def closed_through(self) -> int:
        """The newest window for which everything was decided."""
        return self._barrier.closed_through

    @property
    def firing(self) -> list[Alert]:
        """The alerts that fire now, each as last revised."""
        return self.alerts.firing

    def observe(self, report: LeadReport) -> None:
        """Take in what one link partition, or a person, has to say; what it said before is ignored."""
        if report.sayings:
            self._said += [saying for saying in report.sayings if self._opinion.is_new(saying.saying_id)]
            return
        repeated = self._barrier.passed(report.partition, report.window)
        if report.early and not repeated:
            self._early.hold(report.window, report.early)
        elif not repeated:
            self._barrier.add(report.window, [report] if report.says_anything() else [])
        if report.last:
            self._barrier.report(report.partition, report.window, idle=report.idle)

    def advance(self) -> list[Decision]:
        """Decide every window that all link partitions have passed, and what is told early of the one after them."""
        decisions = self._heed()
        for window, reports in self._barrier.release():
            decisions += self._rest(window) + self._early.decide(window)
            decisions += self._close(window, sorted(reports, key=lambda report: report.partition))
        through = self._barrier.closed_through
        self._early.forget(through)
        if through >= 0:
            decisions += self._rest(through + 1) + self._early.decide(through + 1)
        return decisions

    def _heed(self) -> list[Decision]:
        """Do what people said: learn from it, and end an alert that was dismissed, with its limits."""
        said, self._said = self._said, []
        now_ms = (self._barrier.closed_through + 1) * self._window_ms
        decisions: list[Decision] = []
        for saying in said:
            cluster = self.clusters.by_id.get(f"c-{saying.alert_id[2:]}")
            if cluster is None:
                continue
            self._opinion.learn(cluster.strongest().evidence, confirmed=saying.action == CONFIRM)
            if saying.action == DISMISS:
                cluster.dismiss()
                decisions += self.alerts.resolve(cluster, now_ms, f"dismissed by {saying.author}")
        return decisions

    def _close(self, window: int, reports: list[LeadReport]) -> list[Decision]:
        now_ms = (window + 1) * self._window_ms
        self.limits.expire(now_ms)
        for report in reports:
            self._accounts.take(report.watched, window, now_ms)
            if report.behaviours.account_ids:
                self._behaviour.put(report.behaviours.table(), report.behaviours.account_ids, window)
        self._newcomers.take(reports)
        self._behaviour.sweep(window)
        leads = sorted((lead for report in reports for lead in report.leads), key=lambda lead: lead.link.key)
        for lead in leads:
            self._book.add(lead, window)
        hand_offs = self._hand_offs.take(window, reports)
        self._circumstances.learn(window, reports)
        self._book.forget(window)
        self._accounts.forget(window)
        grower = Grower(self.settings, self._book, self._members, self._rate, window)
        seeds = self._search.seeds(leads, hand_offs, self._book, self.clusters, window)
        suspects, tests = self._search.look(seeds, self.clusters, grower, window)
        crowds = self._newcomers.crowds(window)
        suspects += self._judging.of_crowds(crowds, grower, window)
        suspects += [suspect_of(burst, window) for report in reports for burst in report.bursts]
        self._claims.count(window, sum(report.tests for report in reports), tests + len(crowds))
        return self._decide(suspects, window, now_ms)

    def _decide(self, suspects: Iterable[Suspect], window: int, now_ms: int) -> list[Decision]:
        decisions: list[Decision] = []
        touched: dict[str, list[ClusterAccount]] = {}
        for suspect in sorted(suspects, key=lambda suspect: (suspect.kind, suspect.log10_p, suspect.name)):
            claimed = self._claims.claim(suspect, window)
            if not self._is_worth_saying(claimed):
                continue
            names = {key: self._members.name(key) for key in claimed.candidates}
            placed = self.clusters.place(claimed, names, now_ms, self._naming.are_one_kind, self._are_apart)
            if placed is None:
                continue
            cluster = placed.cluster
            left = touched.setdefault(cluster.cluster_id, [])
            left += placed.left
            for other in placed.absorbed:
                left += touched.pop(other.cluster_id, [])
                decisions += self.alerts.resolve(other, now_ms, f"merged into {cluster.cluster_id}")
            going = cluster.doubt(claimed.doubtful, window, self.settings.window.windows(DOUBT_EVERY_S))
            left += [cluster.accounts[key] for key in going if key in cluster.named]
            self.clusters.leave(cluster, going)
        decisions += self._merge_kin(touched, window, now_ms)
        for cluster in self.clusters.by_id.values():
            sure = cluster.is_alarming() and is_sure(cluster.strongest().evidence, self.settings.group)
            if sure and self._naming.name_alike(cluster, window, now_ms):
                touched.setdefault(cluster.cluster_id, [])
        for cluster_id, left in touched.items():
            cluster = self.clusters.by_id[cluster_id]
            if not cluster.accounts:
                self.clusters.drop(cluster)
                decisions += self.alerts.resolve(cluster, now_ms, "nobody is left in it")
                continue
            cluster.forget_findings(window - self.settings.window.windows(DAY_S))
            self._accounts.refresh(cluster.accounts.values(), cluster.accounts)
            decisions += memberships(cluster, left, self._book, now_ms, only_left=cluster.is_quiet())
            if not cluster.is_quiet():
                decisions += self.alerts.revise(cluster, self._book, now_ms)
        return decisions

    def _is_worth_saying(self, suspect: Suspect) -> bool:
        """Whether honest traffic brings such a suspect seldom enough; the close stands by what was said early."""
        severity = severity_of(suspect.rate, self.settings.alert, is_alarming=suspect.is_alarming)
        if suspect.kind == "account":
            return severity is not None or self._early.was_told(suspect)
        return severity is not None and len(suspect.evidence) >= MIN_FAMILIES

    def _are_apart(self, some: Iterable[int], others: Iterable[int], window: int) -> bool:
        """Whether two groups clearly behave as two, and nothing joins them that strangers do not share."""
        one, other = frozenset(some), frozenset(others)
        return self._naming.are_apart(one, other, window) and not self._book.joins(one, other)

    def _merge_kin(self, touched: dict[str, list[ClusterAccount]], window: int, now_ms: int) -> list[Decision]:
        """Make one of clusters that clearly are of one kind, and of alarms with records that something ties to them."""
        decisions: list[Decision] = []
        for name in sorted(touched):
            cluster = self.clusters.by_id.get(name)
            if cluster is None or cluster.kind == "account":
                continue
            kin = self._naming.same_kind(cluster, window)
            if not cluster.is_alarming():  # honest crowds behave alike, too
                kin = [other for other in kin if self._book.joins(cluster.held(), other.held())]
            oldest, *others = sorted([cluster, *kin], key=Cluster.age)
            for other in others:
                self.clusters.merge(oldest, other)
                touched.setdefault(oldest.cluster_id, []).extend(touched.pop(other.cluster_id, []))
                decisions += self.alerts.resolve(other, now_ms, f"merged into {oldest.cluster_id}")
        return decisions

    def _rest(self, window: int) -> list[Decision]:
        """Resolve alerts whose clusters have been quiet for long, each at the end of the window in which it was due."""
        quiet = self.settings.window.windows(self.settings.alert.resolve_after_s)
        decisions: list[Decision] = []
        for at, cluster in self.clusters.quiet_before(window, quiet):
            decisions += self.alerts.resolve(cluster, (at + 1) * self._window_ms, "nothing more was found")
            self.clusters.rest(cluster, at)
        return decisions

    def snapshot(self) -> dict[str, Any]:
        """Plain data from which `restore` makes the same stage."""
        return {
            "format": FORMAT,
            "barrier": self._barrier.snapshot(),
            "said": [list(saying) for saying in self._said],
            "swept": self._accounts.swept,
            **{name: part.snapshot() for name, part in self._parts.items()},
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over a snapshot; ValueError if another format wrote it."""
        if state["format"] != FORMAT:
            message = f"cluster stage snapshot of format {state['format']}, expected {FORMAT}"
            raise ValueError(message)
        self._barrier.restore(state["barrier"], report_from)
        self._said = [Saying(*saying) for saying in state["said"]]
        self._accounts.swept = state["swept"]
        for name, part in self._parts.items():
            part.restore(state[name])
