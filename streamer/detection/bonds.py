"""What holds an account in a union: ties of its own, one value that binds enough, a hand-off."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import chain, pairwise

from streamer.detection.families import evenness
from streamer.detection.lead_book import LeadBook
from streamer.detection.links import IDENTITY, OWNED, PROMPTS
from streamer.detection.settings import GroupSettings
from streamer.detection.traces import NOBODY, Keys, Traces

PASSER_SUPPORT = 2
MIN_PASSERS_RATIO = 0.25
# What a smaller part of a group has in common is not what ties it.
MIN_TIED_RATIO = 0.25


class Bonds:
    """Looks at the ties by which a union grew."""

    def __init__(self, settings: GroupSettings, book: LeadBook, traces: Traces) -> None:
        self._settings = settings
        self._book = book
        self._traces = traces
        self._asked: tuple[Keys, Keys] = (frozenset(), frozenset())

    def support(self, keys: Keys, used: Iterable[int]) -> dict[int, int]:
        """Count what holds each account in the union: its cards and devices, and the kinds of other ties it has.

        Prompts that are alike are one thing in common, however many, and so are neighbours on address blocks. Having
        passed a request on is as much as two.
        """
        holding: defaultdict[str, set[int]] = defaultdict(set)
        for link in used:
            tie = self._book.ties[link]
            kind, value = tie.lead.link.kind, tie.lead.link.value
            if kind not in OWNED:
                holding[kind] |= tie.keys
            elif self._holds(tie.keys & keys, keys):
                holding[value] |= tie.keys
        support = Counter(chain.from_iterable(held & keys for held in holding.values()))
        for key in self._passers(keys):
            support[key] = support.get(key, 0) + PASSER_SUPPORT
        return support

    def kinds(self, keys: Keys, used: Iterable[int]) -> frozenset[str]:
        """Give the kinds of ties that hold a good part of the union, each with all its values."""
        holding: defaultdict[str, set[int]] = defaultdict(set)
        for link in used:
            tie = self._book.ties[link]
            holding[tie.lead.link.kind] |= tie.keys & keys
        return frozenset(kind for kind, held in holding.items() if len(held) >= MIN_TIED_RATIO * len(keys))

    def banded(self, keys: Keys, used: Iterable[int]) -> Keys:
        """Give the accounts that have one thing in common with enough others to be a group without any other tie.

        A card or a device is enough by itself. An address block never is: neighbours share it, and customers of a VPN.
        Prompts that are alike are one thing in common, each of them and all together.
        """
        found: set[int] = set()
        alike: defaultdict[str, set[int]] = defaultdict(set)
        for link in used:
            tie = self._book.ties[link]
            kind = tie.lead.link.kind
            if kind == "address_block":
                continue
            together = tie.keys & keys
            if kind in PROMPTS:
                alike[kind] |= together
            if (kind in OWNED and self._holds(together, keys)) or self._shows_control(together, keys):
                found |= together
        for together in map(frozenset, alike.values()):
            if not together <= found and self._shows_control(together, keys):
                found |= together
        return frozenset(found)

    def held(self, keys: Keys, used: Iterable[int]) -> Keys:
        """Give the accounts that would be in the union without prompts that are alike."""
        found = set(self._passers(keys))
        for link in used:
            tie = self._book.ties[link]
            together = tie.keys & keys
            if tie.lead.link.kind not in PROMPTS and len(together) > 1:
                found |= together
        return frozenset(found)

    def parts(self, keys: Keys, used: Iterable[int]) -> list[Keys]:
        """Give what hand-offs and ties of any kind hold together, the largest first; nothing joins these to others."""
        joined = [self._book.ties[link].keys & keys for link in used]
        joined += map(frozenset, self._book.pairs_within(keys))
        parts: list[Keys] = []
        for together in sorted(joined, key=len, reverse=True):
            touched = [part for part in parts if not part.isdisjoint(together)]
            if len(touched) != 1 or not together <= touched[0]:
                parts = [part for part in parts if part.isdisjoint(together)]
                parts.append(together.union(*touched))
        alone = keys.difference(*parts)
        return sorted(
            [*filter(None, parts), *(frozenset((key,)) for key in alone)], key=lambda part: (-len(part), min(part))
        )

    def pairs(self, keys: Keys, used: Iterable[int]) -> list[tuple[int, int]]:
        """Give pairs that join all who passed requests to one another, or have an identity in common."""
        found = self._book.pairs_within(keys)
        for link in used:
            if self._book.ties[link].lead.link.kind in IDENTITY:
                on_it = sorted(self._book.ties[link].keys & keys)
                found += pairwise(on_it)
        return found

    def _passers(self, keys: Keys) -> Keys:
        """Give who of a union passed requests on; asked for again for each of its ties."""
        if self._asked[0] is not keys:
            self._asked = keys, frozenset(self._book.passers(keys))
        return self._asked[1]

    def _shows_control(self, together: Keys, keys: Keys) -> bool:
        """Whether enough accounts for a group are used evenly, or a good part of them passed requests on.

        The first look at evenness costs little, and nearly always says no.
        """
        if len(together) < self._settings.min_accounts:
            return False
        passers = len(together & self._passers(keys))
        if passers >= MIN_PASSERS_RATIO * len(together):
            return True
        least_log10_p = self._settings.control_log10_p
        if self._traces.even(self._traces.add(NOBODY, together, together)) > least_log10_p:
            return False
        item = evenness(self._traces.table(together), self._settings)
        return item is not None and item.log10_p <= least_log10_p

    def _holds(self, together: Keys, keys: Keys) -> bool:
        """Whether what a few share holds them in the union, and not only to one another, as it does a family."""
        passers = self._passers(keys)
        few = len(together) < self._settings.min_accounts
        return not (few and passers and together.isdisjoint(passers))
