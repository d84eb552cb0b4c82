"""The report as a whole."""

from __future__ import annotations

from html import escape
from importlib.resources import files
from statistics import median
from typing import TYPE_CHECKING

from streamer.evaluation.pool import pooled
from streamer.evaluation.report import charts, tables, timeline
from streamer.evaluation.table import percent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from streamer.evaluation.comparison import Comparison
    from streamer.evaluation.result import Evaluation


def report(worlds: Mapping[str, Evaluation], comparison: Comparison | None = None) -> str:
    """One HTML document about one world or several, with everything in it that it shows."""
    evaluation = pooled(worlds)
    style = (files(__package__) / "style.css").read_text(encoding="utf-8")
    body = "".join(_sections(evaluation, ", ".join(worlds), comparison))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>streamer: how good was that</title><style>{style}</style></head><body>{body}</body></html>\n"
    )


def _sections(evaluation: Evaluation, names: str, comparison: Comparison | None) -> Iterator[str]:
    yield f'<h1>How good was that</h1><p class="dim">{escape(names)}</p>'
    yield _headline(evaluation)
    for sentence in evaluation.missing:
        yield f"<p><b>Note:</b> {escape(sentence)}.</p>"
    if comparison is not None:
        yield "<h2>What it costs to be named less</h2>" + tables.comparison(comparison)
    yield "<h2>Campaigns</h2>" + (
        tables.campaigns(evaluation) if evaluation.campaigns else "<p>There was none in this world.</p>"
    )
    yield (
        '<p class="dim">After: from the first request to the first warning or critical alert about it, which counts at '
        "its own time with the accounts it had then. Served: the share answered by then, of what the events hold and "
        "of the campaign's real length. 6 h to 72 h: accounts named within that time of their own first request; those "
        "whose hours the data do not hold to their end are left out. Named: at all.</p>"
    )
    yield from _timelines(evaluation)
    yield "<h2>Honest accounts</h2>" + tables.honest(evaluation)
    if evaluation.calibration:
        yield "<h2>False alarms, claimed and counted</h2>" + tables.calibration(evaluation)
        yield _figure(
            charts.calibration(evaluation.calibration),
            "On the dashed line a claim holds; in the band within a factor of two. Faint: fewer than ten alerts. "
            "Above detection.alert.info_per_day no alert is written.",
            "half",
        )
    if evaluation.families:
        yield "<h2>What each family of evidence contributed</h2>" + tables.families(evaluation) + _families(evaluation)
    if mixed := tables.clusters(evaluation):
        yield "<h2>Mixed clusters</h2>" + mixed


def _headline(evaluation: Evaluation) -> str:
    found = [campaign for campaign in evaluation.campaigns if campaign.detected]
    hours = [campaign.hours_to_detection for campaign in found if campaign.hours_to_detection is not None]
    rates = evaluation.honest.false_alerts_per_day
    shown = {
        "campaigns found": f"{len(found)} of {len(evaluation.campaigns)}",
        "median time to alert": f"{median(hours):.1f} h" if hours else "-",
        "accounts named": f"{evaluation.named:,}",
        "of them of a campaign": percent(evaluation.precision),
        "purity of clusters": percent(evaluation.purity),
        "members that left again": percent(evaluation.churn.ratio),
        "false pages a day": _rate(rates.get("critical")),
        "false warnings a day": _rate(rates.get("warning")),
        "days": "-" if evaluation.days is None else f"{evaluation.days:.1f}",
    }
    return "<dl>" + "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in shown.items()) + "</dl>"


def _rate(rate: float | None) -> str:
    return "-" if rate is None else f"{rate:.2f}"


def _timelines(evaluation: Evaluation) -> Iterator[str]:
    campaigns = {(campaign.world, campaign.name): campaign for campaign in evaluation.campaigns}
    for course in evaluation.timelines:
        campaign = campaigns[course.world, course.campaign]
        after = campaign.hours_to_detection
        found = "never alerted on" if after is None else f"{campaign.severity} after {after:.1f} h"
        words = f"{tables.name(campaign)}: {found}; {percent(campaign.recall)} of {campaign.accounts:,} accounts named"
        yield _figure(
            f"<h3>{escape(words)}</h3>" + timeline.draw(course, campaign),
            f"From {course.begins}. Above: requests an hour. Below, accounts: at work in the hour (blue), named so far "
            "(green), all there are (dashed). Red: the first alert about it.",
        )


def _families(evaluation: Evaluation) -> str:
    order = sorted({part.family for campaign in evaluation.campaigns for part in campaign.evidence})
    if not order:
        return ""
    boxes = "".join(
        f'<span><svg viewBox="0 0 10 10"><rect width="10" height="10" class="f{at % charts.COLOURS}"/></svg>'
        f"{escape(family)}</span>"
        for at, family in enumerate(order)
    )
    caption = "What the first alert about each campaign rested on: the longer, the less likely by chance."
    return _figure(charts.families(evaluation.campaigns, order) + f'<div class="legend">{boxes}</div>', caption)


def _figure(content: str, caption: str, class_: str = "") -> str:
    return f'<figure class="{class_}">{content}<figcaption>{escape(caption)}</figcaption></figure>'
