"""Accounts sorted by how they behave: which groups are of one kind, and which are better told apart.

Each group is taken to have a middle of its own, drawn as an account of the population is, about which its accounts
scatter with `WITHIN` of the population's variance. Two groups are of one kind if a common middle explains them better
than two do: the logarithm of the ratio of the two probabilities (a Bayes factor: Kass & Raftery 1995) is above 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

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
    one, other = some.total / some.known, others.total / others.known
    own, theirs = BETWEEN + WITHIN / some.known, BETWEEN + WITHIN / others.known
    det = own * theirs - BETWEEN * BETWEEN
    together = (theirs * one * one - 2 * BETWEEN * one * other + own * other * other) / det + np.log(det)
    apart = one * one / own + other * other / theirs + np.log(own * theirs)
    return float((apart - together).sum()) / 2


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
    factors = {(i, j): one_kind(kinds[i], kinds[j]) for i in range(len(kinds)) for j in range(i)}
    alive = set(range(len(kinds)))
    while factors:
        (i, j), best = max(factors.items(), key=lambda item: (item[1], item[0]))
        if best <= 0:
            break
        kinds.append(kinds[i].join(kinds[j]))
        alive -= {i, j}
        factors = {pair: factor for pair, factor in factors.items() if not {i, j} & set(pair)}
        new = len(kinds) - 1
        factors.update({(new, other): one_kind(kinds[new], kinds[other]) for other in sorted(alive)})
        alive.add(new)
    return [kinds[at] for at in sorted(alive)]
