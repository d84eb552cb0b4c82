"""The dashboards that are shipped, and the queries of their panels."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Board = dict[str, Any]


class Asked(NamedTuple):
    """One query of one panel."""

    board: str
    panel: str
    expression: str


def shipped(root: Path) -> dict[str, Board]:
    found = sorted((root / "deploy" / "grafana" / "dashboards").glob("*.json"))
    return {path.name: json.loads(path.read_text(encoding="utf-8")) for path in found}


def panels(board: Board) -> list[dict[str, Any]]:
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def queries(boards: dict[str, Board]) -> Iterator[Asked]:
    for name, board in boards.items():
        for panel in panels(board):
            for target in panel["targets"]:
                yield Asked(name, panel["title"], target["expr"])
