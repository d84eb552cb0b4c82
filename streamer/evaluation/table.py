"""An evaluation as tables for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.box import SIMPLE
from rich.console import Group, JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text

from streamer.evaluation.campaigns import HORIZONS_H
from streamer.evaluation.history import SEVERITIES

if TYPE_CHECKING:
    from streamer.evaluation.result import CampaignResult, Evaluation

HORIZONS = tuple(f"{hours} h" for hours in HORIZONS_H)


def render(evaluation: Evaluation) -> RenderableType:
    """Campaigns, what honest people had to bear, and what could not be known."""
    parts: list[RenderableType] = [_campaigns(evaluation), Text(), _honest(evaluation), Text(), _summary(evaluation)]
    impure = [cluster for cluster in evaluation.clusters if cluster.purity < 1]
    if impure:
        parts += [Text(), _mixed(evaluation)]
    parts += [Text(f"not known: {sentence}", style="yellow") for sentence in evaluation.missing]
    return Group(*parts)


def _table(title: str, caption: str) -> Table:
    left: JustifyMethod = "left"
    return Table(
        title=title,
        title_justify=left,
        caption=caption,
        caption_justify=left,
        box=SIMPLE,
        pad_edge=False,
        collapse_padding=True,
    )


def _campaigns(evaluation: Evaluation) -> Table:
    caption = (
        "after: from the first request to the alert; served: share answered by then;\n"
        "of real: the same of the campaign's real length; named: share of the accounts ever named,\n"
        "6 h to 72 h: within that time of their own first request, those left out whose time is not over"
    )
    table = _table("Campaigns", caption)
    headings = ("campaign", "size", "alert", "after", "served", "of real", "named", *HORIZONS, "clusters")
    for heading in headings:
        table.add_column(heading, justify="left" if heading in {"campaign", "alert"} else "right", no_wrap=True)
    for campaign in evaluation.campaigns:
        table.add_row(*_row(campaign))
    if not evaluation.campaigns:
        table.add_row("none in this world")
    return table


def _row(campaign: CampaignResult) -> tuple[str, ...]:
    after = "-" if campaign.hours_to_detection is None else f"{campaign.hours_to_detection:.2f} h"
    return (
        campaign.name if campaign.world is None else f"{campaign.world}: {campaign.name}",
        f"{campaign.accounts:,}",
        campaign.severity if campaign.detected and campaign.severity else "none",
        after,
        _percent(campaign.share_served_before),
        _percent(campaign.real_share_before),
        _percent(campaign.recall),
        *(_percent(within.share) for within in campaign.named_within),
        *("-" for _ in HORIZONS[len(campaign.named_within) :]),
        str(campaign.clusters),
    )


def _honest(evaluation: Evaluation) -> Table:
    table = _table("Honest accounts", "named or limited, and alerts that were mostly about nobody's campaign")
    for heading in ("class", "named", "limited", *(f"false {severity}" for severity in SEVERITIES)):
        table.add_column(heading, justify="left" if heading == "class" else "right")
    honest = evaluation.honest
    classes = {*honest.named, *honest.limited, *(name for counts in honest.false_alerts.values() for name in counts)}
    for name in sorted(classes):
        alerts = (str(honest.false_alerts.get(severity, {}).get(name, 0)) for severity in SEVERITIES)
        table.add_row(name, str(honest.named.get(name, 0)), str(honest.limited.get(name, 0)), *alerts)
    if not classes:
        table.add_row("none", "0", "0", *("0" for _ in SEVERITIES))
    per_day = (honest.false_alerts_per_day[severity] for severity in SEVERITIES)
    table.add_row("a day", "", "", *("-" if rate is None else f"{rate:.2f}" for rate in per_day), style="bold")
    return table


def _summary(evaluation: Evaluation) -> Table:
    table = Table(show_header=False, box=None)
    table.add_row("alerts", f"{evaluation.alerts:,}")
    table.add_row("days", "-" if evaluation.days is None else f"{evaluation.days:.2f}")
    table.add_row("accounts ever named", f"{evaluation.named:,}")
    table.add_row("of them of a campaign", _percent(evaluation.precision))
    table.add_row("purity of clusters", _percent(evaluation.purity))
    return table


def _mixed(evaluation: Evaluation) -> Table:
    table = _table("Mixed clusters", "whoever was ever in the cluster counts")
    for heading in ("cluster", "accounts", "mostly", "purity", "campaigns in it"):
        table.add_column(heading)
    for cluster in evaluation.clusters:
        if cluster.purity < 1:
            row = (cluster.cluster_id, str(cluster.accounts), cluster.actor, _percent(cluster.purity))
            table.add_row(*row, str(cluster.campaigns))
    return table


def _percent(ratio: float | None) -> str:
    return "-" if ratio is None else f"{100 * ratio:.1f}%"
