"""What a demonstration starts does not outlive it, however it ends."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from streamer.demo.fleet import Worker
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent died")

# Like a worker whose Kafka has gone, the process does not listen to a polite request.
STUBBORN = """
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(os.getpid(), flush=True)
signal.pause()
"""
STARTER = f"""
import subprocess, sys
from streamer.demo.leash import leashed
subprocess.Popen(leashed([sys.executable, "-c", {STUBBORN!r}])).wait()
"""


def test_a_process_on_the_leash_dies_with_a_starter_that_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", STARTER], stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        watched = os.pidfd_open(int(starter.stdout.readline()))
        starter.kill()
        ended, _, _ = select.select([watched], [], [], PATIENCE_S)
        os.close(watched)
    assert ended


def test_a_worker_is_started_on_the_leash(tmp_path: Path) -> None:
    worker = Worker(1, tmp_path / "absent.yaml", 0)
    worker.start()
    worker.stop(time.monotonic() + PATIENCE_S)
    assert "absent.yaml: cannot be read" in (tmp_path / "absent.log").read_text(encoding="utf-8")
