"""Writes the dashboards: python -m streamer.dashboards DIRECTORY."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from streamer.dashboards.health import health
from streamer.dashboards.on_call import on_call
from streamer.dashboards.quality import quality


def documents() -> dict[str, str]:
    """The text of every dashboard, by the name of its file."""
    boards = {"on-call": on_call(), "health": health(), "quality": quality()}
    return {
        f"{name}.json": json.dumps(board.build(), cls=JSONEncoder, indent=2, sort_keys=True) + "\n"
        for name, board in boards.items()
    }


def write(directory: Path) -> None:
    """Write every dashboard into a directory."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in documents().items():
        (directory / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1] if len(sys.argv) > 1 else "deploy/grafana/dashboards"))
