"""Runs what others do over the same worlds, each at the same budget of false alerts.

python -m tests.benchmarks.baselines --profiles hydra,replay,benign --seeds 5 --jobs 2
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from rich.console import Console

from tests.benchmarks.baselines.alarms import AtThresholds, highest, thresholds
from tests.benchmarks.baselines.linking import Linking
from tests.benchmarks.baselines.midas import Midas
from tests.benchmarks.baselines.scored import Baseline
from tests.benchmarks.baselines.thresholds import ThresholdRules
from tests.benchmarks.baselines.trees import Trees
from tests.benchmarks.worlds import side_by_side
from tests.benchmarks.worlds.command import add_worlds, say, show, wanted
from tests.benchmarks.worlds.making import Wanted, world
from tests.benchmarks.worlds.running import WithSettings, outcomes

CALIBRATION_SEED = 901
PER_DAY = 0.1


def baselines() -> dict[str, Baseline]:
    """All of them, by a short name."""
    return {
        "rules": ThresholdRules(),
        "trees": Trees(),
        "linking": Linking("any shared attribute", stacks=True),
        "linking_no_tls": Linking("any shared attribute but TLS", stacks=False),
        "midas": Midas(),
    }


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="tests.benchmarks.baselines", description=__doc__)
    add_worlds(parser)
    parser.add_argument("--baselines", default=",".join(baselines()), help="which ones (default: %(default)s)")
    parser.add_argument("--calibrate-on", default="benign", help="the profile without campaigns (default: %(default)s)")
    parser.add_argument("--calibration-worlds", type=int, default=2, help="how many of it (default: %(default)s)")
    parser.add_argument("--per-day", type=float, default=PER_DAY, help="false alerts a day (default: %(default)s)")
    parser.add_argument("--each", action="store_true", help="show a table of each baseline too")
    return parser.parse_args()


def calibrated(chosen: list[Baseline], worlds: list[Wanted], jobs: int, per_day: float) -> Iterator[AtThresholds]:
    """Each baseline with the thresholds that keep the budget on these worlds."""
    with ProcessPoolExecutor(jobs) as pool:
        made = list(pool.map(world, worlds))
        for baseline in chosen:
            parts = list(pool.map(partial(highest, baseline), made))
            scores = {rule: [score for part, _ in parts for score in part[rule]] for rule in baseline.rules}
            limits = thresholds(scores, sum(days for _, days in parts), per_day)
            say(f"{baseline.name}: " + ", ".join(f"{rule} at {limit:.4g}" for rule, limit in limits.items()))
            yield AtThresholds(baseline, tuple(limits.items()), per_day)


def main() -> None:
    """Calibrate, run and print a table for each baseline."""
    given = arguments()
    known = baselines()
    chosen = [known[name] for name in given.baselines.split(",")]
    seeds = range(CALIBRATION_SEED, CALIBRATION_SEED + given.calibration_worlds)
    honest = [Wanted(given.calibrate_on, seed, given.scenario_dir) for seed in seeds]
    console = Console(width=200)
    runs = {"streamer": outcomes(wanted(given), WithSettings(), given.jobs, say)}
    for detect in list(calibrated(chosen, honest, given.jobs, given.per_day)):
        keep: Path | None = given.keep / detect.baseline.name.replace(" ", "_") if given.keep else None
        runs[detect.baseline.name] = outcomes(wanted(given), detect, given.jobs, say, keep)
        if given.each:
            show(runs[detect.baseline.name], console, detect.baseline.name)
    title = f"Thresholds at {given.per_day:g} false alerts a day on {len(honest)} other worlds of {given.calibrate_on}"
    console.print(side_by_side.table(runs, title, "way"))


if __name__ == "__main__":
    main()
