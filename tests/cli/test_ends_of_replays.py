"""Replays that cannot be written, that two ask for at once, or that are told to end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep
from typing import IO

import pytest

from tests.cli.conftest import PROGRAM, Run, clean_environment, event
from tests.cli.interrupting import replay_of_a_pipe
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", ["alerts.jsonl", "summary.json"])
def test_a_directory_where_a_record_goes_is_one_line(run: Run, tmp_path: Path, name: str) -> None:
    (tmp_path / "out" / name).mkdir(parents=True)
    done = run("replay", "-", "--out", "out", stdin=event(1))
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line == f"out/{name}: is a directory; move the directory away, or name another place"


def test_a_full_disk_is_one_line(run: Run, tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "rejects.jsonl.part").symlink_to("/dev/full")
    done = run("replay", "-", "--out", "out", stdin="{}\n" * 2000)
    assert done.returncode == 1
    assert done.stderr == "out: no space left on device; make room there, or name another place\n"


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_that_nobody_can_take_is_one_line(tmp_path: Path, unbuffered: str) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [PROGRAM, "replay", "-", "--out", "out", "--json"],
            cwd=tmp_path,
            env=clean_environment(PYTHONUNBUFFERED=unbuffered),
            input=event(1),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    warning, line = done.stderr.splitlines()
    assert warning.startswith("warning: out: nothing was judged")
    assert "no space left on device" in line


def test_two_replays_do_not_write_to_one_place(run: Run, tmp_path: Path) -> None:
    with replaying_a_pipe(tmp_path) as process:
        refused = run("replay", "-", "--out", "./out", stdin=event(1))
        assert (refused.returncode, refused.stdout) == (2, "")
        remedy = "wait for it to end, or name another directory"
        assert refused.stderr == f"out: another replay is writing to it; {remedy}\n"
        assert run("replay", "-", "--out", "other", stdin=event(1)).returncode == 0
        process.kill()
        process.wait()
    done = run("replay", "-", "--out", "out", "--json", stdin=event(1))
    assert (done.returncode, json.loads(done.stdout)["events_used"]) == (0, 1), "who was killed holds nothing"


def test_ctrl_c_ends_with_130_and_leaves_no_finished_records(tmp_path: Path) -> None:
    with replaying_a_pipe(tmp_path) as process:
        process.send_signal(signal.SIGINT)
        assert_interrupted(process)
    assert not (tmp_path / "out" / "summary.json").exists()


def test_ctrl_c_together_with_a_little_input_is_not_lost(tmp_path: Path) -> None:
    """On one core the program finds both when it wakes up: it must not go on to wait for the rest of its buffer."""
    cores = os.sched_getaffinity(0)
    with replaying_a_pipe(tmp_path) as process:
        one = {min(cores)}
        os.sched_setaffinity(process.pid, one)
        os.sched_setaffinity(0, one)
        try:
            for _ in range(5):  # until it sleeps
                while "(sleeping)" not in Path(f"/proc/{process.pid}/status").read_text(encoding="ascii"):
                    sleep(0.05)
                sleep(0.05)
            os.write(fileno(process.stdin), event(20_000).encode())
            process.send_signal(signal.SIGINT)
        finally:
            os.sched_setaffinity(0, cores)
        assert_interrupted(process)


@contextmanager
def replaying_a_pipe(directory: Path) -> Iterator[subprocess.Popen[str]]:
    with replay_of_a_pipe(directory) as process:
        # More than a pipe holds: once it is written, the program is reading.
        rest = "\n".join(event(number) for number in range(20_000)).encode()
        while rest:
            rest = rest[os.write(fileno(process.stdin), rest) :]
        try:
            yield process
        finally:
            process.kill()


def fileno(pipe: IO[str] | None) -> int:
    assert pipe is not None
    return pipe.fileno()


def assert_interrupted(process: subprocess.Popen[str]) -> None:
    """It has ended by Ctrl-C, although its input stays open."""
    assert process.wait(PATIENCE_S) == 130
    assert process.stderr is not None
    assert process.stderr.read() == "streamer: interrupted\n"


def test_a_reader_that_goes_away_is_no_failure_with_a_traceback(tmp_path: Path) -> None:
    command = f"{PROGRAM} --help | true"
    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, env=clean_environment(), capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
