"""Simulates worlds, replays them with the detector of this checkout, and prints how good it was beside the targets.

python -m tests.benchmarks.worlds --profiles hydra,replay,benign --seeds 5 --jobs 2 --set alert.info_per_day=3
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console

from streamer.simulation.scenario import SHIPPED
from tests.benchmarks.worlds import tables
from tests.benchmarks.worlds.making import Wanted
from tests.benchmarks.worlds.running import Outcome, WithSettings, configuration, outcomes
from tests.benchmarks.worlds.summary import benign, rows

PROFILES = "hydra_peak,rotation,hydra,replay,relay,evasive,five,benign"


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="tests.benchmarks.worlds", description=__doc__)
    parser.add_argument("--profiles", default=PROFILES, help="scenarios by name, with commas (default: %(default)s)")
    parser.add_argument("--seeds", type=int, default=5, help="worlds per profile (default: %(default)s)")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1, help="worlds at a time (default: %(default)s)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of detection")
    parser.add_argument("--world", action="append", default=[], metavar="KEY=VALUE", help="a key of every scenario")
    parser.add_argument("--scenario-dir", default=str(SHIPPED), help="where the scenarios are")
    parser.add_argument("--keep", type=Path, help="keep the records of each world in this directory")
    parser.add_argument("--json", type=Path, help="write every judgement to this file")
    return parser.parse_args()


def pairs(texts: list[str]) -> tuple[tuple[str, str], ...]:
    """KEY=VALUE, each."""
    return tuple((key, value) for key, _, value in (text.partition("=") for text in texts))


def wanted(given: argparse.Namespace) -> list[Wanted]:
    """Every world that is asked for."""
    changes = pairs(given.world)
    seeds = range(given.first_seed, given.first_seed + given.seeds)
    return [Wanted(name, seed, given.scenario_dir, changes) for name in given.profiles.split(",") for seed in seeds]


def show(found: list[Outcome], console: Console, title: str) -> None:
    """Print what came out."""
    campaigns, without = rows(found), benign(found)
    if campaigns:
        console.print(tables.campaigns(campaigns, title))
    if without:
        console.print(tables.benign(without))
        console.print(tables.calibration(without))


def main() -> None:
    """Run all and print the tables."""
    given = arguments()
    settings = pairs(given.set)
    configuration(dict(settings))
    worlds = wanted(given)
    found = outcomes(worlds, WithSettings(settings), given.jobs, _say, given.keep)
    if given.json:
        records = [{**each.wanted._asdict(), "evaluation": each.evaluation.as_record()} for each in found]
        given.json.write_text(json.dumps(records), encoding="utf-8")
    show(found, Console(width=160), "Campaigns")


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
