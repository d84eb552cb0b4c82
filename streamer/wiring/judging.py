"""Objects of `streamer evaluate`."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from streamer.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from streamer.evaluation import Evaluation, Plan
    from streamer.sources.event import RequestEvent


@dataclass(frozen=True)
class Judged:
    """The records of one run, who is who in it, and its events if they are to be had."""

    directory: Path
    truth: Path
    events: Sequence[Path] = ()


@dataclass(frozen=True)
class Judging:
    """What is to be judged, as it is written on the command line."""

    directories: Sequence[Path]
    truths: Sequence[Path]
    events: Sequence[Path] = ()
    labels: Sequence[str] = ()
    scenarios: Sequence[str] = ()
    campaign_days: Sequence[str] = ()


def evaluate(judging: Judging) -> dict[str, Evaluation]:
    """Judge each run, by its label; with the events, times and shares are judged too."""
    from streamer.evaluation import evaluate as judge

    found = runs(judging.directories, judging.truths, judging.events, judging.labels)
    scenarios: list[str | None] = list(judging.scenarios) or [None]
    if len(scenarios) not in (1, len(found)):
        raise UsageError("--scenario", f"found {len(scenarios)} for {len(found)} DIR", "give one, or one for each")
    known = [plans(scenario, judging.campaign_days) for scenario in scenarios]
    known = known if len(known) == len(found) else known * len(found)
    worlds = {
        label: judge(run.directory, run.truth, _requests(run.events) if run.events else None, told)
        for (label, run), told in zip(found.items(), known, strict=True)
    }
    _check_names(judging.campaign_days, {campaign.name for world in worlds.values() for campaign in world.campaigns})
    return worlds


def _check_names(campaign_days: Sequence[str], campaigns: Collection[str]) -> None:
    for text in campaign_days:
        if text.partition("=")[0] not in campaigns:
            allowed = ", ".join(sorted(campaigns)) or "none, for truth has no campaign"
            raise UsageError("--campaign-days", f"found {text!r}", f"campaigns are: {allowed}")


def write_report(worlds: Mapping[str, Evaluation], path: Path, *, compared: bool) -> None:
    """Write one HTML file that shows the judgement in pictures."""
    from streamer.evaluation import compare
    from streamer.evaluation.report import report

    text = report(worlds, compare(worlds) if compared else None)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RefusedError(error, str(path)) from error


def runs(
    directories: Sequence[Path], truths: Sequence[Path], events: Sequence[Path], labels: Sequence[str]
) -> dict[str, Judged]:
    """Which truth and events belong to which directory: all of them to the only one, or one each in the same order."""
    single = len(directories) == 1
    for option, found, enough in (
        ("--truth", truths, len(truths) == len(directories)),
        ("--events", events, single or len(events) in (0, len(directories))),
        ("--label", labels, len(labels) in (0, len(directories))),
    ):
        if not enough:
            raise UsageError(
                option, f"found {len(found)} for {len(directories)} DIR", "give one for each, in their order"
            )
    names = list(labels) or [directory.name or str(directory) for directory in directories]
    if len(set(names)) < len(names):
        names = [str(directory) for directory in directories] if not labels else names
    if len(set(names)) < len(names):
        raise UsageError("DIR" if not labels else "--label", "found one name twice", "give each run a name of its own")
    each = [list(events)] if single else [[path] for path in events] or [[] for _ in directories]
    return {
        name: Judged(directory, truth, paths)
        for name, directory, truth, paths in zip(names, directories, truths, each, strict=True)
    }


def plans(scenario: str | None, campaign_days: Sequence[str]) -> dict[str, Plan]:
    """What is known of campaigns beyond the events, from a scenario and from NAME=DAYS, which goes before."""
    from streamer.evaluation import Plan

    found = {} if scenario is None else scenario_plans(scenario)
    for text in campaign_days:
        name, _, number = text.partition("=")
        try:
            days = float(number)
        except ValueError:
            days = 0.0
        if not name or not 0 < days < math.inf:
            raise UsageError("--campaign-days", f"found {text!r}", "write NAME=DAYS, such as hydra=45")
        found[name] = found.get(name, Plan())._replace(days=days)
    return found


def scenario_plans(scenario: str) -> dict[str, Plan]:
    """The real length and the start of each campaign of a scenario."""
    from streamer.evaluation import Plan
    from streamer.simulation.scenario import load as load_scenario

    world = load_scenario(scenario)
    midnight = dt.datetime.combine(world.start, dt.time(), tzinfo=dt.UTC)
    return {
        campaign.name: Plan(campaign.days, int((midnight.timestamp() + campaign.start_day * 86_400) * 1000))
        for campaign in world.campaigns
    }


def _requests(events: Sequence[Path]) -> Iterator[RequestEvent]:
    from streamer.sources.files import read_batches

    return (request for batch in read_batches(events) for request in batch.events)
