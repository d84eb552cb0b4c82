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

from streamer.errors import StreamerError

STOP_TIMEOUT_S = 15.0
SCRAPE_TIMEOUT_S = 2.0
LOG_LINES = 12


class Progress(NamedTuple):
    """How far all workers together are."""

    requests: int
    watermark_ms: int | None


class Worker:
    """One `streamer run` process with a configuration and a log file of its own."""

    def __init__(self, number: int, config: Path, port: int) -> None:
        self.number = number
        self.url = f"http://127.0.0.1:{port}"
        self.requests = 0
        self.watermark_ms: int | None = None
        self._config = config
        self._log = config.with_suffix(".log")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process, in a session of its own: a Ctrl-C is for us, and we stop it."""
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "streamer", "run", "--config", str(self._config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={name: value for name, value in os.environ.items() if not name.startswith(("STREAMER_", "KAFKA_"))},
                start_new_session=True,
            )

    def look(self) -> None:
        """Ask how far it is; raise if it has ended. Where it does not answer, what it said last stands."""
        if self._process is not None and self._process.poll() is not None:
            tail = self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]
            found = f"ended with exit code {self._process.returncode}:\n" + "\n".join(tail)
            raise StreamerError(f"worker {self.number}", found, "read the lines above")
        with contextlib.suppress(OSError, ValueError):
            url = f"{self.url}/metrics"
            with urllib.request.urlopen(url, timeout=SCRAPE_TIMEOUT_S) as answer:  # noqa: S310 - our own worker
                text = answer.read().decode()
            self.requests, self.watermark_ms = _read(text)

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
        watermarks = [worker.watermark_ms for worker in self.workers if worker.watermark_ms is not None]
        return Progress(sum(worker.requests for worker in self.workers), min(watermarks, default=None))

    def _stop(self) -> None:
        deadline = time.monotonic() + STOP_TIMEOUT_S
        for worker in self.workers:
            worker.ask_to_stop()
        for worker in self.workers:
            worker.stop(deadline)


def _read(text: str) -> tuple[int, int | None]:
    requests, delays = 0.0, []
    for name, value in _samples(text):
        if name == "streamer_requests_total":
            requests += value
        elif name == "streamer_watermark_delay_seconds":
            delays.append(value)
    return int(requests), round((time.time() - max(delays)) * 1000) if delays else None


def _samples(text: str) -> Iterator[tuple[str, float]]:
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            yield sample.name, sample.value
