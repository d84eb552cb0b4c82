"""Simulates worlds, replays them with the detector of this checkout, and prints how good it was beside the targets.

python -m tests.benchmarks.worlds --profiles hydra,replay,benign --seeds 5 --jobs 2 --set alert.info_per_day=3

Worlds are kept in the system's temporary directory (streamer-worlds) until the scenario or the simulator changes.
To count false alarms at 3 a day, alerts that claim so many must be written: --set alert.info_per_day=3.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from streamer.evaluation import Evaluation, compare
from streamer.evaluation.report import report
from streamer.evaluation.table import render_comparison
from tests.benchmarks.worlds import ablation, side_by_side
from tests.benchmarks.worlds.command import add_worlds, pairs, say, show, wanted, write_json
from tests.benchmarks.worlds.running import Outcome, WithSettings, configuration, outcomes

WIDTH = 160


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(
        prog="tests.benchmarks.worlds", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_worlds(parser)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of detection")
    parser.add_argument("--json", type=Path, help="write every judgement to this file")
    parser.add_argument(
        "--switch-off",
        action="append",
        default=[],
        metavar="NAME",
        help="a family of evidence or kind of link to run without (family:NAME, link:NAME); can be given again",
    )
    parser.add_argument("--html", type=Path, help="write a report with pictures of all worlds to this file")
    parser.add_argument("--compare", action="store_true", help="hold the first world of each profile against the first")
    parser.add_argument("--ablate", action="store_true", help="switch off each family and kind of link in turn")
    return parser.parse_args()


def main() -> None:
    """Run all and print the tables."""
    given = arguments()
    settings = pairs(given.set)
    configuration(dict(settings))
    console = Console(width=WIDTH)
    found = outcomes(wanted(given), WithSettings(settings), given.jobs, say, given.keep)
    if given.json:
        write_json(found, given.json)
    if given.html:
        worlds = {f"{each.wanted.profile} {each.wanted.seed}": each.evaluation for each in found}
        given.html.write_text(report(worlds), encoding="utf-8")
    show(found, console, "Campaigns")
    if given.compare:
        firsts: dict[str, Evaluation] = {}
        for each in found:
            firsts.setdefault(each.wanted.profile, each.evaluation)
        console.print(render_comparison(compare(firsts)))
    given_names = map(ablation.full_name, given.switch_off)
    names = list(dict.fromkeys([*given_names, *(ablation.switches(found) if given.ablate else [])]))
    runs: dict[str, list[Outcome]] = {"nothing": found}
    for name in names:
        changed = ablation.without(name, settings)
        if reason := ablation.unavailable(changed):
            say(f"skipped without {name}: {reason}")
            continue
        say(f"without {name}")
        runs[name] = outcomes(wanted(given), WithSettings(changed), given.jobs, say)
    if len(runs) > 1:
        console.print(side_by_side.table(runs, "Switched off in turn", "without"))


if __name__ == "__main__":
    main()
