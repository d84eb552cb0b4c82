"""Many worlds judged as one: their days, alerts and accounts added up."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from streamer.evaluation.calibration import calibration
from streamer.evaluation.families import families
from streamer.evaluation.honest import count_false, per_day
from streamer.evaluation.judgement import purity
from streamer.evaluation.result import Churn, Evaluation, Honest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


def pooled(worlds: Mapping[str, Evaluation]) -> Evaluation:
    """One judgement of several, by the name of the world; days are unknown if those of one world are."""
    parts = list(worlds.values())
    if len(parts) == 1:
        return parts[0]
    campaigns = tuple(replace(each, world=name) for name, world in worlds.items() for each in world.campaigns)
    alerts = tuple(each for world in parts for each in world.false_alerts)
    spans = [world.days for world in parts]
    days = None if None in spans else sum(span for span in spans if span is not None)
    named = sum(world.named for world in parts)
    guilty = sum(round((world.precision or 0.0) * world.named) for world in parts)
    clusters = tuple(each for world in parts for each in world.clusters)
    counts = count_false(alerts)
    return Evaluation(
        campaigns=campaigns,
        alerts=sum(world.alerts for world in parts),
        days=days,
        named=named,
        precision=guilty / named if named else None,
        honest=Honest(
            named=_sum(world.honest.named for world in parts),
            named_accounts={account: name for world in parts for account, name in world.honest.named_accounts.items()},
            limited=_sum(world.honest.limited for world in parts),
            false_alerts=counts,
            false_alerts_per_day=per_day(counts, days),
        ),
        clusters=clusters,
        purity=purity(clusters),
        churn=_churn([world.churn for world in parts]),
        false_alerts=alerts,
        calibration=calibration(alerts, days),
        families=families(campaigns, alerts),
        timelines=tuple(replace(each, world=name) for name, world in worlds.items() for each in world.timelines),
        missing=tuple(dict.fromkeys(sentence for world in parts for sentence in world.missing)),
    )


def _sum(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for count in counts:
        total.update(count)
    return dict(total.most_common())


def _churn(parts: Sequence[Churn]) -> Churn:
    members = sum(part.members for part in parts)
    gone = sum(round((part.ratio or 0.0) * part.members) for part in parts)
    return Churn(
        members=members,
        left=sum(part.left for part in parts),
        dropped=sum(part.dropped for part in parts),
        rested=sum(part.rested for part in parts),
        moved=sum(part.moved for part in parts),
        ratio=gone / members if members else None,
    )
