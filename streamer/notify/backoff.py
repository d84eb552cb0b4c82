"""How long to wait before trying again: longer each time, never all at once."""

from __future__ import annotations

import random

FIRST_S = 1.0
LONGEST_S = 60.0


class Backoff:
    """Waits that double up to a minute, each shortened at random by up to a half."""

    def __init__(self, rng: random.Random, first_s: float = FIRST_S, longest_s: float = LONGEST_S) -> None:
        self._rng = rng
        self._first_s = first_s
        self._longest_s = longest_s
        self._next_s = first_s

    def failed(self) -> float:
        """How long to wait after one more failure."""
        wait_s = self._next_s
        self._next_s = min(self._longest_s, 2 * wait_s)
        return wait_s * (1 - self._rng.random() / 2)

    def succeeded(self) -> None:
        """Begin anew with the shortest wait."""
        self._next_s = self._first_s
