"""Presses Ctrl-C at random moments of many replays that read from a pipe, and counts how they end.

`python -m tests.cli.interrupting --times 300`
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.cli.conftest import PROGRAM, clean_environment
from tests.patience import PATIENCE_S

EVENT = '{"event_id": "e%d", "timestamp": "2026-03-02T00:00:00Z", "account_id": "a", "model": "m"}\n'
LARGEST_WRITE = 1 << 15
INTERRUPTED = 130


def replay_of_a_pipe(directory: Path) -> subprocess.Popen[str]:
    """Start a replay of what is written to its standard input."""
    return subprocess.Popen(
        [PROGRAM, "replay", "-", "--out", "out"],
        cwd=directory,
        env=clean_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def interrupted(chance: random.Random, directory: Path, longest_s: float) -> str:
    """One replay that gets input in small pieces until it gets Ctrl-C; how it ended."""
    with replay_of_a_pipe(directory) as process:
        assert process.stdin is not None
        pipe = process.stdin.fileno()
        os.set_blocking(pipe, False)
        until, number = time.monotonic() + chance.uniform(0, longest_s), 0
        try:
            while time.monotonic() < until:
                number += 1
                try:
                    os.write(pipe, (EVENT % number * chance.randint(1, 300)).encode()[:LARGEST_WRITE])
                except BlockingIOError:
                    time.sleep(0.005)
                time.sleep(chance.choice((0, 0.001, 0.01)))
            process.send_signal(signal.SIGINT)
            code = process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            code = None
            process.kill()
        said = "" if process.stderr is None else process.stderr.read()
    if code == INTERRUPTED and said == "streamer: interrupted\n":
        return "as it should"
    if code == -signal.SIGINT and "streamer" not in said:
        return "before the program had begun"
    return f"LOST: {said}" if code is None else f"OTHERWISE: {code}, {said}"


def main() -> None:
    """Do it many times and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=300)
    parser.add_argument("--longest-s", type=float, default=4.0, help="when the latest is pressed")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    # A shell that starts this in the background has it ignore Ctrl-C, and the replays would do the same.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    chance = random.Random(arguments.seed)
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as directory:
        for _ in range(arguments.times):
            counts[interrupted(chance, Path(directory), arguments.longest_s)] += 1
            print(json.dumps(counts), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
