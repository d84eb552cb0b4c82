"""Events a second that the simulator makes and writes on one core."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from streamer.wiring import simulate
from tests.benchmarks.results import Result, say

SCENARIOS = ("demo", "ordinary", "five")


def main() -> None:
    """Make each world once."""
    for scenario in SCENARIOS:
        with tempfile.TemporaryDirectory(prefix="streamer-bench-") as directory:
            started = time.process_time()
            made = simulate(
                scenario, out=Path(directory) / "events.jsonl", truth=Path(directory) / "truth.jsonl", seed=7
            )
            rate = made["events"] / (time.process_time() - started)
        say(Result(f"streamer simulate, {made['events']:,} events ({scenario})", rate, "events/s", "at least 50,000"))


if __name__ == "__main__":
    main()
