"""Worker processes of a demonstration: started, asked how far they are, and stopped whatever happens."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Self

from prometheus_client.parser import text_string_to_metric_families

from streamer.demo.leash import leashed
from streamer.errors import StreamerError

STOP_TIMEOUT_S = 15.0
SCRAPE_TIMEOUT_S = 2.0
LOG_LINES = 12
POLL_S = 0.2


class Progress(NamedTuple):
    """How far all workers together are. `lag` is how many messages between all stages wait to be read."""

    requests: int
    lag: int
    watermark_ms: int | None


class Worker:
    """One `streamer run` process with a configuration and a log file of its own."""

    def __init__(self, number: int, config: Path, port: int) -> None:
        self.number = number
        self.url = f"http://127.0.0.1:{port}"
        self.progress = Progress(0, 0, None)
        self._config = config
        self._log = config.with_suffix(".log")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process, in a session of its own: a Ctrl-C is for us, and we stop it. It dies with us."""
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                leashed([sys.executable, "-m", "streamer", "run", "--config", str(self._config)]),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={name: value for name, value in os.environ.items() if not name.startswith(("STREAMER_", "KAFKA_"))},
                start_new_session=True,
            )

    def is_ready(self) -> bool:
        """Whether it says that it does its part; raises if it has ended."""
        self._require_running()
        try:
            self._get("/ready")
        except (OSError, ValueError):
            return False
        return True

    def look(self) -> None:
        """Ask how far it is; raise if it has ended. Where it does not answer, what it said last stands."""
        self._require_running()
        with contextlib.suppress(OSError, ValueError):
            self.progress = _read(self._get("/metrics"))

    def _get(self, path: str) -> str:
        with urllib.request.urlopen(self.url + path, timeout=SCRAPE_TIMEOUT_S) as answer:  # noqa: S310 - our own worker
            text: str = answer.read().decode()
        return text

    def _require_running(self) -> None:
        if self._process is not None and self._process.poll() is not None:
            tail = self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]
            found = f"ended with exit code {self._process.returncode}:\n" + "\n".join(tail)
            raise StreamerError(f"worker {self.number}", found, "read the lines above")

    def stop(self, deadline: float) -> None:
        """Wait for the end of a process that was asked to end; kill it after the deadline."""
        if self._process is None:
            return
        try:
            self._process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def ask_to_stop(self) -> None:
        """Tell it to end by itself."""
        if self._process is not None:
            self._process.terminate()


class Fleet:
    """Several workers; leaving the `with` block stops all of them."""

    def __init__(self, workers: list[Worker]) -> None:
        self.workers = workers

    def __enter__(self) -> Self:
        try:
            for worker in self.workers:
                worker.start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def progress(self) -> Progress:
        """How far they are; raises if one has ended."""
        for worker in self.workers:
            worker.look()
        each = [worker.progress for worker in self.workers]
        watermarks = [progress.watermark_ms for progress in each if progress.watermark_ms is not None]
        requests, lag = sum(progress.requests for progress in each), sum(progress.lag for progress in each)
        return Progress(requests, lag, min(watermarks, default=None))

    def wait_until_ready(self, timeout_s: float) -> None:
        """Return when all workers do their part; raise if they do not within the time, or one has ended."""
        deadline = time.monotonic() + timeout_s
        while not all(worker.is_ready() for worker in self.workers):
            if time.monotonic() > deadline:
                raise StreamerError("workers", f"not ready after {timeout_s:.0f} s", "look at their /ready")
            time.sleep(POLL_S)

    def _stop(self) -> None:
        deadline = time.monotonic() + STOP_TIMEOUT_S
        for worker in self.workers:
            worker.ask_to_stop()
        for worker in self.workers:
            worker.stop(deadline)


def _read(text: str) -> Progress:
    requests = lag = 0.0
    delays = []
    for name, value in _samples(text):
        if name == "streamer_requests_total":
            requests += value
        elif name == "streamer_lag_messages":
            lag += value
        elif name == "streamer_watermark_delay_seconds":
            delays.append(value)
    watermark_ms = round(time.time() - max(delays)) * 1000 if delays else None
    return Progress(int(requests), int(lag), watermark_ms)


def _samples(text: str) -> Iterator[tuple[str, float]]:
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            yield sample.name, sample.value
