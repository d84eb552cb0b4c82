"""The verbs that work with Kafka."""

from __future__ import annotations

from typing import Annotated

import typer

from streamer import wiring
from streamer.cli import options, output
from streamer.cli.progress import bar


def run(config: options.Config = None) -> None:
    """Run one worker; start as many as there is work for."""
    code = wiring.run_worker(wiring.load(config))
    if code:
        raise typer.Exit(code)


def ingest(config: options.Config = None, input_format: options.Format = None, json: options.Json = False) -> None:
    """Normalize what a gateway writes to its own topic, and pack it in batches onto the input topic."""
    output.record(wiring.ingest(wiring.load(config), input_format=input_format), as_json=json, title="ingested")


def notify(config: options.Config = None) -> None:
    """Tell Alertmanager, a webhook or a SIEM what fires, where no worker does it."""
    wiring.notify(wiring.load(config))


def produce(
    files: options.Files,
    config: options.Config = None,
    input_format: options.Format = None,
    speed: Annotated[
        str, typer.Option("--speed", help="max, 5000/s (events a second) or 60x (times the speed of event time).")
    ] = "max",
    batch: Annotated[int, typer.Option("--batch", min=1, help="Events in one message; 1 writes single events.")] = 500,
    json: options.Json = False,
    progress: options.Progress = None,
) -> None:
    """Write files of events to the input topic."""
    settings = wiring.load(config)
    with bar("produce", wiring.input_bytes(files), wanted=progress) as shown:
        summary = wiring.produce(
            settings, files, input_format=input_format, speed=speed, batch_events=batch, on_bytes=shown.advance
        )
    output.record(summary, as_json=json, title=f"written to {settings.kafka.topics.requests}")


def topics(
    config: options.Config = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what is missing or different.")] = False,
    json: options.Json = False,
) -> None:
    """Make every topic that is missing, and say which are not as configured."""
    found = wiring.topics(wiring.load(config), dry_run=dry_run)
    output.table(found, as_json=json)
    if any(topic["problems"] for topic in found):
        raise typer.Exit(1)


def check(config: options.Config = None, json: options.Json = False) -> None:
    """Say whether a configuration is sound and everything it names can be reached."""
    settings = wiring.load(config)
    problems = wiring.check(settings, on_warning=output.warning)
    output.problems(problems, as_json=json)
    if problems:
        raise typer.Exit(2)


def demo(
    seed: options.Seed = 7,
    in_process: Annotated[
        bool, typer.Option("--in-process", help="Without Kafka, whether or not there is one.")
    ] = False,
    stay: Annotated[bool, typer.Option("--stay", help="Keep the page to look at until Ctrl-C.")] = False,
    progress: options.Progress = None,
) -> None:
    """Show the whole thing on this machine: Kafka, simulated traffic with a campaign in it, workers, and the alert."""
    if not wiring.demo(seed=seed, in_process=in_process, live=progress, stay=stay):
        raise typer.Exit(1)
