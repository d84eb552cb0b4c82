"""Runs every benchmark in a process of its own and prints what all of them measured, side by side."""

from __future__ import annotations

import subprocess
import sys

from rich.console import Console
from rich.table import Table

from streamer.broker import unavailable_reason
from tests.benchmarks.decisions import MISSING, find_vegeta
from tests.benchmarks.results import read

OFFLINE = ("simulate", "replay", "memory", "page")
KAFKA = ("live", "decisions", "invented")


def main() -> int:
    """Run all; 1 if any of them failed."""
    console = Console()
    table = Table("what", "measured", "unit", "wanted", title="streamer", title_justify="left")
    reason = unavailable_reason()
    failed = []
    for name in (*OFFLINE, *KAFKA):
        if name in KAFKA and reason:
            table.add_row(name, "-", "", f"no Kafka: {reason}")
            continue
        if name == "decisions" and find_vegeta() is None:
            table.add_row(name, "-", "", MISSING)
            continue
        console.print(f"running {name} ...")
        command = [sys.executable, "-m", f"tests.benchmarks.{name}"]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        for result in filter(None, map(read, done.stdout.splitlines())):
            table.add_row(result.name, f"{result.value:,.2f}".removesuffix(".00"), result.unit, result.wanted)
        if done.returncode:
            failed.append(name)
    console.print(table)
    for name in failed:
        console.print(f"{name} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
