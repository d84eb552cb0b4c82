"""The verb that says how good a run was."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from streamer import wiring
from streamer.cli import options, output


def evaluate(
    directories: Annotated[
        list[Path], typer.Argument(metavar="DIR", help="The records of a replay. Several are pooled.")
    ],
    truth: Annotated[list[Path], typer.Option("--truth", "-t", metavar="FILE", help="Who is who, one for each DIR.")],
    events: Annotated[
        list[Path] | None,
        typer.Option("--events", "-e", metavar="FILE", help="The events, for times and shares; one for each DIR."),
    ] = None,
    scenario: Annotated[
        list[str] | None,
        typer.Option(
            "--scenario",
            metavar="NAME|FILE",
            help="What was simulated: when campaigns begin and how long they last. One for all DIR, or one each.",
        ),
    ] = None,
    campaign_days: Annotated[
        list[str] | None,
        typer.Option("--campaign-days", metavar="NAME=DAYS", help="How long a campaign really lasts."),
    ] = None,
    label: Annotated[
        list[str] | None, typer.Option("--label", metavar="NAME", help="What to call a run; one for each DIR.")
    ] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Hold all runs against the first: what its adversary gave up and gained.")
    ] = False,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a report with pictures, one file, to look at.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Say how good the records of replays are, measured against the truth."""
    judging = wiring.Judging(directories, truth, events or [], label or [], scenario or [], campaign_days or [])
    worlds = wiring.evaluate(judging)
    if html is not None:
        wiring.write_report(worlds, html, compared=compare)
    if compare:
        output.comparison(worlds, as_json=json)
    else:
        output.evaluation(worlds, as_json=json)
