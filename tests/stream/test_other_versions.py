"""What another version wrote is not guessed at: where it is, what it is, what to do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
import zstandard

from streamer.stream.codec import VERSION, ReportDecoder
from streamer.stream.messages import Position, Stored
from streamer.stream.state_log import StateError
from streamer.stream.tasks import HEAD, BarrierTask, pack_head

POSITION = Position("streamer.evidence", 3)


class Report(msgspec.Struct, array_like=True):
    partition: int
    accounts: list[str]


class Stage:
    """A stage that fails at a snapshot as stages do."""

    def __init__(self, problem: Exception) -> None:
        self._problem = problem

    def observe(self, report: Any) -> None:
        raise NotImplementedError

    def advance(self) -> list[Any]:
        raise NotImplementedError

    def snapshot(self) -> dict[str, Any]:
        return {}

    def restore(self, _: dict[Any, Any]) -> None:
        raise self._problem


def nothing(_: Any) -> Iterable[Any]:
    return ()


@pytest.mark.parametrize(
    "problem", [ValueError("snapshot of format 1, expected 2"), KeyError("groups"), msgspec.ValidationError("no list")]
)
def test_a_snapshot_that_a_stage_cannot_take_over(problem: Exception) -> None:
    task = BarrierTask(Stage(problem), nothing, lambda _: [], POSITION)
    with pytest.raises(StateError) as caught:
        task.load(pack_head(7, {"format": 1}))
    assert str(caught.value).startswith("state of streamer.evidence, partition 3: ")
    assert str(problem) in str(caught.value)
    assert "deploy/UPGRADE.md" in caught.value.remedy


def test_a_head_of_another_version() -> None:
    task = BarrierTask(Stage(ValueError()), nothing, lambda _: [], POSITION)
    with pytest.raises(StateError, match=r"head of version 9; expected 1: .*deploy/UPGRADE\.md"):
        task.load({HEAD: msgspec.msgpack.encode({"version": 9, "next_offset": 1, "stage": {}})})


@pytest.mark.parametrize(
    "value, found",
    [
        (bytes((VERSION + 1,)), f"message version {VERSION + 1}"),
        (bytes((VERSION,)) + zstandard.compress(msgspec.msgpack.encode([[1, 2]])), "a report of another form"),
    ],
)
def test_reports_of_another_form(value: bytes, found: str) -> None:
    with pytest.raises(StateError) as caught:
        ReportDecoder(Report, "streamer.evidence")(Stored(5, None, value))
    assert str(caught.value).startswith(f"streamer.evidence, offset 5: {found}")
    assert "deploy/UPGRADE.md" in caught.value.remedy
