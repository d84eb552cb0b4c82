"""What Alertmanager is to be told: which label sets fire now, and which have ended.

The label set is the identity of an alert there, so only what stays the same is a label; whatever changes from one
revision to the next is an annotation. An alert that gets another label set (its severity rose, its cluster was found)
ends under the old one in the call that begins the new one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from streamer.notify.records import AlertRecord, ms
from streamer.notify.situation import Situation

CAMPAIGN = "StreamerCampaign"
ACCOUNT = "StreamerAccount"
FORGET_MS = 24 * 3_600_000
RESEND_ENDED_MS = 15 * 60_000
NAMED = 10
MAX_IN_CALL = 500

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Wording:
    """What an operator adds: labels for all, how long a notice holds unrepeated, and where links lead."""

    labels: Mapping[str, str]
    ends_after_ms: int = 300_000
    page_url: str = ""
    runbook_url: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """One label set, and what is said under it. `ended_ms` is None while it fires."""

    labels: Labels
    annotations: Mapping[str, str]
    started_ms: int
    link: str
    ended_ms: int | None = None

    @property
    def cluster_id(self) -> str:
        """What Alertmanager groups by."""
        return dict(self.labels).get("cluster_id", "")

    @property
    def ending(self) -> tuple[Labels, int | None]:
        """What tells one end of a label set from a later one."""
        return self.labels, self.ended_ms


class Notices:
    """The label sets that fire and those that ended, kept up to date as records come."""

    def __init__(self, situation: Situation, wording: Wording) -> None:
        self._situation = situation
        self._wording = wording
        self._current: dict[str, Notice] = {}
        self._ended: dict[Labels, Notice] = {}
        self._first_written: dict[str, int] = {}

    def update(self, alert_ids: set[str], written_ms: int) -> bool:
        """Look again at these alerts; whether anything is to be told at once."""
        changed = False
        for alert_id in sorted(alert_ids):
            known = self._current.get(alert_id)
            wanted = self._wanted(alert_id, written_ms)
            if wanted == known:
                continue
            if known is not None and (wanted is None or wanted.labels != known.labels):
                ended_ms = max(written_ms, known.started_ms + 1)
                self._ended[known.labels] = Notice(
                    known.labels, known.annotations, known.started_ms, known.link, ended_ms
                )
            if wanted is None:
                self._current.pop(alert_id, None)
            else:
                self._current[alert_id] = wanted
                self._ended.pop(wanted.labels, None)
            changed = True
        return changed

    def firing(self) -> list[Notice]:
        """All that fires."""
        return list(self._current.values())

    def ended(self, now_ms: int) -> list[Notice]:
        """All that ended within a day. Later nobody needs to hear of it, and it is forgotten."""
        self._ended = {key: it for key, it in self._ended.items() if (it.ended_ms or 0) > now_ms - FORGET_MS}
        return list(self._ended.values())

    def _wanted(self, alert_id: str, written_ms: int) -> Notice | None:
        alert = self._situation.firing.get(alert_id)
        if alert is None:
            self._first_written.pop(alert_id, None)
            return None
        standing, cluster_id = self._situation.standing(alert)
        first_ms = self._first_written.setdefault(alert_id, written_ms)
        if standing == "over":
            return None
        labels = {
            **self._wording.labels,
            "alertname": CAMPAIGN if alert.kind == "cluster" else ACCOUNT,
            "kind": alert.kind,
            "severity": alert.severity,
            "alert_id": alert.alert_id,
        }
        if cluster_id is not None:
            labels["cluster_id"] = cluster_id
        # An alert may name the end of a window that is not over yet; in Alertmanager nothing begins later than now.
        started_ms = min(ms(alert.detected_at), first_ms)
        link = _filled(self._wording.page_url, alert)
        return Notice(tuple(sorted(labels.items())), self._annotations(alert), started_ms, link)

    def _annotations(self, alert: AlertRecord) -> dict[str, str]:
        said = {
            "summary": alert.summary,
            "description": "\n".join(f"{item.family}: {item.statement}" for item in alert.evidence),
            "score": f"{alert.score:g}",
            "false_alarm_rate": f"{alert.false_alarm_rate:.2g} a day",
            "account_count": str(alert.account_count),
            "request_count": str(alert.request_count),
            "output_tokens": str(alert.output_tokens),
            "limits_proposed": str(alert.limits_proposed),
            "models": ", ".join(alert.models),
            "accounts": ", ".join(alert.accounts[:NAMED]),
            "started_at": alert.started_at.isoformat(),
            "updated_at": alert.updated_at.isoformat(),
            "revision": str(alert.revision),
            "runbook": alert.runbook,
        }
        if self._wording.runbook_url and alert.runbook:
            said["runbook_url"] = self._wording.runbook_url.rstrip("/") + "/" + alert.runbook.rsplit("/", 1)[-1]
        return {name: text for name, text in said.items() if text}


def calls(firing: list[Notice], ended: list[Notice], now_ms: int, ends_after_ms: int) -> Iterator[list[dict[str, Any]]]:
    """The bodies to post: all in one, or in several of which none parts a cluster from its members.

    Before them come the campaigns that fire, alone: Alertmanager notifies of an alert that began long ago at once, and
    must know by then what inhibits it.
    """
    by_cluster: dict[str, list[Notice]] = {}
    for notice in sorted([*firing, *ended], key=_order):
        by_cluster.setdefault(notice.cluster_id or repr(notice.labels), []).append(notice)
    sources = [notice for notices in by_cluster.values() if len(notices) > 1 for notice in notices if _inhibits(notice)]
    call: list[Notice] = []
    whole = [sources[at : at + MAX_IN_CALL] for at in range(0, len(sources), MAX_IN_CALL)]
    for notices in by_cluster.values():
        if call and len(call) + len(notices) > MAX_IN_CALL:
            whole.append(call)
            call = []
        call = call + notices
    for part in [*whole, call] if call else whole:
        yield [_body(notice, now_ms, ends_after_ms) for notice in part]


def _inhibits(notice: Notice) -> bool:
    return notice.ended_ms is None and dict(notice.labels)["alertname"] == CAMPAIGN


def _order(notice: Notice) -> tuple[int, Labels]:
    """What inhibits comes before what it inhibits when it begins, and after it when it ends."""
    if dict(notice.labels)["alertname"] == CAMPAIGN:
        return (0 if notice.ended_ms is None else 3), notice.labels
    return (2 if notice.ended_ms is None else 1), notice.labels


def _body(notice: Notice, now_ms: int, ends_after_ms: int) -> dict[str, Any]:
    ends_ms = now_ms + ends_after_ms if notice.ended_ms is None else min(notice.ended_ms, now_ms)
    body: dict[str, Any] = {
        "labels": dict(notice.labels),
        "annotations": dict(notice.annotations),
        "startsAt": _moment(min(notice.started_ms, ends_ms - 1)),
        "endsAt": _moment(ends_ms),
    }
    if notice.link:
        body["generatorURL"] = notice.link
    return body


def _filled(pattern: str, alert: AlertRecord) -> str:
    return pattern.replace("{alert_id}", alert.alert_id).replace("{cluster_id}", alert.cluster_id or "")


def _moment(moment_ms: int) -> str:
    return datetime.fromtimestamp(moment_ms / 1000, UTC).isoformat(timespec="milliseconds")
