"""A wheel, installed where there is no checkout: the program finds all that it needs in itself."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest
import yaml

if TYPE_CHECKING:
    from pathlib import Path

SMALL = {
    "start": "2026-03-02",
    "days": 1,
    "honest": {"individual": {"accounts": 40}},
    "based_on": "small",
}


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
    built = subprocess.run(
        [*command, "--no-build-isolation", "--no-index", "--wheel-dir", str(directory), str(root)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    [found] = directory.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def program(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The program of the wheel, unpacked as an installer does; its libraries are those of this environment."""
    place = tmp_path_factory.mktemp("installed")
    zipfile.ZipFile(wheel).extractall(place)
    start = f"import sys; sys.path.insert(0, {str(place)!r}); from streamer.__main__ import main; main()"
    return [sys.executable, "-P", "-c", start]


def call(program: list[str], directory: Path, *arguments: str) -> str:
    done = subprocess.run([*program, *arguments], cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_carries_what_the_program_reads(wheel: Path, root: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for shipped, source in (("scenarios", "config/scenarios"), ("kafka", "deploy/kafka")):
        for path in (root / source).iterdir():
            if path.is_file():
                assert f"streamer/shipped/{shipped}/{path.name}" in names
    assert not [name for name in names if name.startswith(("tests/", "deploy/"))]


def test_it_simulates_and_replays_in_an_empty_directory(program: list[str], tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(SMALL), encoding="utf-8")
    call(program, tmp_path, "simulate", "mine.yaml", "--out", "w.jsonl", "--truth", "t.jsonl", "--seed", "7")
    call(program, tmp_path, "replay", "w.jsonl", "--out", "results")
    summary = json.loads((tmp_path / "results" / "summary.json").read_text(encoding="utf-8"))
    assert summary["events_used"] > 1000


def test_its_own_kafka_is_found_in_it(program: list[str], tmp_path: Path) -> None:
    start = program[-1].partition("from streamer.__main__")[0]
    asked = "from streamer.broker import DEPLOY_DIRECTORY as d; from streamer.simulation.scenario import SHIPPED as s; "
    told = call([*program[:-1], f"{start}{asked}print(d); print(s)"], tmp_path)
    for line in told.splitlines():
        assert "/streamer/shipped/" in line
