"""The verbs that need no Kafka."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from streamer import wiring
from streamer.cli import options, output
from streamer.cli.next_steps import after_replay
from streamer.cli.progress import bar


def replay(
    files: options.Files,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Where the records go; made if need be.")],
    config: options.Config = None,
    input_format: options.Format = None,
    json: options.Json = False,
    progress: options.Progress = None,
) -> None:
    """Run the detector over files, at full speed, without Kafka.

    Writes alerts.jsonl, members.jsonl, limits.jsonl, rejects.jsonl and summary.json.
    """
    settings = wiring.load(config)
    with bar("replay", wiring.input_bytes(files), wanted=progress) as shown:
        doubts: list[str] = []
        summary = wiring.replay(
            settings, files, out, input_format=input_format, on_bytes=shown.advance, on_doubt=doubts.append
        )
    for doubt in doubts:
        output.warning(f"{out}: {doubt}")
    output.record(summary, as_json=json, title=f"{out}: what the replay did")
    if not json and summary["alerts"]:
        output.lines(after_replay(wiring.alerts(out), out))


def simulate(
    scenario: Annotated[str, typer.Argument(metavar="SCENARIO", help="A scenario's name, or a YAML file.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Where the events go: .jsonl, .gz or .zst.")],
    truth: Annotated[Path, typer.Option("--truth", "-t", metavar="FILE", help="Where it says who is who.")],
    seed: options.Seed = 1,
    recent: Annotated[
        bool, typer.Option("--recent", help="Let it end within the last 24 hours, whenever the scenario begins.")
    ] = False,
    json: options.Json = False,
    progress: options.Progress = None,
) -> None:
    """Make traffic whose truth is known."""
    with bar("simulate", None, wanted=progress) as shown:
        summary = wiring.simulate(
            scenario, out=out, truth=truth, seed=seed, recent=recent, on_start=shown.total, on_events=shown.advance
        )
    output.record(summary, as_json=json, title=f"{out}: what was made")
