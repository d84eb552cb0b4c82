"""Events a second of a replay on one core, with full detection, beside three threshold rules over the same file."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import streamer.detection.detector  # noqa: F401 - what is loaded by the first run is not to be timed
from streamer.config import StreamerConfig
from streamer.sources.files import read_batches
from streamer.wiring import replay
from tests.benchmarks.results import Result, say
from tests.benchmarks.rules import Rules
from tests.benchmarks.world import events_of

ROUNDS = 3
SCENARIOS = ("demo", "dense")


def run_rules(path: Path) -> None:
    """Three rules per account."""
    rules = Rules()
    for batch in read_batches([path]):
        for request in batch.events:
            rules.observe(request)


def run_replay(path: Path) -> None:
    """Everything that `streamer replay` does."""
    with tempfile.TemporaryDirectory(prefix="streamer-bench-") as out:
        replay(
            StreamerConfig(), [path], Path(out), input_format="native", on_bytes=lambda _: None, on_doubt=lambda _: None
        )


def cpu_s(work: Callable[[Path], None], path: Path) -> float:
    """Processor time, which a busy machine disturbs less than the clock on the wall."""
    started = time.process_time()
    work(path)
    return time.process_time() - started


def main() -> None:
    """Measure both in turn, several times."""
    for scenario in SCENARIOS:
        source = str(Path(__file__).with_name(f"{scenario}.yaml")) if scenario != "demo" else scenario
        with events_of(source) as (path, count):
            rules, detector = [], []
            for _ in range(ROUNDS):
                rules.append(count / cpu_s(run_rules, path))
                detector.append(count / cpu_s(run_replay, path))
        of_rules, of_detector = statistics.median(rules), statistics.median(detector)
        say(
            Result(f"three rules per account, {count:,} events ({scenario})", of_rules, "events/s"),
            Result(f"streamer replay, {count:,} events ({scenario})", of_detector, "events/s", "at least 50,000"),
            Result(f"replay to rules ({scenario})", of_detector / of_rules, "ratio"),
        )


if __name__ == "__main__":
    main()
