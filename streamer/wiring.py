"""The one place where objects are built. A function a verb, each importing only what its verb runs."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from streamer.config import StreamerConfig, load_config
from streamer.errors import ConfigError, StreamerError

OnCount = Callable[[int], None]


def load(path: Path | None) -> StreamerConfig:
    """The configuration of a file and the environment."""
    return load_config(path, os.environ)


def input_bytes(files: Sequence[Path]) -> int | None:
    """How many bytes there are to read; None if that cannot be known."""
    from streamer.sources.files import total_bytes

    return total_bytes(files)


def privacy_key(config: StreamerConfig) -> bytes:
    """The key for hashes of identifiers and raw text; empty where identifiers are left as they are."""
    from streamer.probes import privacy

    problems = list(privacy(config, os.environ))
    if problems:
        raise ConfigError(problems)
    return os.environ[config.privacy.key_env].encode() if config.privacy.pseudonymize else b""


def replay(
    config: StreamerConfig, files: Sequence[Path], out: Path, *, input_format: str | None, on_bytes: OnCount
) -> dict[str, Any]:
    """Run the detector over files; the records and the summary go to `out`."""
    from streamer.detection.detector import Detector
    from streamer.replay import Replay
    from streamer.sinks.files import FileSink
    from streamer.sources.files import read_batches

    batches = read_batches(
        files,
        format_name=input_format or config.input.format,
        max_event_bytes=config.stream.max_message_bytes,
        key=privacy_key(config),
        on_bytes=on_bytes,
    )
    with FileSink(out) as sink:
        summary = Replay(Detector(config.detection), sink, time.perf_counter).run(batches).as_record()
        sink.write_summary(summary)
    return summary


def check(config: StreamerConfig) -> list[StreamerError]:
    """Everything that would stop a worker with this configuration."""
    from streamer.probes import probe

    return probe(config, os.environ)


def run_worker(config: StreamerConfig) -> None:
    """Run one worker until it is told to stop."""
    raise NotImplementedError


def ingest(config: StreamerConfig, *, input_format: str | None) -> None:
    raise NotImplementedError


def produce(config, files, *, input_format, speed, batch_events, on_bytes):
    raise NotImplementedError


def topics(config, *, dry_run):
    raise NotImplementedError


def simulate(
    scenario: str,
    *,
    out: Path,
    truth: Path,
    seed: int,
    on_start: OnCount = lambda _: None,
    on_events: OnCount = lambda _: None,
) -> dict[str, Any]:
    """Write a world's events and its truth; `on_start` is told about how many events there will be."""
    from streamer.simulation.scenario import load as load_scenario
    from streamer.simulation.world import World
    from streamer.simulation.writer import write_events, write_truth

    world = World(load_scenario(scenario), seed)
    on_start(world.expected_events())
    started = time.perf_counter()
    accounts = write_truth(world.truth(), truth)
    events = write_events(world, out, on_events)
    wall_s = time.perf_counter() - started
    return {
        "events": events,
        "accounts": accounts,
        "seed": seed,
        "wall_seconds": round(wall_s, 3),
        "events_per_second": round(events / wall_s, 1) if wall_s > 0 else 0.0,
    }


def evaluate(directory, truth):
    raise NotImplementedError


def demo(*, seed, in_process, live):
    raise NotImplementedError
