"""What was said when: revisions and memberships in the order of time, each at its own time with the accounts it had."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from streamer.evaluation.records import AlertRevision, MembershipRecord, to_ms

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SEVERITIES: Final = ("info", "warning", "critical")
LOUD: Final = frozenset({"warning", "critical"})


class Moment(NamedTuple):
    """A revision when it was made: its accounts are those it lists and those that were members of its cluster then.

    `raised` counts how often its alert had been raised by then: one that was resolved may be raised again.
    """

    when_ms: int
    alert: AlertRevision
    accounts: frozenset[str]
    raised: int = 1

    @property
    def firing(self) -> bool:
        """Whether it fires."""
        return self.alert.status == "firing"

    @property
    def occasion(self) -> tuple[str, int]:
        """What is one to whoever is told: an alert that is raised again is told again."""
        return self.alert.alert_id, self.raised

    @property
    def loud(self) -> bool:
        """Whether it fires and somebody is to do something about it."""
        return self.firing and self.alert.severity in LOUD


class Step(NamedTuple):
    """An account joined a cluster, or left it."""

    when_ms: int
    account: str
    cluster_id: str
    joined: bool


@dataclass
class History:
    """All that was said, in the order of time; and from it who was named, when, and as part of what.

    Whoever was named once stays named: by a firing warning or critical alert, or by a membership.
    """

    moments: list[Moment]
    steps: list[Step]
    named_ms: dict[str, int] = field(default_factory=dict)
    clusters: dict[str, set[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, alerts: Iterable[AlertRevision], members: Iterable[MembershipRecord]) -> History:
        """The history that these records tell; they are taken in the order in which they were written."""
        steps = sorted(_steps(members), key=lambda step: step.when_ms)
        history = cls(list(_moments(sorted(_timed(alerts), key=lambda pair: pair[0]), steps)), steps)
        for moment in history.moments:
            if moment.loud:
                history._name(moment.accounts, moment.when_ms, moment.alert.cluster_id)
        for step in steps:
            if step.joined:
                history._name([step.account], step.when_ms, step.cluster_id)
        return history

    def _name(self, accounts: Iterable[str], when_ms: int, cluster_id: str | None) -> None:
        for account in accounts:
            self.named_ms[account] = min(when_ms, self.named_ms.get(account, when_ms))
            if cluster_id is not None:
                self.clusters.setdefault(cluster_id, set()).add(account)


def _timed(alerts: Iterable[AlertRevision]) -> Iterator[tuple[int, AlertRevision]]:
    """Each revision once, no earlier than what it says of itself and than the revision written before it."""
    latest: dict[str, int] = {}
    seen: set[tuple[object, ...]] = set()
    for alert in alerts:
        told = (alert.alert_id, alert.revision, alert.updated_at, alert.status, alert.severity, *alert.accounts)
        if told in seen:
            continue
        seen.add(told)
        when = max(to_ms(alert.updated_at), to_ms(alert.detected_at or alert.updated_at))
        latest[alert.alert_id] = max(when, latest.get(alert.alert_id, when))
        yield latest[alert.alert_id], alert


def _steps(members: Iterable[MembershipRecord]) -> Iterator[Step]:
    """Each membership, no earlier than the one written before it of the same account."""
    latest: dict[str, int] = {}
    for member in members:
        when = to_ms(member.since)
        latest[member.account_id] = max(when, latest.get(member.account_id, when))
        yield Step(latest[member.account_id], member.account_id, member.cluster_id, member.status == "member")


def _moments(alerts: Iterable[tuple[int, AlertRevision]], steps: list[Step]) -> Iterator[Moment]:
    current: dict[str, set[str]] = {}
    home: dict[str, str] = {}
    raised: Counter[str] = Counter()
    firing: set[str] = set()
    at = 0
    for when, alert in alerts:
        while at < len(steps) and steps[at].when_ms <= when:
            step = steps[at]
            at += 1
            current.get(home.pop(step.account, ""), set()).discard(step.account)
            if step.joined:
                current.setdefault(step.cluster_id, set()).add(step.account)
                home[step.account] = step.cluster_id
        inside = current.get(alert.cluster_id or "", set())
        if alert.status != "firing":
            firing.discard(alert.alert_id)
        elif alert.alert_id not in firing:
            firing.add(alert.alert_id)
            raised[alert.alert_id] += 1
        yield Moment(when, alert, frozenset(inside.union(alert.accounts)), max(1, raised[alert.alert_id]))
