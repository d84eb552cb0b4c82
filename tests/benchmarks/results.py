"""How a benchmark says what it measured: one JSON object a line on stdout, read by whoever prints the table."""

from __future__ import annotations

import json
import sys
from typing import NamedTuple


class Result(NamedTuple):
    """One number; `wanted` is what it is held against, in words."""

    name: str
    value: float
    unit: str
    wanted: str = ""


def say(*results: Result) -> None:
    """Print results."""
    for result in results:
        sys.stdout.write(json.dumps(result._asdict()) + "\n")
    sys.stdout.flush()


def read(line: str) -> Result | None:
    """The result that a line holds, if it does."""
    try:
        return Result(**json.loads(line))
    except (ValueError, TypeError):
        return None
