"""An evaluation as tables for people, eighty columns wide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.box import SIMPLE
from rich.console import Group, JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text

from streamer.evaluation.campaigns import HORIZONS_H
from streamer.evaluation.history import SEVERITIES

if TYPE_CHECKING:
    from streamer.evaluation.comparison import Comparison
    from streamer.evaluation.result import CampaignResult, Evaluation

_SMALL: Final = 0.01


def render(evaluation: Evaluation) -> RenderableType:
    """Campaigns, what honest people had to bear, how far the claims hold, and what could not be known."""
    parts: list[RenderableType] = [_campaigns(evaluation), Text()]
    if any(campaign.named_within for campaign in evaluation.campaigns):
        parts += [_named(evaluation), Text()]
    parts += [_honest(evaluation), Text()]
    if evaluation.calibration:
        parts += [_calibration(evaluation), Text()]
    if evaluation.families:
        parts += [_families(evaluation), Text()]
    parts.append(_summary(evaluation))
    if any(cluster.purity < 1 for cluster in evaluation.clusters):
        parts += [Text(), _mixed(evaluation)]
    parts += [Text(f"note: {sentence}", style="yellow") for sentence in evaluation.missing]
    return Group(*parts)


def render_comparison(comparison: Comparison) -> RenderableType:
    """Runs side by side: what each adversary gave up, and what it gained."""
    caption = "volume and accounts against the first run; halved: recall is at most half of that of the first run"
    table = _table("What it costs to be named less", caption)
    _columns(table, ("run", "campaign"), ("accounts", "a day each", "volume", "hours", "named", "48 h", "halved"))
    for row in comparison.rows:
        table.add_row(
            row.run,
            row.campaign,
            f"{row.accounts:,}",
            _number(row.requests_per_account_per_day),
            percent(row.volume_ratio),
            _number(row.hours_to_detection) if row.detected else "never",
            percent(row.recall),
            percent(row.recall_48h),
            {True: "yes", False: "no", None: "-"}[row.halved],
        )
    return Group(table, *(Text(sentence) for sentence in comparison.conclusions))


def _table(title: str, caption: str | None = None) -> Table:
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


def _columns(table: Table, words: tuple[str, ...], numbers: tuple[str, ...]) -> None:
    for heading in words:
        table.add_column(heading, justify="left", overflow="fold")
    for heading in numbers:
        table.add_column(heading, justify="right", no_wrap=True)


def _name(campaign: CampaignResult) -> str:
    return campaign.name if campaign.world is None else f"{campaign.world}: {campaign.name}"


def _campaigns(evaluation: Evaluation) -> Table:
    caption = (
        "after: from the first request to the alert; served: share answered by then, "
        "of what the events hold and of the campaign's real length; named: at all"
    )
    table = _table("Campaigns", caption)
    _columns(table, ("campaign",), ("size",))
    _columns(table, ("alert",), ("after", "served", "of real", "named", "clusters"))
    for campaign in evaluation.campaigns:
        table.add_row(
            _name(campaign),
            f"{campaign.accounts:,}",
            campaign.severity if campaign.detected and campaign.severity else "none",
            "-" if campaign.hours_to_detection is None else f"{campaign.hours_to_detection:.2f} h",
            percent(campaign.share_served_before),
            percent(campaign.real_share_before),
            percent(campaign.recall),
            str(campaign.clusters),
        )
    if not evaluation.campaigns:
        table.add_row("none in this world")
    return table


def _named(evaluation: Evaluation) -> Table:
    caption = (
        "hours from an account's own first request; left out: accounts whose hours "
        "the data do not hold to their end, and those that sent nothing"
    )
    table = _table("Accounts named within", caption)
    _columns(table, ("campaign",), (*(f"{hours} h" for hours in HORIZONS_H), "left out"))
    for campaign in evaluation.campaigns:
        shares = [f"{percent(within.share)} of {within.of:,}" for within in campaign.named_within]
        out = [within.left_out + campaign.silent_accounts for within in campaign.named_within]
        table.add_row(_name(campaign), *shares, " ".join(f"{count:,}" for count in out))
    return table


def _honest(evaluation: Evaluation) -> Table:
    caption = "named or limited, and alerts that fired mostly about nobody's campaign, at their highest severity then"
    table = _table("Honest accounts", caption)
    _columns(table, ("class",), ("named", "limited", *(f"false {severity}" for severity in SEVERITIES)))
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


def _calibration(evaluation: Evaluation) -> Table:
    caption = (
        "alerts on honest traffic that claim so few false alarms or fewer; below ten a factor of two cannot be told, "
        "and above detection.alert.info_per_day no alert is written; highest: the most that one of them claims"
    )
    table = _table("False alarms a day, claimed and counted", caption)
    _columns(table, (), ("claimed", "highest", "counted", "95% between", "alerts", "expected", "ratio"))
    for line in evaluation.calibration:
        table.add_row(
            f"{line.claimed_per_day:g}",
            "-" if line.highest_per_day is None else f"{line.highest_per_day:.2f}",
            f"{line.counted_per_day:.2f}",
            f"{line.low_per_day:.2f} - {line.high_per_day:.2f}",
            f"{line.counted:,}",
            f"{line.expected:.1f}",
            f"{line.ratio:.2f}" + ("" if line.enough else " (few)"),
        )
    return table


def _families(evaluation: Evaluation) -> Table:
    caption = "needed: detections that would rest on fewer than two families without it; strength: mean share of them"
    table = _table("What each family of evidence did", caption)
    _columns(table, ("family",), ("detections", "needed", "strength", "false alerts"))
    for family in evaluation.families:
        counts = (str(family.detections), str(family.needed))
        table.add_row(family.family, *counts, percent(family.share), str(family.false_alerts))
    return table


def _summary(evaluation: Evaluation) -> Table:
    churn = evaluation.churn
    table = Table(show_header=False, box=None)
    table.add_row("alerts", f"{evaluation.alerts:,}")
    table.add_row("days", "-" if evaluation.days is None else f"{evaluation.days:.2f}")
    table.add_row("accounts ever named", f"{evaluation.named:,}")
    table.add_row("of them of a campaign", percent(evaluation.precision))
    table.add_row("purity of clusters", percent(evaluation.purity))
    gone = f"{percent(churn.ratio)} ({churn.left:,} said so, {churn.dropped:,} no longer listed)"
    table.add_row("members that left again", gone)
    table.add_row("moved to another cluster", f"{churn.moved:,}")
    return table


def _mixed(evaluation: Evaluation) -> Table:
    table = _table("Mixed clusters", "whoever was ever in the cluster counts")
    for heading in ("cluster", "accounts", "mostly", "purity", "campaigns in it"):
        table.add_column(heading)
    for cluster in evaluation.clusters:
        if cluster.purity < 1:
            row = (cluster.cluster_id, str(cluster.accounts), cluster.actor, percent(cluster.purity))
            table.add_row(*row, str(cluster.campaigns))
    return table


def percent(ratio: float | None) -> str:
    """A share of a whole; a small one more exactly.

    >>> percent(0.5), percent(0.0028), percent(0.0), percent(None)
    ('50.0%', '0.28%', '0.0%', '-')
    """
    if ratio is None:
        return "-"
    return f"{100 * ratio:.2f}%" if 0 < ratio < _SMALL else f"{100 * ratio:.1f}%"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.1f}"
