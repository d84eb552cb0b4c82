"""The program as a person starts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Protocol

import pytest

from tests.patience import PATIENCE_S

EVENT = {"event_id": "e1", "timestamp": "2026-03-02T00:00:00Z", "account_id": "a", "model": "m"}
PROGRAM = str(Path(sys.executable).with_name("streamer"))


def event(number: int, **more: object) -> str:
    """One line of input."""
    return json.dumps({**EVENT, "event_id": f"e{number}", **more})


class Run(Protocol):
    def __call__(
        self, *arguments: str, stdin: str | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]: ...


def clean_environment(**more: str) -> dict[str, str]:
    """The environment without what would configure the program."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("STREAMER_", "KAFKA_"))}
    return {**kept, "COLUMNS": "100", "NO_COLOR": "1", **more}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run the program in an empty directory and wait for its end."""

    def call(*arguments: str, stdin: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PROGRAM, *arguments],
            cwd=tmp_path,
            env=clean_environment(**environment),
            input=stdin or "",
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    return call
