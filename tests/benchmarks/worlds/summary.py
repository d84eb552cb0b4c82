"""From many outcomes to the numbers of a table: medians over seeds, beside what they must be."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from streamer.evaluation import CampaignResult, Evaluation, pooled
from tests.benchmarks.worlds.running import Outcome

Each = TypeVar("Each")


class Target(NamedTuple):
    """What a profile must show: hours to the alert, share of its real length served before, share named by then."""

    hours: float
    real_share: float | None = None
    named_share: float | None = None
    named_hours: int | None = None


TARGETS = {
    "hydra_peak": Target(1, 0.002, 0.95, 6),
    "rotation": Target(1, 0.002, 0.95, 6),
    "hydra": Target(8, 0.01, 0.95, 48),
    "replay": Target(12, 0.03, 0.90, 48),
    "relay": Target(24, 0.10, 0.80, 72),
    "evasive": Target(24, 0.02, 0.90, 72),
    "hydra_metadata_only": Target(24),
    "replay_metadata_only": Target(24),
    "evasive_metadata_only": Target(24),
}


@dataclass(frozen=True)
class Row:
    """One campaign of one profile, over all seeds; a campaign that was not found took for ever."""

    profile: str
    campaign: str
    seeds: int
    found: int
    hours: float
    hours_worst: float
    real_share: float | None
    named_within: dict[int, float | None]
    precision: float | None
    purity: float | None
    churn: float | None
    honest_named: float
    target: Target | None

    def met(self) -> bool | None:
        """Whether the target is met; None where there is none."""
        target = self.target
        if target is None:
            return None
        named = None if target.named_hours is None else self.named_within.get(target.named_hours)
        return (
            self.hours <= target.hours
            and (target.real_share is None or (self.real_share or 0.0) <= target.real_share)
            and (target.named_share is None or (named or 0.0) >= target.named_share)
        )


def rows(outcomes: Iterable[Outcome]) -> list[Row]:
    """A row for each campaign of each profile."""
    grouped: dict[tuple[str, str], list[tuple[CampaignResult, Evaluation]]] = {}
    for found in outcomes:
        for campaign in found.evaluation.campaigns:
            grouped.setdefault((found.wanted.profile, campaign.name), []).append((campaign, found.evaluation))
    return [_row(profile, name, group) for (profile, name), group in grouped.items()]


def _row(profile: str, name: str, group: Sequence[tuple[CampaignResult, Evaluation]]) -> Row:
    campaigns = [campaign for campaign, _ in group]
    worlds = [world for _, world in group]
    hours = [math.inf if each.hours_to_detection is None else each.hours_to_detection for each in campaigns]
    horizons = [within.hours for within in campaigns[0].named_within]
    return Row(
        profile=profile,
        campaign=name,
        seeds=len(group),
        found=sum(campaign.detected for campaign in campaigns),
        hours=statistics.median(hours),
        hours_worst=max(hours),
        real_share=median(campaigns, lambda each: each.real_share_before),
        named_within={
            horizon: median(campaigns, lambda each, at=at: each.named_within[at].share)  # type: ignore[misc]
            for at, horizon in enumerate(horizons)
        },
        precision=median(worlds, lambda each: each.precision),
        purity=median(worlds, lambda each: each.purity),
        churn=median(worlds, lambda each: each.churn.ratio),
        honest_named=statistics.fmean(sum(world.honest.named.values()) for world in worlds),
        target=TARGETS.get(profile, TARGETS.get(name)),
    )


def median(group: Iterable[Each], value: Callable[[Each], float | None]) -> float | None:
    """The median of what is known."""
    known = [number for number in map(value, group) if number is not None]
    return statistics.median(known) if known else None


def benign(outcomes: Iterable[Outcome]) -> dict[str, Evaluation]:
    """Worlds without campaigns, all seeds of a profile as one."""
    grouped: dict[str, dict[str, Evaluation]] = {}
    for found in outcomes:
        if not found.evaluation.campaigns:
            grouped.setdefault(found.wanted.profile, {})[str(found.wanted.seed)] = found.evaluation
    return {profile: pooled(worlds) for profile, worlds in grouped.items()}
