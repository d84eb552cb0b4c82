"""Options that several verbs have, written once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", metavar="FILE", help="A YAML file; config/streamer.yaml documents every key and its default."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Progress = Annotated[
    bool | None,
    typer.Option("--progress/--no-progress", help="Show progress on stderr. Default: when stderr is a terminal."),
]
Seed = Annotated[int, typer.Option("--seed", "-s", min=0, max=2**63 - 1, help="The same seed makes the same world.")]
Files = Annotated[
    list[Path],
    typer.Argument(metavar="FILE", help=".jsonl, .jsonl.gz, .jsonl.zst or .parquet; - is standard input."),
]
Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        help="How records are written: auto, native, litellm, otel or envoy. Default: as configured (input.format).",
    ),
]
