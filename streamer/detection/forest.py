"""Trees that tell some members from everybody else: what no two numbers tell, several may tell together.

Extremely randomized trees (Geurts, Ernst & Wehenkel 2006): each asks at random places, and the best of a few places is
kept. Members are few and the others many, so that each tree is grown on all members and a draw of the others, which
weigh as much together (Chen, Liaw & Breiman 2004). An account is judged only by trees that were not grown on it: how
many honest ones score as much can be counted in the same population.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from streamer.detection.links import Keys

TREES, SEED = 96, 1
DRAWN, LEAST_LEAF, PLACES, DEPTH = 1000, 3, 8, 14
Floats = npt.NDArray[np.float64]
Scores = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
_ALL_LEFT: Final = np.float32(np.inf)


class _Level(NamedTuple):
    """The nodes of all trees at one depth: what each asks, where its two children begin, and its share of members.

    A leaf is its own child, and whatever is asked of it goes left.
    """

    column: Ints
    cut: Scores
    child: Ints
    share: Floats


class _Held(NamedTuple):
    """Rows in the nodes of a level, those of a node side by side: which row, whether a member's, in which node."""

    row: Ints
    own: Flags
    node: Ints

    def take(self, places: Flags | Ints) -> _Held:
        return _Held(self.row[places], self.own[places], self.node[places])


class Forest:
    """Tells members from others; `owners` says whose row each of the others is, as an account may have several."""

    def __init__(self, members: Floats, others: Floats, owners: Keys) -> None:
        chance = np.random.default_rng(SEED)
        self._keys, of_owner, counts = np.unique(owners, return_inverse=True, return_counts=True)
        by_owner, begins = np.argsort(of_owner, kind="stable"), np.cumsum(counts) - counts
        self._grown_on = np.zeros((TREES, len(counts)), dtype=np.bool_)
        drawn = min(DRAWN, (len(counts) + 1) // 2)
        rows = np.empty((TREES, len(members) + drawn), dtype=np.int64)
        rows[:, : len(members)] = np.arange(len(members))
        for tree, grown_on in enumerate(self._grown_on):
            who = chance.permutation(len(counts))[:drawn]
            grown_on[who] = True
            chosen = by_owner[begins[who] + (chance.random(drawn) * counts[who]).astype(np.int64)]
            rows[tree, len(members) :] = len(members) + chosen
        self._weight = drawn / max(1, len(members))
        levels = self._grow(np.concatenate((members, others)).astype(np.float32), rows, len(members), chance)
        self._depth = len(levels)
        self._nodes = _Level(*map(np.concatenate, zip(*levels, strict=True)))

    def shares(self, values: Floats, owners: Keys) -> Floats:
        """Give, between 0 and 1, how much each row is a member's: the mean of what trees not grown on its owner say."""
        if not len(values):
            return np.zeros(0)
        at = np.searchsorted(self._keys, owners).clip(0, len(self._keys) - 1)
        known = self._keys[at] == owners
        flat, begins = values.astype(np.float32).ravel(), np.arange(len(values)) * values.shape[1]
        column, cut, child, share = self._nodes
        total, trees = np.zeros(len(values)), np.zeros(len(values))
        for tree, grown_on in enumerate(self._grown_on):
            node = np.full(len(values), tree)
            for _ in range(self._depth - 1):
                node = child[node] + (flat[begins + column[node]] >= cut[node])
            counts = ~(known & grown_on[at])
            total += counts * share[node]
            trees += counts
        return total / np.maximum(trees, 1)

    def _grow(self, data: Scores, rows: Ints, members: int, chance: np.random.Generator) -> list[_Level]:
        trees, size = rows.shape
        held = _Held(rows.ravel(), np.tile(np.arange(size) < members, trees), np.repeat(np.arange(trees), size))
        levels: list[_Level] = []
        begin, width = 0, trees
        while width:
            level, held = self._split(data, held, (begin, width), chance, last=len(levels) + 1 == DEPTH)
            levels.append(level)
            begin, width = begin + width, 0 if not len(held.node) else int(held.node[-1]) + 1
        return levels

    def _split(
        self, data: Scores, held: _Held, span: tuple[int, int], chance: np.random.Generator, *, last: bool
    ) -> tuple[_Level, _Held]:
        """Ask of each node of a level the best of a few questions; give the level, and its rows in the next one."""
        begin, width = span
        count = np.bincount(held.node, minlength=width)
        own = np.bincount(held.node[held.own], minlength=width)
        weighed = own * self._weight
        level = _Level(
            np.zeros(width, dtype=np.int64),
            np.full(width, _ALL_LEFT),
            begin + np.arange(width),
            weighed / np.maximum(weighed + count - own, 1e-9),
        )
        mixed = (count >= 2 * LEAST_LEAF) & (own > 0) & (own < count) & (not last)
        if not mixed.any():
            return level, held.take(np.zeros(len(held.node), dtype=np.bool_))
        number = np.cumsum(mixed) - 1
        held = held.take(mixed[held.node])
        held = held._replace(node=number[held.node])
        column, cut, goes_right, found = self._best(data, held, count[mixed], own[mixed], chance)
        asked = np.flatnonzero(mixed)[found]
        first = 2 * np.arange(len(asked))
        level.column[asked], level.cut[asked] = column[found], cut[found]
        level.child[asked] = begin + width + first
        child = np.zeros(len(found), dtype=np.int64)
        child[found] = first
        below = held._replace(node=child[held.node] + goes_right).take(found[held.node])
        order = np.argsort(below.node, kind="stable")
        return level, below.take(order)

    def _best(
        self, data: Scores, held: _Held, count: Ints, own: Ints, chance: np.random.Generator
    ) -> tuple[Ints, Scores, Flags, Flags]:
        """Give for each node a column and a cut, which rows go right of it, and whether any question divides it."""
        nodes = np.arange(len(count))
        starts = np.concatenate(([0], np.cumsum(count)[:-1]))
        columns = chance.integers(0, data.shape[1], (PLACES, len(count)))
        values = data.ravel()[held.row * data.shape[1] + columns[:, held.node]]
        low, high = (extreme.reduceat(values, starts, axis=1) for extreme in (np.minimum, np.maximum))
        cuts = (low + chance.random(low.shape) * (high - low)).astype(np.float32)
        right = values >= cuts[:, held.node]
        count_right = np.add.reduceat(right, starts, axis=1, dtype=np.int64)
        own_right = np.add.reduceat(right & held.own, starts, axis=1, dtype=np.int64)
        count_left, own_left = count - count_right, own - own_right
        mixture = self._mixture(own_left, count_left) + self._mixture(own_right, count_right)
        large = (count_left >= LEAST_LEAF) & (count_right >= LEAST_LEAF)
        mixture[~large] = np.inf
        best = mixture.argmin(axis=0)
        goes_right: Flags = right[best[held.node], np.arange(len(held.node))]
        found: Flags = np.isfinite(mixture[best, nodes])
        return columns[best, nodes], cuts[best, nodes], goes_right, found

    def _mixture(self, own: Ints, count: Ints) -> Floats:
        """How mixed nodes are, by how much is in them (Gini's impurity)."""
        weighed, others = own * self._weight, count - own
        found: Floats = weighed * others / np.maximum(weighed + others, 1e-9)
        return found
