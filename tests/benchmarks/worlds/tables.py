"""The tables that a run over worlds ends with."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from rich.box import SIMPLE
from rich.table import Table

from streamer.evaluation import Evaluation
from streamer.evaluation.campaigns import HORIZONS_H
from streamer.evaluation.history import SEVERITIES
from tests.benchmarks.worlds.summary import Row


def campaigns(rows: Sequence[Row], title: str) -> Table:
    """Medians over seeds, each beside its target."""
    caption = (
        "medians over seeds; hours: from a campaign's first request to the first warning or critical cluster alert "
        "about it (worst seed behind it);\nof real length: share of its real length served before; named: within that "
        "time of an account's own first request;\nhonest: accounts named per world; wanted in brackets"
    )
    table = Table(
        title=title, title_justify="left", caption=caption, caption_justify="left", box=SIMPLE, pad_edge=False
    )
    headings = ("campaign", "found", "hours", "of real length", *(f"{horizon} h" for horizon in HORIZONS_H))
    for heading in (*headings, "precision", "purity", "churn", "honest", ""):
        table.add_column(heading, justify="left" if heading in ("campaign", "") else "right", no_wrap=True)
    for row in rows:
        table.add_row(*_cells(row))
    return table


def _cells(row: Row) -> tuple[str, ...]:
    target = row.target
    name = row.profile if row.profile == row.campaign else f"{row.profile}: {row.campaign}"
    named = []
    for horizon in HORIZONS_H:
        wanted = f" ({target.named_share:.0%})" if target and target.named_hours == horizon else ""
        named.append(percent(row.named_within.get(horizon), 0) + wanted)
    return (
        name,
        f"{row.found}/{row.seeds}",
        f"{hours(row.hours)}/{hours(row.hours_worst)}" + (f" ({target.hours:g})" if target else ""),
        percent(row.real_share, 2) + (f" ({100 * target.real_share:g}%)" if target and target.real_share else ""),
        *named,
        percent(row.precision, 1),
        percent(row.purity, 1),
        percent(row.churn, 1),
        f"{row.honest_named:.1f}",
        {True: "met", False: "NOT MET", None: ""}[row.met()],
    )


def benign(worlds: Mapping[str, Evaluation]) -> Table:
    """False alerts a day by severity, and about whom."""
    table = Table(title="Worlds without campaigns", title_justify="left", box=SIMPLE, pad_edge=False)
    for heading in (
        "world",
        "days",
        *(f"{severity} a day" for severity in reversed(SEVERITIES)),
        "honest named",
        "about",
    ):
        table.add_column(heading, justify="left" if heading in ("world", "about") else "right")
    for name, world in worlds.items():
        counts = world.honest.false_alerts
        rates = (world.honest.false_alerts_per_day[severity] for severity in reversed(SEVERITIES))
        about = "; ".join(
            f"{severity}: " + ", ".join(f"{count} {kind}" for kind, count in counts[severity].items())
            for severity in reversed(SEVERITIES)
            if counts[severity]
        )
        named = ", ".join(f"{count} {kind}" for kind, count in world.honest.named.items()) or "0"
        cells = ["-" if rate is None else f"{rate:.3f}" for rate in rates]
        table.add_row(name, f"{world.days or 0:.0f}", *cells, named, about)
    return table


def calibration(worlds: Mapping[str, Evaluation]) -> Table:
    """Claimed against counted."""
    table = Table(title="False alarms claimed and counted", title_justify="left", box=SIMPLE, pad_edge=False)
    for heading in ("world", "claimed a day", "highest", "counted a day", "95% between", "counted", "to claimed"):
        table.add_column(heading, justify="left" if heading == "world" else "right")
    for name, world in worlds.items():
        for line in world.calibration:
            between = f"{line.low_per_day:.2f} - {line.high_per_day:.2f}"
            few = "" if line.enough else " (few)"
            highest = "-" if line.highest_per_day is None else f"{line.highest_per_day:.2f}"
            row = (f"{line.claimed_per_day:g}", highest, f"{line.counted_per_day:.2f}", between, f"{line.counted}{few}")
            table.add_row(name, *row, f"{line.ratio:.2f}")
    return table


def percent(ratio: float | None, places: int) -> str:
    """A share of a whole."""
    return "-" if ratio is None else f"{ratio:.{places}%}"


def hours(number: float) -> str:
    """Hours, of which there may be no end."""
    return "never" if math.isinf(number) else f"{number:.1f}"
