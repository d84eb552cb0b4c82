"""A file of a world is whole, or does not have its name yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamer.errors import StreamerError
from streamer.simulation.writer import open_output


def interrupted(path: Path) -> None:
    with open_output(path) as output:
        output.write(b"{}")
        raise KeyboardInterrupt


@pytest.mark.parametrize("name", ["w.jsonl", "w.jsonl.gz", "w.jsonl.zst"])
def test_an_interrupted_file_does_not_look_complete(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with pytest.raises(KeyboardInterrupt):
        interrupted(path)
    assert [found.name for found in tmp_path.iterdir()] == [f"{name}.part"]
    with open_output(path) as output:
        output.write(b"{}")
    assert [found.name for found in tmp_path.iterdir()] == [name]


def test_a_directory_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "w.jsonl").mkdir()
    with pytest.raises(StreamerError, match="is a directory"), open_output(tmp_path / "w.jsonl"):
        pytest.fail("opened")
