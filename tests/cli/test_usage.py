"""What the program says when asked, and when asked wrongly."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from streamer import __version__
from tests.cli.conftest import Run

pytestmark = pytest.mark.slow
VERBS = ["run", "ingest", "replay", "simulate", "evaluate", "produce", "topics", "check", "demo"]
VERBS += ["explain", "export", "feedback"]


def test_version(run: Run) -> None:
    done = run("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{__version__}\n", "")


def test_help_lists_every_verb(run: Run) -> None:
    done = run("--help")
    assert done.returncode == 0
    assert [verb for verb in VERBS if f" {verb} " not in done.stdout] == []


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_every_verb_shows_an_example(run: Run, verb: str) -> None:
    done = run(verb, "--help")
    assert done.returncode == 0
    assert f"Example: streamer {verb}" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize(
    "arguments,said",
    [
        ([], "streamer: missing command"),
        (["frobnicate"], "streamer: no such command 'frobnicate'"),
        (["replay"], "streamer replay: missing argument 'FILE'"),
        (["replay", "events.jsonl"], "streamer replay: missing option '--out'"),
        (["replay", "events.jsonl", "--out", "o", "--wrong"], "streamer replay: no such option: --wrong"),
        (["produce", "events.jsonl", "--batch", "0"], "streamer produce: invalid value for '--batch'"),
        (["simulate", "demo", "--out", "a", "--truth", "b", "--seed", "x"], "invalid value for '--seed'"),
        (["evaluate"], "streamer evaluate: missing argument 'DIR'"),
    ],
)
def test_wrong_usage_is_one_line_that_points_to_help(run: Run, arguments: list[str], said: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert said.lower() in line.lower()
    assert "--help" in line


@pytest.mark.parametrize(
    "arguments",
    [
        ["run"],
        ["ingest"],
        ["replay", "events.jsonl", "--out", "out"],
        ["produce", "events.jsonl"],
        ["topics"],
        ["check"],
        ["explain", "acct_1"],
        ["export", "acct_1", "--format", "csv"],
        ["feedback", "a-1", "--confirm"],
    ],
)
def test_every_start_names_what_is_wrong_with_the_configuration(run: Run, tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "my.yaml").write_text("kafka:\n  request_partitions: 0\nweb: {prot: 1}\n", encoding="utf-8")
    done = run(*arguments, "--config", "my.yaml")
    assert done.returncode == 2
    assert done.stdout == ""
    first, second = done.stderr.splitlines()
    assert first.startswith("my.yaml:2: kafka.request_partitions: found 0; allowed: greater than or equal to 1")
    assert second.startswith("my.yaml:3: web.prot: found 1, no such key; did you mean port?")


def test_check_names_all_that_cannot_be_reached(run: Run, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (tmp_path / "my.yaml").write_text(
            f"kafka: {{bootstrap_servers: 'localhost:1', request_partitions: 2}}\n"
            f"stream: {{workers: 3}}\nweb: {{port: {port}}}\nprivacy: {{pseudonymize: true, key_env: MY_KEY}}\n",
            encoding="utf-8",
        )
        done = run("check", "--config", "my.yaml", MY_KEY="short")
        as_json = run("check", "--config", "my.yaml", "--json", MY_KEY="short")
    assert done.returncode == as_json.returncode == 2
    workers, key, web, kafka = done.stderr.splitlines()
    assert workers.startswith("stream.workers: found 3, more workers than the 2 partitions of llm.requests")
    assert key.startswith("environment variable MY_KEY (privacy.key_env): the variable holds 5 bytes; allowed:")
    assert web.startswith(f"web.port: found 127.0.0.1:{port}, cannot listen there")
    assert kafka.startswith("kafka.bootstrap_servers: found localhost:1: no Kafka answers")
    found = json.loads(as_json.stdout)
    assert [sorted(each) for each in found] == [["found", "remedy", "where"]] * 4


def test_a_token_that_can_be_guessed_is_refused(run: Run) -> None:
    done = run("run", STREAMER_WEB_TOKEN="short")
    assert done.returncode == 2
    assert done.stderr.startswith(
        "environment variable STREAMER_WEB_TOKEN (web.token_env): the variable holds 5 bytes; allowed:"
    )


HEAVY = ("numpy", "scipy", "river", "aiohttp", "aiokafka", "kafka")


def test_help_waits_for_no_library_that_only_some_verbs_need() -> None:
    loaded = f"import sys, streamer.cli; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
