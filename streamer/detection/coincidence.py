"""Accounts of a group on one prompt template: how many are, and how many of as many strangers would be.

A template counts once however many pairs it joins. A system prompt does not count: who has a firm's tool has it. How
many accounts the templates of everybody join is learned from the past, lagged; those of accounts that were alerted on
are left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from scipy import special

from streamer.detection.evidence import EvidenceItem
from streamer.detection.lead_book import LeadBook, Tie
from streamer.detection.names import TEMPLATE
from streamer.detection.probability import together_log10
from streamer.detection.settings import DetectionSettings

# A prompt tells of a group where so few groups drawn at random have as many accounts on it.
TELLING = 1e-3
Keys = frozenset[int]


class Coincidences:
    """Knows the prompts that ties are made of, now and in the last epochs."""

    def __init__(self, settings: DetectionSettings, book: LeadBook) -> None:
        self._group = settings.group
        self._book = book
        self._per_epoch = settings.window.windows(settings.reference.epoch_s)
        self._lag, self._memory = settings.reference.lag_epochs, settings.reference.memory_epochs
        self._horizon = settings.window.windows(settings.link.horizon_s)
        self._epochs: dict[int, tuple[int, dict[int, int]]] = {}

    def learn(self, window: int, accounts: int, clustered: Iterable[int]) -> None:
        """Once an epoch, count the accounts on each prompt, of a population of so many."""
        epoch = window // self._per_epoch
        if epoch in self._epochs or not accounts:
            return
        left_out = frozenset(clustered)
        groups = {tie.keys - left_out for tie in self._prompts(window)}
        sizes = Counter(len(group) for group in groups if len(group) > 1)
        self._epochs[epoch] = accounts, dict(sorted(sizes.items()))
        for known in [known for known in self._epochs if known < epoch - self._lag - self._memory]:
            del self._epochs[known]

    def _prompts(self, window: int) -> Iterator[Tie]:
        oldest = window - self._horizon
        return (t for t in self._book.ties.values() if t.lead.link.kind == TEMPLATE and t.window >= oldest)

    def test(self, held: Keys, window: int) -> EvidenceItem | None:
        """Test whether more of some accounts, which something else holds together, have a prompt in common."""
        known = self._known(window)
        if len(held) < self._group.min_accounts or known is None:
            return None
        accounts, sizes = known
        chance = _chance(len(held), accounts, sizes)
        seen = len(self._sharing(held, accounts, window))
        log10_p = together_log10(seen, len(held), chance, self._group.cause_correlation)
        statement = (
            f"{seen} of {len(held)} accounts that have something else in common sent prompts of a template that "
            f"others of them sent within 24 h and few others did; of as many strangers {100 * chance:.2g}% do"
        )
        return EvidenceItem("template_coincidence", statement, round(seen / len(held), 3), round(chance, 5), log10_p)

    def _known(self, window: int) -> tuple[float, dict[int, float]] | None:
        """Give how many accounts there are, and how many prompts there are that so many of them have, on average."""
        newest = window // self._per_epoch - self._lag
        known = [counts for epoch, counts in self._epochs.items() if epoch <= newest]
        if not known:
            return None
        sums: Counter[int] = Counter()
        for _, sizes in known:
            sums.update(sizes)
        average = {on_it: count / len(known) for on_it, count in sorted(sums.items())}
        return sum(accounts for accounts, _ in known) / len(known), average

    def _sharing(self, held: Keys, accounts: float, window: int) -> set[int]:
        """Give the accounts on a telling prompt with another to which they are not joined by a hand-off already."""
        oldest = window - self._horizon
        found: set[int] = set()
        telling: dict[tuple[int, int], bool] = {}
        for key, count in self._book.overlapping(held).items():
            if count < 2 or len(found) == len(held):  # noqa: PLR2004 - a pair
                continue
            tie = self._book.ties[key]
            if tie.lead.link.kind != TEMPLATE or tie.window < oldest:
                continue
            case = count, len(tie.keys)
            if case not in telling:
                telling[case] = _is_telling(*case, len(held), accounts)
            if telling[case]:
                on_it = tie.keys & held
                found.update(a for a in on_it - found if on_it - self._book.partners(frozenset((a,))) - {a})
        return found

    def snapshot(self) -> list[Any]:
        """Plain data from which `restore` makes the same."""
        return [[epoch, accounts, list(sizes.items())] for epoch, (accounts, sizes) in sorted(self._epochs.items())]

    def restore(self, state: list[Any]) -> None:
        """Take over what `snapshot` gave."""
        self._epochs = {epoch: (accounts, dict(sizes)) for epoch, accounts, sizes in state}


def _is_telling(seen: int, on_it: int, size: int, accounts: float) -> bool:
    """Whether so many of `size` accounts on a prompt are more than what is had outside of them brings by chance."""
    outside = max(0.5, on_it - seen) / accounts
    return float(special.gammainc(seen, size * outside)) <= TELLING


def _chance(size: int, accounts: float, sizes: dict[int, float]) -> float:
    """Give how likely one of `size` accounts drawn from all is on a telling prompt with others of them."""
    chance = 1 / (accounts + 2)
    for on_it, count in sizes.items():
        least = next((seen for seen in range(2, on_it + 1) if _is_telling(seen, on_it, size, accounts)), None)
        if least is not None:
            others = float(special.gammainc(least - 1, (size - 1) * (on_it - 1) / accounts))
            chance += count * on_it / accounts * others
    return min(0.99, chance)
