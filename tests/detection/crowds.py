"""Crowds of accounts by how they behave: honest ones, and clouds of those that one program drives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from streamer.detection.behaviour import BEHAVIOUR, WIDTH
from streamer.detection.profile import Rows
from tests.detection.handmade import START_MS, key_of

Values = npt.NDArray[np.float16]


def honest(count: int, seed: int = 0) -> Values:
    """Accounts as they come: two causes in common, and each its own ways."""
    ways = np.random.default_rng(seed).normal(size=(count, WIDTH + 2))
    return (0.8 * ways[:, :WIDTH] + 0.4 * ways[:, -2:-1] + 0.45 * ways[:, -1:]).astype(np.float16)


def driven(count: int, program: int, seed: int = 0, spread: float = 0.4) -> Values:
    """Accounts that one program drives: close about a middle of its own."""
    middle = 0.9 * np.random.default_rng(1000 + program).choice((-1.0, 1.0), size=WIDTH)
    away = np.random.default_rng((program, seed, 7)).normal(scale=spread, size=(count, WIDTH))
    return (middle + away).astype(np.float16)


def told_of(names: Sequence[str], values: Values, **columns: Any) -> Rows:
    """What is told of accounts that behave so."""
    rows = np.zeros(len(names), dtype=BEHAVIOUR)
    rows["key"] = [key_of(name) for name in names]
    rows["first_seen_ms"], rows["total_requests"], rows["total_output_tokens"] = START_MS, 40, 4000
    rows["values"] = values
    for name, column in columns.items():
        rows[name] = column
    return rows


def named(prefix: str, count: int) -> list[str]:
    """Ids of as many accounts."""
    return [f"{prefix}{number:04}" for number in range(count)]
