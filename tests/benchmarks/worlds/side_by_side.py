"""Ways to detect in one table: the detector without a part of it, or beside what others do."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from rich.box import SIMPLE
from rich.table import Table

from streamer.evaluation import pooled
from tests.benchmarks.worlds.running import Outcome
from tests.benchmarks.worlds.summary import Row, benign, rows
from tests.benchmarks.worlds.tables import hours, percent

DEFAULT_HORIZON_H = 48


def table(runs: Mapping[str, Sequence[Outcome]], title: str, heading: str) -> Table:
    """Hours to the alert and accounts named in time, for each campaign; and what honest people had to bear."""
    every = {name: {(row.profile, row.campaign): row for row in rows(found)} for name, found in runs.items()}
    columns = list(dict.fromkeys(key for by_key in every.values() for key in by_key))
    caption = (
        "median hours to the alert, and accounts named within the hours of the target (48 where there is none); "
        "precision: of all accounts ever named where there are campaigns;\nhonest: accounts named a world; "
        "false a day: warnings and critical alerts where there is no campaign"
    )
    shown = Table(
        title=title, title_justify="left", caption=caption, caption_justify="left", box=SIMPLE, pad_edge=False
    )
    shown.add_column(heading)
    for profile, campaign in columns:
        shown.add_column(profile if profile == campaign else f"{profile}: {campaign}", justify="right")
    for burden in ("precision", "honest", "false a day"):
        shown.add_column(burden, justify="right")
    for name, by_key in every.items():
        shown.add_row(name, *(_cell(by_key.get(key)) for key in columns), *_burden(runs[name]))
    return shown


def _cell(row: Row | None) -> str:
    if row is None:
        return "-"
    horizon = (row.target.named_hours if row.target else None) or DEFAULT_HORIZON_H
    named = percent(row.named_within.get(horizon), 0)
    return f"{'never' if math.isinf(row.hours) else hours(row.hours) + ' h'}, {named}"


def _burden(found: Sequence[Outcome]) -> tuple[str, str, str]:
    with_campaigns = [each.evaluation for each in found if each.evaluation.campaigns]
    precision = (
        pooled({str(at): world for at, world in enumerate(with_campaigns)}).precision if with_campaigns else None
    )
    honest = sum(sum(each.evaluation.honest.named.values()) for each in found) / max(len(found), 1)
    worlds = benign(found)
    days = sum(world.days or 0.0 for world in worlds.values())
    loud = sum(alert.severity != "info" for world in worlds.values() for alert in world.false_alerts)
    return percent(precision, 1), f"{honest:.1f}", f"{loud / days:.3f}" if days else "-"
