"""Accounts sorted by how they behave: which groups are of one kind, and which are better told apart.

Each group is taken to have a middle of its own, drawn as an account of the population is, about which its accounts
scatter with `WITHIN` of the population's variance. Two groups are of one kind if a common middle explains them better
than two do: the logarithm of the ratio of the two probabilities (a Bayes factor: Kass & Raftery 1995) is above 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from streamer.detection.likeness import Floats

WITHIN = 0.6
BETWEEN = 1.0 - WITHIN
MAX_SORTED = 200


class Crowd(NamedTuple):
    """Accounts, with the sum of the normal scores of those `known` ones whose behaviour is known."""

    keys: frozenset[int]
    total: Floats
    known: int

    def join(self, other: Crowd) -> Crowd:
        """Put two groups together."""
        return Crowd(self.keys | other.keys, self.total + other.total, self.known + other.known)


def one_kind(some: Crowd, others: Crowd) -> float:
    """Give the logarithm of how much better one middle explains two groups than two; both have known accounts.

    >>> import numpy as np
    >>> a, b = (Crowd(frozenset(), np.full(3, total), 4) for total in (4.0, -4.0))
    >>> one_kind(a, a) > 0 > one_kind(a, b)
    True
    """
    return float(_one_kind(some.total, some.known, others.total, others.known))


def _one_kind(some: Floats, some_known: Any, others: Floats, others_known: Any) -> Any:  # noqa: ANN401 - one or many
    """See `one_kind`, of one group and one or many others, a row each."""
    one, other = some / some_known, others / others_known
    own, theirs = BETWEEN + WITHIN / some_known, BETWEEN + WITHIN / others_known
    det = own * theirs - BETWEEN * BETWEEN
    together = (theirs * one * one - 2 * BETWEEN * one * other + own * other * other) / det + np.log(det)
    apart = one * one / own + other * other / theirs + np.log(own * theirs)
    return (apart - together).sum(axis=-1) / 2


def components(keys: Iterable[int], pairs: Iterable[tuple[int, int]]) -> list[frozenset[int]]:
    """Give the sets of keys that pairs join, one way or another, in order of their least key."""
    parent = {key: key for key in keys}

    def root(key: int) -> int:
        while parent[key] != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    for one, other in pairs:
        if one in parent and other in parent:
            low, high = sorted((root(one), root(other)))
            parent[high] = low
    found: dict[int, set[int]] = {}
    for key in sorted(parent):
        found.setdefault(root(key), set()).add(key)
    return [frozenset(group) for group in found.values()]


def sort_out(groups: Sequence[Crowd]) -> list[Crowd]:
    """Join groups that are of one kind, those that are most so first, until no two are."""
    kinds = list(groups)[:MAX_SORTED]
    if not kinds:
        return []
    size = 2 * len(kinds)
    totals = np.zeros((size, len(kinds[0].total)))
    known = np.ones(size)
    factors = np.full((size, size), -np.inf)
    alive = np.zeros(size, dtype=np.bool_)

    def put(at: int) -> None:
        totals[at], known[at] = kinds[at].total, kinds[at].known
        others = np.flatnonzero(alive)
        factors[at, others] = _one_kind(totals[at], known[at], totals[others], known[others, np.newaxis])
        alive[at] = True

    for at in range(len(kinds)):
        put(at)
    while True:
        # Of equal ones the last, so that the order is the same on every machine.
        last = factors.size - 1 - int(factors.ravel()[::-1].argmax())
        i, j = divmod(last, size)
        if factors[i, j] <= 0:
            return [kinds[at] for at in np.flatnonzero(alive).tolist()]
        kinds.append(kinds[i].join(kinds[j]))
        for gone in (i, j):
            alive[gone] = False
            factors[gone] = factors[:, gone] = -np.inf
        put(len(kinds) - 1)
