"""The picture of the dashboard in the README: every panel of the upper rows is drawn, with what it was answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.dashboards.boards import shipped
from tests.dashboards.drawing import Series, page, short
from tests.dashboards.picture import BOARD, PICTURE, upper

if TYPE_CHECKING:
    from pathlib import Path


def test_every_panel_is_drawn_with_its_values(root: Path) -> None:
    board = shipped(root)[BOARD]
    board["panels"] = upper(board)
    rows = [panel for panel in board["panels"] if panel["type"] == "row"]
    assert len(rows) == 3
    answers = {panel["id"]: [Series("<x>", [(0.0, 1.0), (60.0, 1234.0)])] for panel in board["panels"]}
    text, height = page(board, answers, (0.0, 60.0))
    drawn = len(board["panels"]) - len(rows)
    assert text.count('class="box"') == drawn
    assert text.count("1.23 K") == sum(panel["type"] in ("stat", "bargauge") for panel in board["panels"])
    assert "<x>" not in text
    assert height > 900


def test_numbers_are_shortened() -> None:
    assert [short(value) for value in (0, 59, 1234, 57_900, 2_340_000)] == ["0", "59", "1.23 K", "57.9 K", "2.34 Mil"]


def test_the_picture_is_there_and_small() -> None:
    assert PICTURE.read_bytes()[:4] == b"\x89PNG"
    assert PICTURE.stat().st_size < 200_000
