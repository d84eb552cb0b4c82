"""The report's tables."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from streamer.evaluation.history import SEVERITIES
from streamer.evaluation.table import percent

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from streamer.evaluation.comparison import ComparedCampaign, Comparison
    from streamer.evaluation.result import CampaignResult, Evaluation


def name(campaign: CampaignResult) -> str:
    """A campaign's name, with its world where there are several."""
    return campaign.name if campaign.world is None else f"{campaign.world}: {campaign.name}"


def campaigns(evaluation: Evaluation) -> str:
    """How each campaign fared."""
    headings = ["campaign", "accounts", "alert", "after", "served", "of real"]
    horizons = [within.hours for within in evaluation.campaigns[0].named_within] if evaluation.campaigns else []
    rows = []
    for each in evaluation.campaigns:
        after = "-" if each.hours_to_detection is None else f"{each.hours_to_detection:.2f} h"
        within = (f"{percent(part.share)} of {part.of:,}" for part in each.named_within)
        alert = each.severity or "none"
        shares = (percent(each.share_served_before), percent(each.real_share_before))
        rows.append([name(each), f"{each.accounts:,}", alert, after, *shares, *within, percent(each.recall)])
    return table([*headings, *(f"{hours} h" for hours in horizons), "named"], rows)


def honest(evaluation: Evaluation) -> str:
    """What honest people had to bear, by class."""
    found = evaluation.honest
    classes = {*found.named, *found.limited, *(name for counts in found.false_alerts.values() for name in counts)}
    rows = [
        [
            kind,
            str(found.named.get(kind, 0)),
            str(found.limited.get(kind, 0)),
            *(str(found.false_alerts.get(severity, {}).get(kind, 0)) for severity in SEVERITIES),
        ]
        for kind in sorted(classes)
    ]
    rates = (found.false_alerts_per_day.get(severity) for severity in SEVERITIES)
    rows.append(["alerts a day", "", "", *("-" if rate is None else f"{rate:.3f}" for rate in rates)])
    return table(["class", "named", "limited", *(f"false {severity}" for severity in SEVERITIES)], rows)


def calibration(evaluation: Evaluation) -> str:
    """Claimed against counted."""
    rows = [
        [
            f"{line.claimed_per_day:g}",
            "-" if line.highest_per_day is None else f"{line.highest_per_day:.2f}",
            f"{line.counted_per_day:.2f}",
            f"{line.low_per_day:.2f} - {line.high_per_day:.2f}",
            f"{line.counted:,} of {line.expected:.1f}" + ("" if line.enough else " (few)"),
            f"{line.ratio:.2f}",
        ]
        for line in evaluation.calibration
    ]
    return table(
        ["claimed a day", "highest claim", "counted a day", "95% between", "alerts of expected", "ratio"], rows
    )


def families(evaluation: Evaluation) -> str:
    """What each family did."""
    rows = [
        [each.family, str(each.detections), str(each.needed), percent(each.share), str(each.false_alerts)]
        for each in evaluation.families
    ]
    return table(["family", "detections", "needed", "mean share of strength", "false alerts"], rows)


def clusters(evaluation: Evaluation) -> str:
    """Clusters that hold more than one kind of people."""
    rows = [
        [each.cluster_id, str(each.accounts), each.actor, percent(each.purity), str(each.campaigns)]
        for each in evaluation.clusters
        if each.purity < 1
    ]
    return table(["cluster", "accounts", "mostly", "purity", "campaigns in it"], rows) if rows else ""


def comparison(found: Comparison) -> str:
    """Runs side by side."""
    rows = [
        [
            f"{row.run}: {row.campaign}",
            f"{row.accounts:,}",
            "-" if row.requests_per_account_per_day is None else f"{row.requests_per_account_per_day:.1f}",
            percent(row.volume_ratio),
            _after(row),
            percent(row.recall),
            {True: "yes", False: "no", None: "-"}[row.halved],
        ]
        for row in found.rows
    ]
    headings = ["run", "accounts", "requests a day each", "volume to the first", "alert after", "ever named", "halved"]
    return table(headings, rows) + "".join(f"<p>{escape(sentence)}</p>" for sentence in found.conclusions)


def _after(row: ComparedCampaign) -> str:
    if not row.detected:
        return "never"
    return "-" if row.hours_to_detection is None else f"{row.hours_to_detection:.1f} h"


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of words."""
    head = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
