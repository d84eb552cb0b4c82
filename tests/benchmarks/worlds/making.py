"""Simulated worlds on disk, made once for each scenario, seed and state of the simulator."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import yaml

import streamer.simulation
from streamer.evaluation import Plan
from streamer.evaluation.truth import Truth
from streamer.simulation.scenario import SHIPPED, load
from streamer.sources.files import read_batches
from streamer.wiring import simulate
from streamer.wiring.judging import scenario_plans


class Seen(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A request, as far as judging needs it."""

    timestamp_ms: int
    account_id: str
    status: int | None


class Wanted(NamedTuple):
    """A world to be made: a scenario by its name in a directory, with changes to its top-level keys."""

    profile: str
    seed: int
    scenario_dir: str = str(SHIPPED)
    changes: tuple[tuple[str, Any], ...] = ()


class MadeWorld(NamedTuple):
    """A world on disk."""

    directory: Path

    @property
    def events(self) -> Path:
        return self.directory / "events.jsonl.zst"

    @property
    def truth(self) -> Path:
        return self.directory / "truth.jsonl"

    @property
    def plans(self) -> dict[str, Plan]:
        return scenario_plans(str(self.directory / "scenario.yaml"))

    def seen(self) -> Iterator[Seen]:
        """The requests of campaigns, and the first and the last of all: what judging reads of the events."""
        decoder = msgspec.json.Decoder(Seen)
        with (self.directory / "seen.jsonl").open("rb") as lines:
            yield from map(decoder.decode, lines)


def world(wanted: Wanted) -> MadeWorld:
    """Give the world, from the system's temporary directory if it was made before."""
    text = _scenario(wanted)
    name = hashlib.blake2b(f"{_simulator()}|{wanted.seed}|{text}".encode(), digest_size=6).hexdigest()
    directory = Path(tempfile.gettempdir()) / "streamer-worlds" / f"{wanted.profile}-{wanted.seed}-{name}"
    if not directory.is_dir():
        directory.parent.mkdir(exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix="making-", dir=directory.parent))
        _make(text, wanted.seed, unfinished)
        try:
            unfinished.rename(directory)
        except OSError:  # somebody else was faster
            shutil.rmtree(unfinished)
    return MadeWorld(directory)


def _scenario(wanted: Wanted) -> str:
    """The whole scenario as YAML, with everything that its file leaves to others."""
    scenario = load(Path(wanted.scenario_dir) / f"{wanted.profile}.yaml")
    given = scenario.model_dump(mode="json", exclude_unset=True)
    return yaml.safe_dump({**given, **dict(wanted.changes)}, sort_keys=False)


def _simulator() -> str:
    """A hash of the simulator's source."""
    found = hashlib.blake2b(digest_size=8)
    for path in sorted(Path(str(streamer.simulation.__file__)).parent.rglob("*.py")):
        found.update(path.read_bytes())
    return found.hexdigest()


def _make(scenario: str, seed: int, directory: Path) -> None:
    path = directory / "scenario.yaml"
    path.write_text(scenario, encoding="utf-8")
    made = MadeWorld(directory)
    simulate(str(path), out=made.events, truth=made.truth, seed=seed)
    truth = Truth.of_file(made.truth)
    last: Seen | None = None
    with (directory / "seen.jsonl").open("w", encoding="utf-8") as file:
        for batch in read_batches([made.events]):
            for event in batch.events:
                first, last = last is None, Seen(event.timestamp_ms, event.account_id, event.status)
                if first or truth.campaign_of(event.account_id) is not None:
                    file.write(_line(last))
        if last is not None and truth.campaign_of(last.account_id) is None:
            file.write(_line(last))


def _line(seen: Seen) -> str:
    return json.dumps([seen.timestamp_ms, seen.account_id, seen.status]) + "\n"
