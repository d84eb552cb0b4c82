from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from streamer.broker import cache_directory
from streamer.wiring.demonstration import free_port
from tests.integration.live import PATIENT_S, SENSITIVE, LiveRun, call, program, world
from tests.patience import PATIENCE_S, until
from tests.stream_tools.reading import everything

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.kafka_fixture import KafkaCluster

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

KEYS, REQUESTS_PER_KEY = 30, 8
PACKAGES = ("litellm[proxy]==1.106.2", "aiokafka==0.14.0")
HISTORY_DAYS = 2
WINDOW_S, LATENESS_S = 300, 5
ASKING_S, LATER = 60, 200
DETECTION: dict[str, Any] = {
    **SENSITIVE,
    "window": {"window_s": WINDOW_S, "lateness_s": LATENESS_S},
    "limit": {"mode": "enforce", "requests_per_minute": 1},
}


@pytest.fixture(scope="module")
def proxy_environment() -> Path:
    """LiteLLM in an environment of its own, made once and kept."""
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    directory = cache_directory().with_name("litellm-1.106.2")
    directory.parent.mkdir(parents=True, exist_ok=True)
    with directory.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (directory / "complete").exists():
            for command in ([uv, "venv", "-q", "--clear"], [uv, "pip", "install", "-q", *PACKAGES, "--python"]):
                done = subprocess.run([*command, str(directory)], capture_output=True, text=True, check=False)
                if done.returncode:
                    pytest.skip(f"LiteLLM cannot be installed: {done.stderr.strip().splitlines()[-1:]}")
            (directory / "complete").touch()
    return directory


@contextlib.contextmanager
def proxy(environment: Path, directory: Path, root: Path, decisions: str, **report_to: str) -> Iterator[str]:
    """A LiteLLM proxy with our callback and our hook, and a model that is a mock; killed in the end without a word."""
    for name in ("streamer_callback.py", "streamer_limits.py"):
        shutil.copy(root / "deploy" / "litellm" / name, directory)
    shutil.copy(Path(__file__).parent / "litellm" / "custom_keys.py", directory)
    answer = {"model": "openai/meridian-5", "api_key": "none", "mock_response": "First, the function reads its input."}
    document = {
        "model_list": [{"model_name": "meridian-5", "litellm_params": answer}],
        "litellm_settings": {"callbacks": ["streamer_callback.kafka_logger", "streamer_limits.hook"]},
        "general_settings": {"custom_auth": "custom_keys.authenticate"},
    }
    (directory / "proxy.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    variables = {
        "STREAMER_DECISIONS_URL": decisions,
        **report_to,
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_TELEMETRY": "False",
        "LITELLM_MASTER_KEY": f"sk-{secrets.token_hex(32)}",
    }
    command = [
        str(environment / "bin" / "litellm"),
        "--config",
        "proxy.yaml",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    log = directory / "proxy.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=directory, env={**os.environ, **variables}, stdout=output, stderr=output
        )
    try:
        url = f"http://127.0.0.1:{port}"

        def said() -> str:
            return log.read_text(errors="replace")[-3000:]

        until(lambda: answers(f"{url}/health/liveliness") or process.poll() is not None, said)
        assert process.poll() is None, said()
        yield url
    finally:
        process.kill()
        process.wait()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as response:  # noqa: S310 - a local address
            return bool(response.status == 200)
    except OSError:
        return False


def history(directory: Path) -> Path:
    """Honest traffic of the last days, up to now."""
    now = dt.datetime.now(dt.UTC)
    start = (now - dt.timedelta(days=HISTORY_DAYS)).date()
    midnight = dt.datetime.combine(start, dt.time(), dt.UTC)
    scenario = {
        "start": start.isoformat(),
        "days": round((now - midnight).total_seconds() / 86_400, 5),
        "honest": {
            "individual": {"accounts": 400},
            "coding_tool": {"accounts": 60},
            "enterprise_nat": {"accounts": 60},
            "ci": {"accounts": 4},
        },
    }
    return world(scenario, directory, seed=3)


