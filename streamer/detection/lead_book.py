"""All leads of late: which accounts each ties together, and who handed requests to whom."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Container, Iterable
from itertools import chain, islice, takewhile
from typing import Any, NamedTuple

from streamer.detection.evidence import HandOff, Lead
from streamer.detection.links import OWNED, Link
from streamer.detection.settings import DetectionSettings

FORGET_EVERY = 6
# Who hands over to one account only, and that one back to nobody else, so often, is one person with two accounts.
TO_AND_FRO = 2


class Tie(NamedTuple):
    """The newest lead on one link value."""

    lead: Lead
    window: int
    keys: frozenset[int]


class LeadBook:
    """Remembers leads as long as groups, and hand-offs for `hand_off_memory_s`; a later lead replaces the earlier."""

    def __init__(self, settings: DetectionSettings) -> None:
        self._settings = settings
        self._tie_windows = settings.window.windows(settings.link.idle_s)
        self._pass_windows = settings.window.windows(settings.group.hand_off_memory_s)
        self.ties: dict[int, Tie] = {}
        self._of_account: defaultdict[int, set[int]] = defaultdict(set)
        self.hand_offs: list[tuple[int, HandOff]] = []
        self._forgot = -1
        self._partners: defaultdict[int, Counter[int]] = defaultdict(Counter)

    def add(self, lead: Lead, window: int) -> None:
        """Take in a lead."""
        link = lead.link.key
        known = self.ties.pop(link, None)
        if known is not None and known.lead.members == lead.members:
            self.ties[link] = Tie(lead, window, known.keys)
            return
        before = known.keys if known is not None else frozenset()
        tie = self.ties[link] = Tie(lead, window, frozenset(lead.accounts()))
        for key in tie.keys - before:
            self._of_account[key].add(link)
        for key in before - tie.keys:
            self._release(key, link)

    def pass_on(self, found: HandOff, window: int) -> None:
        """Take in a hand-off."""
        self.hand_offs.append((window, found))
        self._partners[found.giver][found.taker] += 1
        self._partners[found.taker][found.giver] += 1

    def forget(self, window: int) -> None:
        """Drop what is too old at a window; looked for once in `FORGET_EVERY` windows."""
        if window // FORGET_EVERY == self._forgot:
            return
        self._forgot = window // FORGET_EVERY
        # A tie goes to the end when it is told of again: the oldest come first.
        old = takewhile(lambda item: item[1].window < window - self._tie_windows, self.ties.items())
        for key in [key for key, _ in old]:
            self._drop(key)
        self._keep([(at, found) for at, found in self.hand_offs if at >= window - self._pass_windows])

    def take_back(self, one: int, other: int) -> None:
        """Forget the hand-offs between two accounts."""
        if other in self._partners.get(one, ()):
            pair = {one, other}
            self._keep([(at, found) for at, found in self.hand_offs if {found.giver, found.taker} != pair])

    def _keep(self, kept: list[tuple[int, HandOff]]) -> None:
        if len(kept) < len(self.hand_offs):
            self.hand_offs = []
            self._partners.clear()
            for at, found in kept:
                self.pass_on(found, at)

    def _others(self, account: int) -> Collection[int]:
        """Give with whom an account had hand-offs that count."""
        others = self._partners.get(account)
        if others is None:
            return ()
        if len(others) == 1:
            ((other, times),) = others.items()
            if times >= TO_AND_FRO and len(self._partners[other]) == 1:
                return ()
        return others

    def _drop(self, key: int) -> None:
        tie = self.ties.pop(key, None)
        for account in tie.keys if tie is not None else ():
            self._release(account, key)

    def _release(self, account: int, key: int) -> None:
        held = self._of_account[account]
        held.discard(key)
        if not held:
            del self._of_account[account]

    def on(self, accounts: Iterable[int]) -> set[int]:
        """Give the link values that any of some accounts is on."""
        return set().union(*(self._of_account[account] for account in accounts if account in self._of_account))

    def overlapping(self, accounts: Iterable[int]) -> Counter[int]:
        """Give the link values that accounts are on, and how many of them are on each."""
        held = (self._of_account[account] for account in accounts if account in self._of_account)
        return Counter(chain.from_iterable(held))

    def partners(self, accounts: frozenset[int]) -> set[int]:
        """Give the accounts outside that passed a request to one of `accounts`, or took one from it."""
        return {other for account in accounts for other in self._others(account)} - accounts

    def joins(self, some: Collection[int], others: Collection[int]) -> bool:
        """Whether a hand-off, a card or a device joins accounts of two groups."""
        ties, of_account = self.ties, self._of_account
        for account in some:
            if any(other in others for other in self._others(account)):
                return True
            held = (ties[key] for key in of_account.get(account, ()))
            if any(tie.lead.link.kind in OWNED and not tie.keys.isdisjoint(others) for tie in held):
                return True
        return False

    def passed(self, some: frozenset[int], accounts: frozenset[int]) -> int:
        """Count the pairs of `some` of these `accounts` and all of them that had hand-offs.

        However often: a person with two accounts goes to and fro, a scheduler takes whichever has room. Who goes to and
        fro with nobody else does not count.
        """
        total = within = 0
        for account in some:
            for other in self._others(account):
                total += other in accounts
                within += other in some
        return total - within // 2

    def newest_within(self, accounts: frozenset[int], most: int) -> list[HandOff]:
        """Give the newest hand-offs among accounts."""
        among = (found for _, found in reversed(self.hand_offs) if found.giver in accounts and found.taker in accounts)
        return list(islice(among, most))

    def pairs_within(self, accounts: Container[int]) -> list[tuple[int, int]]:
        """Give who passed a request to whom among some accounts."""
        told = ((found.giver, found.taker) for _, found in self.hand_offs)
        return [(giver, taker) for giver, taker in told if giver in accounts and taker in accounts]

    def passers(self, accounts: frozenset[int]) -> list[int]:
        """Give those of some accounts that passed a request to another of them, or took one over."""
        return sorted(key for key in accounts if not accounts.isdisjoint(self._others(key)))

    def passing_count(self, accounts: frozenset[int]) -> int:
        """Count those of some accounts that took part in a hand-off, with whomever."""
        return sum(bool(self._others(key)) for key in accounts)

    def free_passers(self, but: Container[int]) -> set[int]:
        """Give the accounts that took part in a hand-off, `but` for some."""
        return {key for key in self._partners if key not in but and self._others(key)}

    def count(self, key: int, accounts: Container[int]) -> int:
        """Count how many of some accounts are on a link value, as far as it is remembered."""
        tie = self.ties.get(key)
        return 0 if tie is None else sum(account in accounts for account in tie.keys)

    def ties_of(self, account: int) -> list[Link]:
        """Give the link values that tie an account, by key."""
        return [self.ties[key].lead.link for key in sorted(self._of_account.get(account, ()))]

    def snapshot(self) -> dict[str, Any]:
        """Plain data from which `restore` makes the same book."""
        ties = [[list(tie.lead.link), tie.lead.members, tie.lead.log10_p, tie.window] for tie in self.ties.values()]
        return {"ties": ties, "hand_offs": [[window, list(found)] for window, found in self.hand_offs]}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `snapshot` gave."""
        self.ties, self.hand_offs = {}, []
        self._of_account.clear()
        self._partners.clear()
        for link, members, log10_p, window in state["ties"]:
            self.add(Lead(Link(*link), members, log10_p), window)
        for window, found in state["hand_offs"]:
            self.pass_on(HandOff(*found), window)
