"""Holds the cases of now and lately, in bounded memory, whatever arrives and in whatever order."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import NamedTuple

import msgspec

from streamer.cases.case import Case, LimitState, Revision, members_of, verdict_of
from streamer.cases.records import AlertRecord, LimitRecord, MemberRecord
from streamer.sinks.feedback import Feedback


class Bounds(NamedTuple):
    """The most that is held of each; what is oldest goes first."""

    alerts: int = 500
    revisions: int = 200
    members: int = 100_000
    limits: int = 100_000
    feedback: int = 10_000


class Listed(NamedTuple):
    """An alert in a list."""

    alert: AlertRecord
    verdict: str | None
    limits_held: int

    @property
    def fires(self) -> bool:
        """Whether it waits for somebody: firing, and not dismissed."""
        return self.alert.status == "firing" and self.verdict != "dismissed"


class CaseStore:
    """Takes records as they come, repeated ones included, and gives whole cases. Any thread may use it."""

    def __init__(self, bounds: Bounds | None = None) -> None:
        self._bounds = bounds or Bounds()
        self._lock = threading.RLock()
        self._alerts: OrderedDict[str, AlertRecord] = OrderedDict()
        self._revisions: dict[str, dict[int, Revision]] = {}
        self._raised_ms: dict[str, int] = {}
        self._members: OrderedDict[str, dict[str, MemberRecord]] = OrderedDict()
        self._member_count = 0
        self._left_out: dict[str, int] = {}
        self._limits: OrderedDict[str, LimitRecord] = OrderedDict()
        self._feedback: OrderedDict[str, Feedback] = OrderedDict()
        self._now = ""
        self._members_taken = 0
        self._members_changed: dict[str, int] = {}

    def alert(self, record: AlertRecord, written_ms: int = 0) -> None:
        """Take a revision of an alert; the latest is what the alert says. `written_ms` is 0 where it is not known."""
        with self._lock:
            known = self._alerts.get(record.alert_id)
            if known is None or record.revision > known.revision:
                if record.status == "firing" and (known is None or known.status != "firing"):
                    self._raised_ms[record.alert_id] = written_ms
                self._alerts[record.alert_id] = record
                self._alerts.move_to_end(record.alert_id)
            revisions = self._revisions.setdefault(record.alert_id, {})
            revisions[record.revision] = _revision(record)
            if len(revisions) > self._bounds.revisions:
                # The first one stays: it is when it began.
                del revisions[sorted(revisions)[1]]
            while len(self._alerts) > self._bounds.alerts:
                self._forget_alert(self._first_to_go())
            self._heard_at(record.updated_at)

    def member(self, record: MemberRecord) -> None:
        """Take a membership; a later one of the same account in the same cluster takes its place."""
        with self._lock:
            cluster = self._members.setdefault(record.cluster_id, {})
            known = cluster.get(record.account_id)
            if known is not None and known.since > record.since:
                return
            if known is None and not self._make_room(record.cluster_id):
                self._left_out[record.cluster_id] = self._left_out.get(record.cluster_id, 0) + 1
                return
            self._member_count += known is None
            cluster[record.account_id] = record
            self._members.move_to_end(record.cluster_id)
            self._members_taken += 1
            self._members_changed[record.cluster_id] = self._members_taken
            self._heard_at(record.since)

    def limit(self, record: LimitRecord) -> None:
        """Take a limit, the latest of its account."""
        with self._lock:
            self._limits[record.account_id] = record
            self._limits.move_to_end(record.account_id)
            while len(self._limits) > self._bounds.limits:
                self._limits.popitem(last=False)
            self._heard_at(record.issued_at)

    def lift(self, account_id: str) -> None:
        """Take a tombstone: the limit of this account no longer holds."""
        with self._lock:
            known = self._limits.get(account_id)
            if known is not None and known.lifted_at is None:
                self._limits[account_id] = msgspec.structs.replace(known, lifted_at=self._now)

    def feedback(self, record: Feedback) -> None:
        """Take what a person said; the same thing said once counts once."""
        with self._lock:
            if record.feedback_id in self._feedback:
                return
            self._feedback[record.feedback_id] = record
            while len(self._feedback) > self._bounds.feedback:
                self._feedback.popitem(last=False)

    def listed(self) -> list[Listed]:
        """Every alert, the latest news first."""
        with self._lock:
            said, raised_ms = self._said_about_alerts(), self._raised_ms
            held: dict[str, int] = {}
            for limit in self._limits.values():
                if self._state(limit).holds:
                    held[limit.alert_id] = held.get(limit.alert_id, 0) + 1
            return [
                Listed(alert, verdict_of(tuple(said.get(name, ())), raised_ms.get(name, 0)), held.get(name, 0))
                for name, alert in reversed(self._alerts.items())
            ]

    def case(self, alert_id: str) -> Case | None:
        """Everything about one alert."""
        with self._lock:
            alert = self._alerts.get(alert_id)
            if alert is None:
                return None
            cluster = alert.cluster_id or ""
            members = members_of(alert, tuple(self._members.get(cluster, {}).values()))
            names = {member.account_id for member in members}
            limits = {
                name: self._state(limit)
                for name, limit in self._limits.items()
                if limit.alert_id == alert_id or name in names
            }
            said = [each for each in self._feedback.values() if each.alert_id == alert_id or each.account_id in names]
            revisions = tuple(each for _, each in sorted(self._revisions[alert_id].items()))
            left_out = self._left_out.get(cluster, 0)
            version = (alert.revision, self._members_changed.get(cluster, 0))
            raised_ms = self._raised_ms.get(alert_id, 0)
            return Case(alert, revisions, members, limits, tuple(said), left_out, version, raised_ms)

    def find(self, name: str) -> list[str]:
        """The ids of the alerts that are called so, are about that cluster, or name that account; the latest first."""
        with self._lock:
            if name in self._alerts:
                return [name]
            clusters = {cluster for cluster, members in self._members.items() if name in members}
            return [
                alert_id
                for alert_id, alert in reversed(self._alerts.items())
                if name == alert.cluster_id or alert.cluster_id in clusters or name in alert.accounts
            ]

    def limit_of(self, account_id: str) -> LimitState | None:
        """The latest limit of an account."""
        with self._lock:
            limit = self._limits.get(account_id)
            return None if limit is None else self._state(limit)

    def __len__(self) -> int:
        """Count the alerts."""
        with self._lock:
            return len(self._alerts)

    def _said_about_alerts(self) -> dict[str, list[Feedback]]:
        said: dict[str, list[Feedback]] = {}
        for each in self._feedback.values():
            if each.alert_id is not None and each.account_id is None:
                said.setdefault(each.alert_id, []).append(each)
        return said

    def _state(self, limit: LimitRecord) -> LimitState:
        if limit.lifted_at is not None:
            return LimitState(limit, "lifted")
        # Times are event time, and so is now: the newest time that any record told.
        if limit.expires_at and limit.expires_at <= self._now:
            return LimitState(limit, "expired")
        return LimitState(limit, "enforced" if limit.mode == "enforce" else limit.mode)

    def _make_room(self, cluster_id: str) -> bool:
        while self._member_count >= self._bounds.members:
            other = next((name for name in self._members if name != cluster_id), None)
            if other is None:
                return False
            self._left_out[other] = self._left_out.get(other, 0) + len(self._members[other])
            self._forget_members(other)
            while len(self._left_out) > self._bounds.alerts:
                del self._left_out[next(iter(self._left_out))]
        return True

    def _first_to_go(self) -> str:
        return next(
            (name for name, alert in self._alerts.items() if alert.status != "firing"), next(iter(self._alerts))
        )

    def _forget_alert(self, alert_id: str) -> None:
        alert = self._alerts.pop(alert_id)
        del self._revisions[alert_id]
        self._raised_ms.pop(alert_id, None)
        if alert.cluster_id is not None:
            self._forget_members(alert.cluster_id)
            self._left_out.pop(alert.cluster_id, None)

    def _forget_members(self, cluster_id: str) -> None:
        self._member_count -= len(self._members.pop(cluster_id, {}))
        self._members_changed.pop(cluster_id, None)

    def _heard_at(self, moment: str | None) -> None:
        self._now = max(self._now, moment or "")


def _revision(record: AlertRecord) -> Revision:
    return Revision(
        record.revision,
        record.updated_at or record.detected_at or "",
        record.status,
        record.severity,
        record.account_count,
        record.request_count,
        record.score,
        record.summary,
    )
