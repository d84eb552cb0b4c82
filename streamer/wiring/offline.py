"""Objects of the verbs that need no Kafka."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from streamer.config import StreamerConfig
from streamer.errors import RefusedError, UsageError
from streamer.interrupts import ended_at_once
from streamer.wiring.one_core import on_one_core
from streamer.wiring.reading import reading
from streamer.wiring.settings import OnCount, privacy_key, under_pseudonyms, wall_clock_ms


def replay(
    config: StreamerConfig,
    files: Sequence[Path],
    out: Path,
    *,
    input_format: str | None,
    on_bytes: OnCount,
    on_doubt: Callable[[str], None],
) -> dict[str, Any]:
    """Run the detector over files; the records and the summary go to `out`.

    `on_doubt` is told if much of the input could not be used, and if nothing was judged.
    """
    with ended_at_once():
        from streamer.detection.detector import Detector
        from streamer.replay import Replay
        from streamer.sinks.files import FileSink

        key = privacy_key(config)
    with reading(config, files, input_format=input_format, key=key, on_bytes=on_bytes) as batches:
        try:
            with on_one_core(), FileSink(out) as sink:
                run = Replay(Detector(config.detection, wall_clock_ms()), sink, time.perf_counter)
                summary = run.run(under_pseudonyms(batches, key)).as_record()
                sink.write_summary(summary)
        except OSError as error:
            raise RefusedError(error, str(out)) from error
    for doubt in run.doubts():
        on_doubt(doubt)
    return summary


def simulate(
    scenario: str,
    *,
    out: Path,
    truth: Path,
    seed: int,
    recent: bool = False,
    on_start: OnCount = lambda _: None,
    on_events: OnCount = lambda _: None,
) -> dict[str, Any]:
    """Write a world's events and its truth; `on_start` is told about how many events there will be.

    One that is to be `recent` begins on such a day that it ends within the last 24 hours.
    """
    from streamer.simulation.scenario import load as load_scenario
    from streamer.simulation.world import World
    from streamer.simulation.writer import write_events, write_truth

    if out.resolve() == truth.resolve():
        raise UsageError("--truth", f"found {truth}, the file that --out names", "name two files")
    wanted = load_scenario(scenario)
    if recent:
        began = datetime.fromtimestamp(wall_clock_ms() / 1000, UTC) - timedelta(days=wanted.days)
        wanted = wanted.model_copy(update={"start": began.date()})
    world = World(wanted, seed)
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
