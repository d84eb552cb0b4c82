"""Groups that overlap, taken together: weak links add up, as long as what they add fits.

A scheduler's accounts share now this, now that: a card here, an address block there, a prompt. Each of these groups
alone may be too small to be improbable. A union grows from a seed by the ties that overlap it, and takes one in only if
the traces of control in the whole do not become weaker by it: strangers dilute them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import NamedTuple

import numpy as np

from streamer.detection.bonds import MIN_PASSERS_RATIO, Bonds
from streamer.detection.families import Passing, Table
from streamer.detection.group import typicality
from streamer.detection.lead_book import LeadBook, Tie
from streamer.detection.links import IDENTITY, Link
from streamer.detection.member_table import MemberTable
from streamer.detection.names import TEMPLATE
from streamer.detection.owners import strangers
from streamer.detection.passing_rate import PassingRate
from streamer.detection.settings import DetectionSettings
from streamer.detection.traces import NOBODY, Keys, Sums, Traces

MAX_ROUNDS = 4
MAX_TRIALS = 40
MAX_ADJACENT = 150
MAX_TIMED = 100
# By so much may the traces of control weaken, and by this share of them: a few more accounts beside hundreds of
# hand-offs change little.
SLACK, SLACK_RATIO = 0.05, 0.01
MAX_NEW_RATIO = 0.67
LARGE, MAX_NEW_RATIO_LARGE = 24, 0.34


class Union(NamedTuple):
    """Accounts that belong together by ties; `trials` is how many ties were tried in its making.

    `core` holds those that handed a request to another of them, or took one over, where there are enough; `support`
    counts what holds an account in it; `pairs` join those of whom more is known than that they have a prompt in common;
    `banded` are those whom one value binds well enough; `held` are those whom something other than prompts holds in it;
    of `parts` nothing joins one to another; `kinds` are those of the links that hold a good part of it.
    """

    table: Table
    core: Table
    passing: Passing
    links: list[Link]
    trials: int
    support: dict[int, int]
    pairs: list[tuple[int, int]]
    banded: frozenset[int]
    held: frozenset[int] = frozenset()
    parts: Sequence[frozenset[int]] = ()
    kinds: frozenset[str] = frozenset()


class Grower:
    """Grows unions for one window."""

    def __init__(
        self, settings: DetectionSettings, book: LeadBook, members: MemberTable, rate: PassingRate, window: int
    ) -> None:
        self._settings = settings
        self._book = book
        self._members = members
        self._traces = Traces(settings, book, members, rate, window)
        self._bonds = Bonds(settings.group, book, self._traces)
        self._of_ties: dict[int, Keys] = {}

    def grow(self, seed: Iterable[int], links: Iterable[Link] = ()) -> Union:
        """Grow from accounts, of which `links` are known to bind some."""
        used = {link.key: link for link in links if link.key in self._book.ties}
        state = self._traces.add(NOBODY, self._traces.fresh(seed), self._traces.fresh(self._on(used)))
        trials = 0
        for _ in range(MAX_ROUNDS):
            before = state.keys
            for key in self._adjacent(state.keys, used):
                tie = self._book.ties[key]
                on_it = self._on_tie(key)
                more = on_it - state.keys
                state = state._replace(tied=state.tied | (on_it & state.keys))
                if more:
                    if trials == MAX_TRIALS:
                        continue
                    trials += 1
                    grown = self._taken_in(state, tie, on_it)
                    if grown is None:
                        continue
                    state = grown
                used[key] = tie.lead.link
            state = self._traces.add(state, self._fitting_partners(state.keys), frozenset())
            if state.keys == before:
                break
        return self._union(state, used, trials)

    def requests(self, keys: Iterable[int]) -> dict[int, int]:
        """Give how many requests of a day accounts had made when they were last active; of those that are known."""
        rows = self._members.of(keys)
        return dict(zip(rows["key"].tolist(), rows["requests_24h"].tolist(), strict=True))

    def total_requests(self, keys: Iterable[int]) -> int:
        """Add up how many requests of a day accounts had made when they were last active."""
        return int(self._members.rows["requests_24h"][self._members.slots(keys)].sum(dtype=np.int64))

    def gather(self, keys: Iterable[int]) -> Union:
        """Take accounts as they are, without any tie."""
        return self._union(self._traces.add(NOBODY, self._traces.fresh(keys), frozenset()), {}, 0)

    def keep(self, union: Union, keys: Keys) -> Union:
        """Give what some accounts of a union are without the others: ties, hand-offs and all."""
        used = {link.key: link for link in union.links}
        return self._union(self._traces.add(NOBODY, keys, self._traces.fresh(self._on(used))), used, union.trials)

    def _union(self, state: Sums, used: dict[int, Link], trials: int) -> Union:
        table = strangers(self._traces.table(state.keys))
        if len(table) < len(state.keys):
            # What an owner's accounts passed to one another is no evidence about the rest.
            kept = frozenset(table.rows["key"].tolist())
            state = self._traces.add(NOBODY, kept, state.tied & kept)
        passing = self._traces.passing(state)
        if passing.seen:
            within_ms = self._settings.group.hand_off_s * 1000
            passed = self._book.newest_within(state.keys, MAX_TIMED)
            passing = passing._replace(quickness=tuple(min(1.0, found.after_ms / within_ms) for found in passed))
        keys, bonds = state.keys, self._bonds
        return Union(
            table,
            self._core(keys),
            passing,
            list(used.values()),
            trials,
            bonds.support(keys, used),
            bonds.pairs(keys, used),
            bonds.banded(keys, used),
            bonds.held(keys, used),
            bonds.parts(keys, used),
            bonds.kinds(keys, used),
        )

    def _taken_in(self, state: Sums, tie: Tie, on_it: Keys) -> Sums | None:
        """Give the union with those on a tie in it; None if they do not belong to it."""
        before_it = self._traces.strength(state)
        grown = self._traces.add(state, on_it - state.keys, on_it)
        weaker = grown.strength > before_it + SLACK - SLACK_RATIO * before_it
        if weaker or not self._traces.passes_on(state, grown):
            return None
        return grown if self._fits(state.keys, on_it - state.keys, tie, len(on_it)) else None

    def _on_tie(self, key: int) -> Keys:
        """Give the accounts of a tie that were active of late."""
        found = self._of_ties.get(key)
        if found is None:
            found = self._of_ties[key] = self._traces.fresh(self._book.ties[key].keys)
        return found

    def _on(self, links: Iterable[int]) -> Keys:
        return frozenset().union(*(self._book.ties[link].keys for link in links))

    def _adjacent(self, keys: Keys, used: dict[int, Link]) -> list[int]:
        """Give the ties that overlap enough, those that overlap most first; of templates, which are many, not all.

        For an identity, one account is enough if it passed a request to another of the union, or took one over.
        """
        enough = self._settings.group.tie_overlap
        ties = self._book.ties
        # Nearly all ties overlap by one account only: they are told by their key alone that they do not count.
        of_passers = self._book.on(self._book.passers(keys))
        found = [
            (-count / len(tie.keys), tie.lead.link.kind == TEMPLATE, key)
            for key, count in self._book.overlapping(keys).items()
            if (count >= enough or key in of_passers)
            and (tie := ties[key])
            and (count >= enough or tie.lead.link.kind in IDENTITY)
            and (key not in used or not (count == len(tie.keys) or self._on_tie(key) <= keys))
        ]
        found.sort()
        within = bisect_right(found, -1.0, key=itemgetter(0))
        return [key for *_, key in found[: min(within, MAX_ADJACENT)] + found[within : within + MAX_ADJACENT]]

    def _fits(self, keys: Keys, more: Keys, tie: Tie, on_it: int) -> bool:
        """Whether accounts of a tie may join: most must be as typical of the union as its own accounts are.

        Of a tie that strangers may have too, a good part must be in it already.
        """
        if len(keys) < self._settings.group.min_accounts:
            return True
        allowed = MAX_NEW_RATIO if len(keys) < LARGE else MAX_NEW_RATIO_LARGE
        if tie.lead.link.kind not in IDENTITY and len(more) > allowed * on_it:
            return False
        fit = typicality(Table(self._members.of(more)), self._core(keys))
        return bool(3 * int((fit > 0).sum()) >= 2 * len(fit))

    def _core(self, keys: Keys) -> Table:
        """Give those of a union that passed requests on: surely of one hand, where there are enough; else all of it."""
        passers = self._book.passers(keys)
        enough = len(passers) >= self._settings.group.min_accounts
        return Table(self._members.of(passers if enough else sorted(keys)))

    def _fitting_partners(self, keys: Keys) -> Keys:
        """Give the accounts that hand-offs join to the union, but for those that are not at all like it.

        One account of many that passed requests on is a stranger among them: whom it brings would be another subject.
        """
        if MIN_PASSERS_RATIO * len(keys) > self._book.passing_count(keys):
            return frozenset()
        partners = sorted(self._traces.fresh(self._book.partners(keys)))
        if not partners or len(keys) < self._settings.group.min_accounts:
            return frozenset(partners)
        fit = typicality(Table(self._members.of(partners)), self._core(keys)).tolist()
        return frozenset(key for key, score in zip(partners, fit, strict=True) if score > 0)
