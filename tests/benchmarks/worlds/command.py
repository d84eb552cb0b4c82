"""What the commands over worlds have in common: which worlds, and the tables at the end."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from streamer.simulation.scenario import SHIPPED
from tests.benchmarks.worlds import tables
from tests.benchmarks.worlds.making import Wanted
from tests.benchmarks.worlds.running import Outcome
from tests.benchmarks.worlds.summary import benign, rows

PROFILES = "hydra_peak,rotation,hydra,replay,relay,evasive,five,benign"


def add_worlds(parser: argparse.ArgumentParser) -> None:
    """The options that say which worlds."""
    parser.add_argument("--profiles", default=PROFILES, help="scenarios by name, with commas (default: %(default)s)")
    parser.add_argument("--seeds", type=int, default=5, help="worlds per profile (default: %(default)s)")
    parser.add_argument("--first-seed", type=int, default=1, help="(default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=1, help="worlds at a time (default: %(default)s)")
    parser.add_argument("--world", action="append", default=[], metavar="KEY=VALUE", help="a key of every scenario")
    parser.add_argument("--scenario-dir", default=str(SHIPPED), help="where the scenarios are")
    parser.add_argument("--keep", type=Path, help="keep the records of each world in this directory")


def pairs(texts: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """KEY=VALUE, each."""
    return tuple((key, value) for key, _, value in (text.partition("=") for text in texts))


def wanted(given: argparse.Namespace) -> list[Wanted]:
    """Every world that is asked for."""
    changes = pairs(given.world)
    for name in given.profiles.split(","):
        if not (Path(given.scenario_dir) / f"{name}.yaml").is_file():
            raise SystemExit(f"--profiles: found {name!r}; name a scenario in {given.scenario_dir}")
    seeds = range(given.first_seed, given.first_seed + given.seeds)
    return [Wanted(name, seed, given.scenario_dir, changes) for name in given.profiles.split(",") for seed in seeds]


def show(found: Sequence[Outcome], console: Console, title: str) -> None:
    """Print what came out."""
    campaigns, without = rows(found), benign(found)
    if campaigns:
        console.print(tables.campaigns(campaigns, title))
    if without:
        console.print(tables.benign(without))
        console.print(tables.calibration(without))


def write_json(found: Sequence[Outcome], path: Path) -> None:
    """Write every judgement."""
    records = [{**each.wanted._asdict(), "evaluation": each.evaluation.as_record()} for each in found]
    path.write_text(json.dumps(records), encoding="utf-8")


def say(line: str) -> None:
    """Progress, on stderr."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
