"""Replays worlds with the detector as it is configured, several at a time, and judges what comes out."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from streamer.config import StreamerConfig, load_config
from streamer.evaluation import Evaluation, evaluate
from streamer.wiring import replay
from tests.benchmarks.worlds.making import MadeWorld, Wanted, world

Detect = Callable[[MadeWorld, Path], None]


class Outcome(NamedTuple):
    """What came out of one world."""

    wanted: Wanted
    evaluation: Evaluation


@dataclass(frozen=True)
class WithSettings:
    """The detector of this checkout, with some of its settings changed: `group.min_accounts` to its value as text."""

    settings: tuple[tuple[str, str], ...] = ()

    def __call__(self, made: MadeWorld, out: Path) -> None:
        replay(
            configuration(dict(self.settings)),
            [made.events],
            out,
            input_format="native",
            on_bytes=lambda _: None,
            on_doubt=lambda _: None,
        )


def configuration(settings: Mapping[str, str]) -> StreamerConfig:
    """The defaults, changed. Raises `ConfigError` where there is no such setting."""
    variables = {f"STREAMER_DETECTION__{key.replace('.', '__')}".upper(): value for key, value in settings.items()}
    return load_config(None, variables)


def outcome(wanted: Wanted, detect: Detect, keep: Path | None = None) -> Outcome:
    """Make a world, run a detector over it, and judge."""
    made = world(wanted)
    with tempfile.TemporaryDirectory(prefix="streamer-bench-") as temporary:
        out = Path(temporary) if keep is None else keep / f"{wanted.profile}-{wanted.seed}"
        detect(made, out)
        return Outcome(wanted, evaluate(out, made.truth, made.seen(), made.plans))


def outcomes(
    worlds: Sequence[Wanted], detect: Detect, jobs: int, say: Callable[[str], None], keep: Path | None = None
) -> list[Outcome]:
    """The same for many worlds, `jobs` at a time."""
    return sorted(_finished(worlds, detect, jobs, say, keep), key=lambda found: worlds.index(found.wanted))


def _finished(
    worlds: Sequence[Wanted], detect: Detect, jobs: int, say: Callable[[str], None], keep: Path | None
) -> Iterator[Outcome]:
    with ProcessPoolExecutor(jobs) as pool:
        tasks = [pool.submit(outcome, wanted, detect, keep) for wanted in worlds]
        for number, task in enumerate(as_completed(tasks), 1):
            found = task.result()
            say(f"{number}/{len(tasks)} {found.wanted.profile} seed {found.wanted.seed}")
            yield found
