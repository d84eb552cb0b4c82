"""What each family of evidence contributed."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING, Final

from streamer.evaluation.result import FamilyResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamer.evaluation.result import CampaignResult, FalseAlert

_LEAST_FAMILIES: Final = 2


def families(campaigns: Sequence[CampaignResult], alerts: Sequence[FalseAlert]) -> tuple[FamilyResult, ...]:
    """Every family that took part in the detection of a campaign or in a false alert, the most useful first."""
    shares: dict[str, list[float]] = {}
    needed: dict[str, int] = {}
    for campaign in campaigns:
        for part in campaign.evidence:
            shares.setdefault(part.family, []).append(part.share)
            needed[part.family] = needed.get(part.family, 0) + (len(campaign.evidence) <= _LEAST_FAMILIES)
    wrong: dict[str, int] = {}
    for alert in alerts:
        for family in alert.families:
            wrong[family] = wrong.get(family, 0) + 1
    results = [
        FamilyResult(
            family=name,
            detections=len(shares.get(name, [])),
            needed=needed.get(name, 0),
            share=fmean(shares[name]) if name in shares else None,
            false_alerts=wrong.get(name, 0),
        )
        for name in sorted(shares.keys() | wrong.keys())
    ]
    return tuple(sorted(results, key=lambda result: -result.detections))
