"""What is the case now, put together from the topics of results: what fires, who is in it, who is limited."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Literal, NamedTuple

from streamer.notify.records import AlertRecord, FeedbackRecord, LimitRecord, MemberRecord, ms

MAX_ENDED_CLUSTERS = 10_000
WEEK_MS = 7 * 86_400_000
# By so much the clocks of those who write may differ.
SKEW_MS = 60_000

Standing = Literal["alone", "in_cluster", "over"]


class Place(NamedTuple):
    """Where an account belongs, and since when (event time) that is known."""

    since_ms: int
    rank: int
    cluster_id: str | None


class InForce(NamedTuple):
    """The parts of a limit that are counted: there may be many thousands."""

    mode: str
    action: str
    expires_ms: int


class Raised(NamedTuple):
    """That an alert was raised: when (event time), its severity, and the rate of false alarms it claimed at first.

    `written_ms` is when that was written.
    """

    detected_ms: int
    severity: str
    false_alarm_rate: float
    written_ms: int


class Judged(NamedTuple):
    """What a person said last about an alert, and when that was written."""

    action: str
    written_ms: int


class Situation:
    """Holds what fires and whatever is needed to understand it.

    Records may come in any order between topics, and more than once: the newest by event time counts, so that a process
    that reads the topics again from the beginning knows what another knew.
    """

    def __init__(self) -> None:
        self.firing: dict[str, AlertRecord] = {}
        self.limits: dict[str, InForce] = {}
        self.judged: dict[str, Judged] = {}
        self.newest_ms = 0
        self.newest_written_ms = 0
        self._versions: dict[str, tuple[int, int]] = {}
        self._raised: dict[str, Raised] = {}
        self._raised_before: list[Raised] = []
        self._places: dict[str, Place] = {}
        self._clusters: dict[str, str] = {}
        self._ended_clusters: dict[str, int] = {}
        self._alerts_of: dict[str, set[str]] = {}

    def alert(self, record: AlertRecord, written_ms: int) -> set[str]:
        """Take a revision of an alert; give the ids of the alerts that may now look different to others."""
        version = ms(record.updated_at), record.revision
        if self._versions.get(record.alert_id, (-1, 0)) >= version:
            return set()
        self._versions[record.alert_id] = version
        self._raise(record, written_ms)
        self._saw(ms(record.updated_at), written_ms)
        if record.fires:
            self.firing[record.alert_id] = record
        else:
            self.firing.pop(record.alert_id, None)
        touched = {record.alert_id}
        if record.cluster_id is not None:
            return touched | self._cluster(record.cluster_id, record)
        for account_id in record.accounts[:1]:
            self._index(account_id, record)
        return touched

    def member(self, record: MemberRecord, written_ms: int) -> set[str]:
        """Take a membership; give the ids of the alerts that it concerns."""
        self._saw(ms(record.since), written_ms)
        place = Place(ms(record.since), 1, record.cluster_id if record.status == "member" else None)
        return self._put(record.account_id, place)

    def limit(self, account_id: str, record: LimitRecord | None, written_ms: int) -> None:
        """Take a limit, or that there is none any more."""
        if record is None:
            self.limits.pop(account_id, None)
            return
        self._saw(ms(record.issued_at), written_ms)
        self.limits[account_id] = InForce(record.mode, record.action, ms(record.expires_at))

    def feedback(self, record: FeedbackRecord, written_ms: int) -> set[str]:
        """Take what a person said about an alert; give the ids of the alerts that it concerns."""
        if record.alert_id is None or record.action not in ("confirm", "dismiss"):
            return set()
        self.judged[record.alert_id] = Judged(record.action, written_ms)
        alert = self.firing.get(record.alert_id)
        if alert is None or alert.cluster_id is None:
            return {record.alert_id}
        return {record.alert_id} | self._alerts_in(alert.cluster_id)

    def speaking(self) -> list[AlertRecord]:
        """The alerts that fire, without those that a person dismissed."""
        return [alert for alert in self.firing.values() if not self._is_dismissed(alert.alert_id)]

    def severity_of(self, alert_id: str) -> str | None:
        """The severity an alert had last; None if there never was one."""
        raised = self._raised.get(alert_id)
        return None if raised is None else raised.severity

    def raised_lately(self, wall_ms: int) -> list[Raised]:
        """The alerts raised within a week."""
        since_ms = self.now_ms(wall_ms) - WEEK_MS
        raised = chain(self._raised.values(), self._raised_before)
        return [one for one in raised if one.detected_ms > since_ms]

    def standing(self, alert: AlertRecord) -> tuple[Standing, str | None]:
        """How a firing alert stands to the clusters: alone, in one that fires, or over together with its own.

        An account's alert that its cluster has taken over ends with the cluster, and speaks again only when something
        new is said about it: otherwise the end of a campaign would page everyone for each of its members.
        """
        if self._is_dismissed(alert.alert_id):
            return "over", None
        if alert.kind == "cluster":
            return "in_cluster", alert.cluster_id
        place = self._places.get(alert.accounts[0]) if alert.accounts else None
        if place is None or place.cluster_id is None:
            return "alone", None
        if place.cluster_id in self._clusters:
            dismissed = self._is_dismissed(self._clusters[place.cluster_id])
            return ("over" if dismissed else "in_cluster"), place.cluster_id
        if self._ended_clusters.get(place.cluster_id, -1) >= ms(alert.updated_at):
            return "over", place.cluster_id
        return "alone", None

    def clusters(self) -> list[AlertRecord]:
        """The firing alerts about clusters that nobody dismissed, the largest first."""
        found = (alert for alert in self.speaking() if alert.kind == "cluster")
        return sorted(found, key=lambda alert: (-alert.account_count, alert.alert_id))

    def now_ms(self, wall_ms: int) -> int:
        """Event time now: the newest that was heard of, and what the clock went on since."""
        return self.newest_ms + max(0, wall_ms - self.newest_written_ms)

    def limits_in_force(self, wall_ms: int) -> Iterable[InForce]:
        """The limits that have not run out."""
        now_ms = self.now_ms(wall_ms)
        return (limit for limit in self.limits.values() if limit.expires_ms > now_ms)

    def _raise(self, record: AlertRecord, written_ms: int) -> None:
        """Note since when an alert fires; one that was resolved is raised once more."""
        known, detected_ms = self._raised.get(record.alert_id), ms(record.detected_at)
        if known is not None and record.fires and record.alert_id not in self.firing:
            oldest_ms = self.newest_ms - WEEK_MS
            self._raised_before = [one for one in (*self._raised_before, known) if one.detected_ms > oldest_ms]
            known = None
        if known is None:
            known = Raised(detected_ms, record.severity, record.false_alarm_rate, written_ms)
        self._raised[record.alert_id] = known._replace(detected_ms=detected_ms, severity=record.severity)

    def _saw(self, event_ms: int, written_ms: int) -> None:
        if event_ms > self.newest_ms:
            self.newest_ms, self.newest_written_ms = event_ms, written_ms

    def _cluster(self, cluster_id: str, record: AlertRecord) -> set[str]:
        touched: set[str] = set()
        if record.fires:
            self._clusters[cluster_id] = record.alert_id
        else:
            self._clusters.pop(cluster_id, None)
            self._ended_clusters[cluster_id] = ms(record.resolved_at or record.updated_at)
            while len(self._ended_clusters) > MAX_ENDED_CLUSTERS:
                del self._ended_clusters[next(iter(self._ended_clusters))]
        for account_id in record.accounts if record.fires else ():
            touched |= self._put(account_id, Place(ms(record.updated_at), 0, cluster_id))
        return touched | self._alerts_in(cluster_id)

    def _alerts_in(self, cluster_id: str) -> set[str]:
        touched: set[str] = set()
        for account_id, alert_ids in self._alerts_of.items():
            place = self._places.get(account_id)
            if place is not None and place.cluster_id == cluster_id:
                touched |= alert_ids
        return touched

    def _is_dismissed(self, alert_id: str) -> bool:
        """Whether a person dismissed it, since it was last raised: what comes back was not known then."""
        judged, raised = self.judged.get(alert_id), self._raised.get(alert_id)
        if judged is None or judged.action != "dismiss":
            return False
        return raised is None or judged.written_ms >= raised.written_ms - SKEW_MS

    def _put(self, account_id: str, place: Place) -> set[str]:
        known = self._places.get(account_id)
        if known is not None and known[:2] >= place[:2] and known != place:
            return set()
        self._places[account_id] = place
        return set(self._alerts_of.get(account_id, ()))

    def _index(self, account_id: str, record: AlertRecord) -> None:
        alert_ids = self._alerts_of.setdefault(account_id, set())
        if record.fires:
            alert_ids.add(record.alert_id)
        else:
            alert_ids.discard(record.alert_id)
            if not alert_ids:
                del self._alerts_of[account_id]
