"""What honest people had to bear."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from streamer.evaluation.campaigns import rfc3339, strengths
from streamer.evaluation.history import SEVERITIES
from streamer.evaluation.result import FalseAlert, Honest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from streamer.evaluation.history import History, Moment
    from streamer.evaluation.records import LimitRecord
    from streamer.evaluation.truth import Truth

_SHOWN: Final = 1000


def false_alerts(history: History, known: Truth) -> tuple[FalseAlert, ...]:
    """Alerts that fired with no more accounts of any campaign than honest ones, even if they got better later.

    One that was resolved and is raised again costs another look, and counts again.
    """
    wrong: dict[tuple[str, int], list[Moment]] = {}
    for moment in history.moments:
        if moment.firing and known.honest_lead(moment.accounts):
            wrong.setdefault(moment.occasion, []).append(moment)
    return tuple(_false_alert(moments, known) for moments in wrong.values())


def honest(
    history: History,
    limits: Iterable[LimitRecord],
    known: Truth,
    alerts: Sequence[FalseAlert],
    days: float | None,
) -> Honest:
    """Who was named or limited, and the false alerts by severity and class."""
    wrongly = {
        account: known.class_of(account) for account in sorted(history.named_ms) if known.campaign_of(account) is None
    }
    limited = {limit.account_id for limit in limits if known.campaign_of(limit.account_id) is None}
    counts = count_false(alerts)
    return Honest(
        named=dict(Counter(wrongly.values()).most_common()),
        named_accounts=dict(list(wrongly.items())[:_SHOWN]),
        limited=dict(Counter(map(known.class_of, sorted(limited))).most_common()),
        false_alerts=counts,
        false_alerts_per_day=per_day(counts, days),
    )


def count_false(alerts: Iterable[FalseAlert]) -> dict[str, dict[str, int]]:
    """False alerts by severity, then by class."""
    counts: dict[str, Counter[str]] = {severity: Counter() for severity in SEVERITIES}
    for alert in alerts:
        counts.setdefault(alert.severity, Counter())[alert.honest_class] += 1
    return {severity: dict(count) for severity, count in counts.items()}


def per_day(counts: dict[str, dict[str, int]], days: float | None) -> dict[str, float | None]:
    """False alerts a day by severity."""
    return {severity: sum(count.values()) / days if days else None for severity, count in counts.items()}


def _false_alert(moments: Sequence[Moment], known: Truth) -> FalseAlert:
    worst = max(moments, key=lambda moment: _rank(moment.alert.severity))  # the first of the most severe
    claims = [moment.alert.false_alarm_rate for moment in moments if moment.alert.false_alarm_rate is not None]
    return FalseAlert(
        alert_id=worst.alert.alert_id,
        kind=worst.alert.kind,
        severity=worst.alert.severity,
        honest_class=known.most_frequent_class(worst.accounts),
        fired_at=rfc3339(moments[0].when_ms),
        claimed_per_day=min(claims, default=None),
        families=tuple(part.family for part in strengths(worst.alert)),
    )


def _rank(severity: str) -> int:
    return SEVERITIES.index(severity) if severity in SEVERITIES else -1
