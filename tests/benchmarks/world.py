"""Simulated events on disk, the same for every benchmark."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from streamer.wiring import simulate


@contextlib.contextmanager
def events_of(scenario: str, seed: int = 7) -> Iterator[tuple[Path, int]]:
    """A scenario's events in a temporary file, and how many they are."""
    with tempfile.TemporaryDirectory(prefix="streamer-bench-") as directory:
        path = Path(directory) / "events.jsonl"
        made = simulate(scenario, out=path, truth=Path(directory) / "truth.jsonl", seed=seed)
        yield path, int(made["events"])
