"""A gateway that spreads the work of a group over its accounts, in turn, and fails over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

if TYPE_CHECKING:
    from streamer.simulation.randomness import Integers

_IN_TURN: Final = 0.8
_FAILOVER: Final = 0.8


class Failover(Protocol):
    """Who takes over a request that was turned away."""

    def __call__(self, rng: np.random.Generator, who: Integers, time_ms: Integers) -> Integers:
        """Accounts (of the same population) that send the request again; may be the same ones."""


class Gateway:
    """Gateways of the groups of one population; accounts of a group stand together."""

    def __init__(self, group: Integers) -> None:
        _, first, number, size = np.unique(group, return_index=True, return_inverse=True, return_counts=True)
        self._number: Integers = number
        self._first: Integers = first
        self._size: Integers = size
        self._next: Integers = np.zeros(len(first), dtype=np.int64)

    def spread(self, rng: np.random.Generator, who: Integers) -> Integers:
        """Accounts that carry the work which belongs to `who`."""
        number = self._number[who]
        at = (rng.random(len(who)) * self._size[number]).astype(np.int64)
        in_turn = rng.random(len(who)) < _IN_TURN
        for group in np.unique(number):
            chosen = np.flatnonzero(in_turn & (number == group))
            at[chosen] = (self._next[group] + np.arange(len(chosen))) % self._size[group]
            self._next[group] += len(chosen)
        return self._first[number] + at

    def sibling(self, rng: np.random.Generator, who: Integers, time_ms: Integers) -> Integers:
        """Who takes over what was turned away; the time does not matter."""
        del time_ms
        number = self._number[who]
        other = self._first[number] + (rng.random(len(who)) * self._size[number]).astype(np.int64)
        return np.where(rng.random(len(who)) < _FAILOVER, other, who)
