"""The demonstration: in this process everywhere, on Kafka where there is one."""

from __future__ import annotations

import os
import signal
import subprocess
import urllib.request
from pathlib import Path

import pytest

from streamer.broker import unavailable_reason
from tests.cli.conftest import PROGRAM, clean_environment
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.slow


def leftovers(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "tmp").mkdir()
    found = clean_environment(TMPDIR=str(tmp_path / "tmp"))
    if servers := os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        found["KAFKA_BOOTSTRAP_SERVERS"] = servers
    return found


def demo(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAM, "demo", *arguments],
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=3 * PATIENCE_S,
        check=False,
    )


def test_in_this_process_it_finds_the_campaign_stays_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with subprocess.Popen(
        [PROGRAM, "demo", "--in-process", "--stay"],
        cwd=tmp_path,
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        said = ""
        for line in process.stdout:
            said += line
            if "until Ctrl-C" in line:
                with urllib.request.urlopen(line.rsplit(" ", 1)[1].strip(), timeout=PATIENCE_S) as answer:  # noqa: S310 - our own page
                    page = answer.read().decode()
                process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0, said
        assert process.stderr.read() == ""
    assert "No Kafka (--in-process)" in said
    assert "Campaign hydra_peak found" in said
    assert "Honest accounts named: none." in said
    assert "60 accounts tied by" in page
    assert leftovers(tmp_path / "tmp") == []


@pytest.mark.kafka
def test_on_kafka_it_finds_the_same(tmp_path: Path) -> None:
    if reason := unavailable_reason():
        pytest.skip(f"no Kafka: {reason}")
    done = demo(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "starting 2 workers" in done.stdout
    assert "events/s" in done.stdout
    assert "Campaign hydra_peak found" in done.stdout
    assert "Honest accounts named: none." in done.stdout
    assert leftovers(tmp_path / "tmp") == []


@pytest.mark.kafka
def test_told_to_end_it_stops_all_that_it_started(tmp_path: Path) -> None:
    if reason := unavailable_reason():
        pytest.skip(f"no Kafka: {reason}")
    with subprocess.Popen(
        [PROGRAM, "demo"],
        cwd=tmp_path,
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for line in process.stdout:
            if "events/s" in line:
                break
        process.send_signal(signal.SIGTERM)
        process.stdout.read()
        assert process.wait(PATIENCE_S) == 130
        assert process.stderr.read() == "streamer: interrupted\n"
    assert leftovers(tmp_path / "tmp") == []
    started = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout.splitlines()
    assert [line for line in started if str(tmp_path) in line] == []