def later(events: Path) -> Path:
    """The newest requests of a file as they may come after the window that is open now."""
    begin = (time.time() // WINDOW_S + 1) * WINDOW_S + LATENESS_S
    timestamp = dt.datetime.fromtimestamp(begin, dt.UTC).isoformat()
    newest = [json.loads(line) for line in events.read_bytes().splitlines()[-LATER:]]
    changed = [event | {"event_id": f"later-{at}", "timestamp": timestamp} for at, event in enumerate(newest)]
    target = events.with_name("later.jsonl")
    target.write_text("".join(f"{json.dumps(event)}\n" for event in changed), encoding="utf-8")
    return target


def wait_for_events(run: LiveRun, wanted: int) -> None:
    """Wait until so many events are in the topic of requests."""

    def found() -> int:
        messages = everything(run.servers, run.config.kafka.topics.requests)
        return sum(message.value.count(b'"event_id"') for message in messages)

    until(lambda: found() == wanted, lambda: f"{wanted} events; there are {found()}")


def wait_for_room() -> None:
    """Wait for the next window where this one ends too soon to hold all that is asked."""
    left_s = WINDOW_S - time.time() % WINDOW_S
    if left_s < ASKING_S:
        time.sleep(left_s)


@contextlib.contextmanager
def decisions(run: LiveRun) -> Iterator[str]:
    """The decision API for the limits of a run."""
    port = free_port()
    settings = {"STREAMER_LIMITS__PORT": str(port), "STREAMER_LIMITS__MODE": "enforce"}
    command = program("limits", "serve", "--config", str(run.config_path))
    with run.log_path.open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **settings})
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def wait_for_status(url: str, key: str, wanted: int) -> None:
    """Ask with a key until the answer has this status."""
    until(lambda: status_of(url, key) == wanted, lambda: f"{wanted}; it is {status_of(url, key)}")


def status_of(url: str, key: str) -> int:
    """Ask once with a key."""
    body = {"model": "meridian-5", "messages": [{"role": "user", "content": "Is it so?"}]}
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}/v1/chat/completions", json.dumps(body).encode(), headers)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:  # noqa: S310 - a local address
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_keys_on_one_template_behind_a_litellm_proxy_are_alerted_on_limited_and_lifted(
    kafka: KafkaCluster, proxy_environment: Path, root: Path, tmp_path: Path
) -> None:
    with LiveRun(kafka, tmp_path, DETECTION, partitions=2, idle_s=PATIENT_S) as run:
        kafka.create({run.config.ingest.topic: 2})
        past = history(tmp_path)
        run.produce(past)
        run.start()
        run.start_ingest("litellm")
        python = str(proxy_environment / "bin" / "python")
        report_to = {"KAFKA_BOOTSTRAP_SERVERS": run.servers, "STREAMER_GATEWAY_TOPIC": run.config.ingest.topic}
        with decisions(run) as asked:
            with proxy(proxy_environment, tmp_path, root, asked, **report_to) as url:
                ask = [python, str(Path(__file__).parent / "litellm" / "ask.py"), url, str(KEYS), str(REQUESTS_PER_KEY)]
                wait_for_room()
                done = subprocess.run(ask, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
                assert done.returncode == 0, done.stderr[-3000:]
                # The window ends when requests of the next one come, as they would in five minutes.
                wait_for_events(run, past.read_bytes().count(b"\n") + KEYS * REQUESTS_PER_KEY)
                run.produce(later(past))
                alert = run.wait_for_alert(lambda found: found["kind"] == "cluster")
                wait_for_status(url, "sk-test-007", 429)
            # A gateway that was killed and comes back limits the same accounts from its first request on.
            with proxy(proxy_environment, tmp_path, root, asked, **report_to) as url:
                wait_for_status(url, "sk-test-007", 429)
                call("limits", "lift", "--alert", alert["alert_id"], "--config", str(run.config_path))
                wait_for_status(url, "sk-test-007", 200)
    assert alert["account_count"] == KEYS
    assert alert["request_count"] == KEYS * REQUESTS_PER_KEY
    assert len({item["family"] for item in alert["evidence"]}) >= 2
