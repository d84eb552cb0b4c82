"""The judgement itself."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

from streamer.evaluation.calibration import calibration
from streamer.evaluation.campaigns import Judge
from streamer.evaluation.churn import churn
from streamer.evaluation.families import families
from streamer.evaluation.history import History, Moment
from streamer.evaluation.honest import false_alerts, honest
from streamer.evaluation.records import AlertRevision, LimitRecord, MembershipRecord, Span, read, read_span, to_ms
from streamer.evaluation.result import ClusterResult, Evaluation
from streamer.evaluation.traffic import DAY_MS, Plan, SeenRequest, Traffic
from streamer.evaluation.truth import UNLISTED, Truth

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_NEEDS_EVENTS: Final = "a campaign's first request, hours to detection, recall by time and share served need the events"
_NEEDS_SPAN: Final = "alerts per day need summary.json or the events"


def evaluate(
    directory: Path,
    truth: Path,
    events: Iterable[SeenRequest] | None = None,
    plans: Mapping[str, Plan] | None = None,
) -> Evaluation:
    """Judge the records in a directory (alerts.jsonl, members.jsonl, limits.jsonl; summary.json if there is one).

    A campaign is detected by the first firing cluster alert, warning or critical, in which it has more accounts at that
    time than any other campaign and than all honest accounts together. Without `events` some numbers are None, and
    `missing` says which; `plans` tells of each campaign by name what the events do not.
    """
    known = Truth.of_file(truth)
    history = History.of(
        read(directory / "alerts.jsonl", AlertRevision), read(directory / "members.jsonl", MembershipRecord)
    )
    limits = list(read(directory / "limits.jsonl", LimitRecord))
    traffic = None if events is None else Traffic(events, known, plans or {})
    days = _days(read_span(directory / "summary.json"), traffic)
    judge = Judge(history, known, traffic, plans or {})
    campaigns, wrong = judge.campaigns(), false_alerts(history, known)
    guilty = sum(known.campaign_of(account) is not None for account in history.named_ms)
    clusters = _clusters(history, known)
    return Evaluation(
        campaigns=campaigns,
        alerts=len({moment.occasion for moment in history.moments}),
        days=days,
        named=len(history.named_ms),
        precision=guilty / len(history.named_ms) if history.named_ms else None,
        honest=honest(history, limits, known, wrong, days),
        clusters=clusters,
        purity=purity(clusters),
        churn=churn(history),
        false_alerts=wrong,
        calibration=calibration(wrong, days),
        families=families(campaigns, wrong),
        timelines=() if traffic is None else judge.timelines(),
        missing=tuple(_missing(history, known, traffic, days)),
    )


def purity(clusters: Iterable[ClusterResult]) -> float | None:
    """Share of all accounts in clusters that are of the most frequent actor of theirs."""
    sizes = [(round(cluster.purity * cluster.accounts), cluster.accounts) for cluster in clusters]
    return sum(pure for pure, _ in sizes) / sum(size for _, size in sizes) if sizes else None


def _missing(history: History, known: Truth, traffic: Traffic | None, days: float | None) -> Iterator[str]:
    if traffic is None:
        yield _NEEDS_EVENTS
    if days is None:
        yield _NEEDS_SPAN
    named = list(history.named_ms)
    strange = sum(known.campaign_of(account) is None and known.class_of(account) == UNLISTED for account in named)
    if 2 * strange > len(named):
        yield f"accounts named of whom the truth says nothing: {strange:,} of {len(named):,}; is it of the same world?"
    unlisted = {moment.alert.alert_id for moment in history.moments if _unlisted(moment)}
    if unlisted:
        yield f"alerts that count more accounts than they list and their clusters had then: {len(unlisted):,}"
    if traffic is not None:
        firsts = traffic.account_first_ms
        early = sum(history.named_ms.get(account, first) < first for account, first in firsts.items())
        if early:
            yield f"accounts of campaigns said to have been named before their first request: {early:,}"


def _unlisted(moment: Moment) -> bool:
    return moment.firing and (moment.alert.account_count or 0) > len(moment.accounts)


def _clusters(history: History, known: Truth) -> tuple[ClusterResult, ...]:
    results = []
    for cluster_id, accounts in sorted(history.clusters.items()):
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
        return (to_ms(span.last_timestamp) - to_ms(span.first_timestamp)) / DAY_MS
    if traffic is not None and traffic.first_ms is not None and traffic.last_ms is not None:
        return (traffic.last_ms - traffic.first_ms) / DAY_MS
    return None
