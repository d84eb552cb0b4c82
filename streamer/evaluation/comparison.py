"""Runs whose adversaries differ, side by side: what it costs one to be named half as often."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from streamer.evaluation.result import CampaignResult, Evaluation

_HOURS: Final = 48
_HALF: Final = 0.5


@dataclass(frozen=True)
class ComparedCampaign:
    """A campaign in one of the runs. Ratios are to the campaign of the same name in the first run."""

    run: str
    campaign: str
    accounts: int
    accounts_ratio: float | None
    requests_per_day: float | None
    requests_per_account_per_day: float | None
    volume_ratio: float | None
    detected: bool
    hours_to_detection: float | None
    recall: float
    recall_48h: float | None
    halved: bool | None


@dataclass(frozen=True)
class Comparison:
    """All runs, the first of which is what the others are held against; and what follows, in sentences."""

    rows: tuple[ComparedCampaign, ...]
    conclusions: tuple[str, ...]

    def as_record(self) -> dict[str, Any]:
        """The same as plain data, for JSON."""
        return asdict(self)


def compare(worlds: Mapping[str, Evaluation]) -> Comparison:
    """Hold each run's campaigns against those of the same name in the first run."""
    reference = next(iter(worlds))
    first = {campaign.name: campaign for campaign in worlds[reference].campaigns}
    rows = tuple(
        _row(run, campaign, first.get(campaign.name), other=run != reference)
        for run, world in worlds.items()
        for campaign in world.campaigns
    )
    by_name: dict[str, list[ComparedCampaign]] = {}
    for row in rows:
        by_name.setdefault(row.campaign, []).append(row)
    return Comparison(rows, tuple(sentence for group in by_name.values() for sentence in _conclusion(group)))


def _row(run: str, campaign: CampaignResult, first: CampaignResult | None, *, other: bool) -> ComparedCampaign:
    volume, before = _requests_per_day(campaign), None if first is None else _requests_per_day(first)
    return ComparedCampaign(
        run=run,
        campaign=campaign.name,
        accounts=campaign.accounts,
        accounts_ratio=None if first is None else campaign.accounts / first.accounts,
        requests_per_day=volume,
        requests_per_account_per_day=None if volume is None else volume / campaign.accounts,
        volume_ratio=volume / before if volume is not None and before else None,
        detected=campaign.detected,
        hours_to_detection=campaign.hours_to_detection,
        recall=campaign.recall,
        recall_48h=next((within.share for within in campaign.named_within if within.hours == _HOURS), None),
        halved=campaign.recall <= _HALF * first.recall if other and first is not None and first.recall else None,
    )


def _requests_per_day(campaign: CampaignResult) -> float | None:
    return campaign.answered / campaign.days_seen if campaign.answered is not None and campaign.days_seen else None


def _conclusion(group: Sequence[ComparedCampaign]) -> Iterator[str]:
    """The cheapest way to halve the recall is the one that keeps the most volume."""
    name = group[0].campaign
    ways = [row for row in group if row.halved]
    if not ways:
        tried = sum(row.halved is not None for row in group)
        if tried:
            yield f"{name}: none of {tried} other runs halves the recall of the first."
        return
    best = max(ways, key=lambda row: row.volume_ratio or 0.0)
    volume = "an unknown share" if best.volume_ratio is None else f"{best.volume_ratio:.0%}"
    accounts = "?" if best.accounts_ratio is None else f"{best.accounts_ratio:.1f}"
    yield (
        f"{name}: the cheapest way to halve the recall, of {len(ways)}, is {best.run}: "
        f"{volume} of the volume a day with {accounts} times the accounts."
    )
