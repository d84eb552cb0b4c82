"""How the accounts of a case hang together: which values bind how many of them, and where those groups overlap.

Never account by account: a campaign of 25,000 accounts is told by its few large values, the count of its small ones,
and the overlaps between both, so the answer has the same size whatever the campaign has.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from streamer.cases.case import Case
from streamer.cases.records import kind_and_value
from streamer.cases.templates import template_names

SHOWN_VALUES = 8
NONE = -2
REST = -1
"""Stand in for the number of a value: one of the many small ones, or no value of that kind at all."""

Bucket = tuple[str, int]


class Bond(NamedTuple):
    """One value and the number of accounts on it."""

    kind: str
    value: str
    account_count: int


@dataclass(frozen=True, slots=True)
class BondKind:
    """One kind of link: its largest values, and what there is beside them.

    `rest_values` smaller values bind `rest_accounts`; `without` accounts have no value of this kind.
    """

    kind: str
    largest: tuple[Bond, ...]
    rest_values: int
    rest_accounts: int
    rest_largest: int
    without: int


class Overlap(NamedTuple):
    """Accounts that are in two buckets, of two kinds that stand beside each other."""

    one: Bucket
    other: Bucket
    account_count: int


@dataclass(frozen=True, slots=True)
class Bonds:
    """All kinds, those that bind most of the accounts first, and the overlaps of each with the next.

    `accounts` were counted; `names` has the links of members that are told under another name.
    """

    accounts: int
    kinds: tuple[BondKind, ...]
    overlaps: tuple[Overlap, ...]
    names: Mapping[str, str]


def bonds_of(case: Case, shown_values: int = SHOWN_VALUES) -> Bonds:
    """Add up the ties of the members; where they tell none, what the alert says of its values."""
    names = names_of(case)
    ties = _ties(case, names)
    if not any(ties):
        return _as_alerted(case, names, shown_values)
    counts = _counts(ties)
    rows = _rows(ties, {kind: _top(counts[kind], shown_values) for kind in counts})
    sizes: Counter[Bucket] = Counter()
    for buckets, weight in rows:
        for kind, inside in buckets.items():
            for number in inside:
                sizes[kind, number] += weight
    # What binds most comes first, and among that what has the fewest groups.
    half = ties.total() / 2
    order = sorted(counts, key=lambda kind: (sizes[kind, NONE] > half, len(counts[kind]), kind))
    kinds = [
        _kind(kind, counts[kind], _top(counts[kind], shown_values), sizes[kind, REST], sizes[kind, NONE])
        for kind in order
    ]
    return Bonds(ties.total(), tuple(kinds), _overlaps(rows, order), names)


def shared_values(case: Case, at_least: int = 2) -> list[Bond]:
    """Every value that binds at least so many accounts, that with the most first."""
    names = names_of(case)
    counts = _counts(_ties(case, names))
    found = {(kind, value): n for kind, values in counts.items() for value, n in values.items()}
    for key, count in _alerted(case, names).items():
        found[key] = max(found.get(key, 0), count)
    bonds = [Bond(kind, value, n) for (kind, value), n in found.items() if n >= at_least]
    return sorted(bonds, key=lambda bond: (-bond.account_count, bond.kind, bond.value))


def names_of(case: Case) -> dict[str, str]:
    """What the links of a case are called where that is not what they are."""
    links: Counter[str] = Counter()
    for member in case.live_members:
        links.update(member.links)
    for link in case.alert.links:
        links[f"{link.kind}:{link.value}"] += link.account_count
    return template_names(links)


def _ties(case: Case, names: Mapping[str, str]) -> Counter[frozenset[str]]:
    """The members by what they are tied with."""
    return Counter(frozenset(names.get(link, link) for link in member.links) for member in case.live_members)


def _alerted(case: Case, names: Mapping[str, str]) -> dict[tuple[str, str], int]:
    """The values of the alert; one told under several names binds at least as many accounts as its largest part."""
    found: dict[tuple[str, str], int] = {}
    for link in case.alert.links:
        name = f"{link.kind}:{link.value}"
        key = kind_and_value(names[name]) if name in names else (link.kind, link.value)
        found[key] = max(found.get(key, 0), link.account_count)
    return found


def _as_alerted(case: Case, names: Mapping[str, str], shown_values: int) -> Bonds:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for (kind, value), count in _alerted(case, names).items():
        counts[kind][value] = count
    kinds = []
    for kind in sorted(counts, key=lambda kind: (len(counts[kind]), kind)):
        shown = _top(counts[kind], shown_values)
        rest = sum(n for value, n in counts[kind].items() if value not in shown)
        kinds.append(_kind(kind, counts[kind], shown, rest, 0))
    return Bonds(case.alert.account_count, tuple(kinds), (), names)


def _counts(ties: Counter[frozenset[str]]) -> dict[str, Counter[str]]:
    by_link: Counter[str] = Counter()
    for links, weight in ties.items():
        for link in links:
            by_link[link] += weight
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for link, n in by_link.items():
        kind, value = kind_and_value(link)
        counts[kind][value] = n
    return counts


def _top(values: Counter[str], shown: int) -> list[str]:
    # A single one left over is shown as well: "1 smaller one" says less in the same place.
    shown += len(values) == shown + 1
    return [value for value, _ in sorted(values.items(), key=lambda item: (-item[1], item[0]))[:shown]]


def _rows(ties: Counter[frozenset[str]], largest: dict[str, list[str]]) -> list[tuple[dict[str, list[int]], int]]:
    """The buckets of each kind that accounts are in, and how many accounts are in just those."""
    numbers = {(kind, value): place for kind, values in largest.items() for place, value in enumerate(values)}
    buckets: dict[str, Bucket] = {}
    for link in frozenset().union(*ties):
        kind, value = kind_and_value(link)
        buckets[link] = (kind, numbers.get((kind, value), REST))
    alike: Counter[frozenset[Bucket]] = Counter()
    for links, weight in ties.items():
        alike[frozenset(buckets[link] for link in links)] += weight
    rows = []
    for inside, weight in alike.items():
        row: dict[str, list[int]] = {kind: [] for kind in largest}
        for kind, number in inside:
            row[kind].append(number)
        rows.append(({kind: found or [NONE] for kind, found in row.items()}, weight))
    return rows


def _kind(kind: str, values: Counter[str], shown: list[str], rest_accounts: int, without: int) -> BondKind:
    rest = [n for value, n in values.items() if value not in shown]
    return BondKind(
        kind=kind,
        largest=tuple(Bond(kind, value, values[value]) for value in shown),
        rest_values=len(rest),
        rest_accounts=rest_accounts,
        rest_largest=max(rest, default=0),
        without=without,
    )


def _overlaps(rows: list[tuple[dict[str, list[int]], int]], kinds: list[str]) -> tuple[Overlap, ...]:
    found: Counter[tuple[Bucket, Bucket]] = Counter()
    for buckets, weight in rows:
        for left, right in pairwise(kinds):
            for one in buckets[left]:
                for other in buckets[right]:
                    found[(left, one), (right, other)] += weight
    ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Overlap(one, other, n) for (one, other), n in ordered)
