"""Groups that overlap, taken together: weak links add up, as long as what they add fits.

A scheduler's accounts share now this, now that: a card here, an address block there, a prompt. Each of these groups
alone may be too small to be improbable. A union grows from a seed by the ties that overlap it, and takes one in only if
the traces of control in the whole do not become weaker by it: strangers dilute them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import chain, pairwise
from typing import NamedTuple

from scipy import special

from streamer.detection.families import Passing, Table
from streamer.detection.group import SEVERAL, strangers, typicality
from streamer.detection.lead_book import LeadBook, Tie
from streamer.detection.links import IDENTITY, OWNED, PROMPTS, Link
from streamer.detection.member_table import MemberTable
from streamer.detection.passing_rate import PassingRate
from streamer.detection.probability import chi_square_log10
from streamer.detection.profile import PROFILE, Feature
from streamer.detection.settings import DetectionSettings

MAX_ROUNDS = 4
MAX_TRIALS = 40
MAX_ADJACENT = 150
MAX_TIMED = 100
SLACK = 0.05
USUAL_PASSED_RATIO, FEW_P = 0.5, 0.05
PASSER_SUPPORT = 2
MIN_PASSERS_RATIO = 0.25
MAX_NEW_RATIO = 0.67
LARGE, MAX_NEW_RATIO_LARGE = 24, 0.34
_VOLUME = PROFILE.index(Feature.VOLUME)
Keys = frozenset[int]


class Union(NamedTuple):
    """Accounts that belong together by ties; `trials` is how many ties were tried in its making.

    `core` holds those that handed a request to another of them, or took one over, where there are enough; `support`
    counts what holds an account in it; `pairs` join those of whom more
    is known than that they have a prompt in common; `banded` are those whom one value
    binds well enough; `held` are those whom something other than prompts holds in it.
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


class _Facts(NamedTuple):
    """What the traces of control need to know of an account."""

    volume: int
    usual: float
    refused: int


class _State(NamedTuple):
    """A union in the making, with the sums from which its strength follows."""

    keys: Keys
    tied: Keys
    passed: int
    volume: int
    squares: int
    usual: float
    refused: int
    strength: float


_EMPTY = _State(frozenset(), frozenset(), 0, 0, 0, 0.0, 0, 0.0)


class Grower:
    """Grows unions for one window."""

    def __init__(
        self, settings: DetectionSettings, book: LeadBook, members: MemberTable, rate: PassingRate, window: int
    ) -> None:
        self._settings = settings
        self._book = book
        self._members = members
        self._rate = rate.at(window)
        self._refused = rate.recently_refused(window)
        self._oldest = window - settings.window.windows(settings.link.horizon_s)
        self._known: dict[int, _Facts | None] = {}
        self._active: set[int] = set()
        self._of_ties: dict[int, Keys] = {}

    def grow(self, seed: Iterable[int], links: Iterable[Link] = ()) -> Union:
        """Grow from accounts, of which `links` are known to bind some."""
        used = {link.key: link for link in links if link.key in self._book.ties}
        state = self._with(_EMPTY, self._fresh(seed), self._fresh(self._on(used)))
        trials = 0
        for _ in range(MAX_ROUNDS):
            before = state.keys
            for key in self._adjacent(state.keys, used):
                if trials >= MAX_TRIALS:
                    break
                tie = self._book.ties[key]
                on_it = self._on_tie(key)
                more = on_it - state.keys
                state = state._replace(tied=state.tied | (on_it & state.keys))
                if more:
                    trials += 1
                    before_it = self._strength(state)
                    trial = self._with(state, more, on_it)
                    weaker = trial.strength > before_it + SLACK or not self._passes_on(state, trial)
                    if weaker or not self._fits(state.keys, more, tie, len(on_it)):
                        continue
                    state = trial
                used[key] = tie.lead.link
            state = self._with(state, self._fitting_partners(state.keys), frozenset())
            if state.keys == before:
                break
        return self._union(state, used, trials)

    def keep(self, union: Union, keys: Keys) -> Union:
        """Give what some accounts of a union are without the others: ties, hand-offs and all."""
        used = {link.key: link for link in union.links}
        return self._union(self._with(_EMPTY, keys, self._fresh(self._on(used))), used, union.trials)

    def _union(self, state: _State, used: dict[int, Link], trials: int) -> Union:
        table = strangers(Table(self._members.of(sorted(state.keys))))
        if len(table) < len(state.keys):
            # What an owner's accounts passed to one another is no evidence about the rest.
            kept = frozenset(table.rows["key"].tolist())
            state = self._with(_EMPTY, kept, state.tied & kept)
        passing = self._passing(state)
        if passing.seen:
            within_ms = self._settings.group.hand_off_s * 1000
            passed = self._book.newest_within(state.keys, MAX_TIMED)
            passing = passing._replace(quickness=tuple(min(1.0, found.after_ms / within_ms) for found in passed))
        support = self._support(state.keys, used)
        pairs, banded = self._pairs(state.keys, used), self._banded(state.keys, used)
        held = self._held(state.keys, used)
        return Union(table, self._core(state.keys), passing, list(used.values()), trials, support, pairs, banded, held)

    def _support(self, keys: Keys, used: Iterable[int]) -> dict[int, int]:
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
        for key in self._book.passers(keys):
            support[key] = support.get(key, 0) + PASSER_SUPPORT
        return support

    def _banded(self, keys: Keys, used: Iterable[int]) -> Keys:
        """Give the accounts that share one value with enough others to be a group without any other tie.

        A card or a device is enough by itself. An address block never is: neighbours share it, and customers of a VPN.
        """
        found: set[int] = set()
        for link in used:
            tie = self._book.ties[link]
            if tie.lead.link.kind == "address_block":
                continue
            together = tie.keys & keys
            owned = tie.lead.link.kind in OWNED and self._holds(together, keys)
            if owned or self._shows_control(together, keys):
                found |= together
        return frozenset(found)

    def _shows_control(self, together: Keys, keys: Keys) -> bool:
        """Whether enough accounts for a group are used evenly, or a good part of them passed requests on."""
        if len(together) < self._settings.group.min_accounts:
            return False
        passers = len(together.intersection(self._book.passers(keys)))
        if passers >= MIN_PASSERS_RATIO * len(together):
            return True
        return self._even(self._with(_EMPTY, together, together)) <= self._settings.group.control_log10_p

    def _holds(self, together: Keys, keys: Keys) -> bool:
        """Whether what a few share holds them in the union, and not only to one another, as it does a family."""
        passers = self._book.passers(keys)
        few = len(together) < self._settings.group.min_accounts
        return not (few and passers and together.isdisjoint(passers))

    def _held(self, keys: Keys, used: Iterable[int]) -> Keys:
        """Give the accounts that would be in the union without prompts that are alike."""
        found = set(self._book.passers(keys))
        for link in used:
            tie = self._book.ties[link]
            together = tie.keys & keys
            if tie.lead.link.kind not in PROMPTS and len(together) > 1:
                found |= together
        return frozenset(found)

    def _pairs(self, keys: Keys, used: Iterable[int]) -> list[tuple[int, int]]:
        """Give pairs that join all who passed requests to one another, or have an identity in common."""
        found = self._book.pairs_within(keys)
        for link in used:
            if self._book.ties[link].lead.link.kind in IDENTITY:
                on_it = sorted(self._book.ties[link].keys & keys)
                found += pairwise(on_it)
        return found

    def _on_tie(self, key: int) -> Keys:
        """Give the accounts of a tie that were active of late."""
        found = self._of_ties.get(key)
        if found is None:
            found = self._of_ties[key] = self._fresh(self._book.ties[key].keys)
        return found

    def _on(self, links: Iterable[int]) -> Keys:
        return frozenset(key for link in links for key in self._book.ties[link].keys)

    def _adjacent(self, keys: Keys, used: dict[int, Link]) -> list[int]:
        """Give the ties that overlap enough, those that overlap most first.

        For an identity, one account is enough if it passed a request to another of the union, or took one over.
        """
        enough = self._settings.group.tie_overlap
        ties = self._book.ties
        passers = frozenset(self._book.passers(keys))
        found = [
            (-count / len(tie.keys), key)
            for key, count in self._book.overlapping(keys).items()
            if (tie := ties[key])
            and (count >= enough or (tie.lead.link.kind in IDENTITY and not passers.isdisjoint(tie.keys)))
            and (key not in used or not (tie.keys <= keys or self._on_tie(key) <= keys))
        ]
        return [key for _, key in sorted(found)[:MAX_ADJACENT]]

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

    @staticmethod
    def _passes_on(state: _State, trial: _State) -> bool:
        """Whether those who would join pass on what is refused them, as those of the union do: half as often at least.

        So it is until chance brings as few hand-offs as theirs to such accounts in less than `FEW_P` of cases.
        """
        if state.passed < SEVERAL:
            return True
        ratio = USUAL_PASSED_RATIO * state.passed / max(state.passed, state.refused)
        expected = ratio * (trial.refused - state.refused)
        return bool(special.pdtr(trial.passed - state.passed, expected) >= FEW_P)

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
        partners = sorted(self._fresh(self._book.partners(keys)))
        if not partners or len(keys) < self._settings.group.min_accounts:
            return frozenset(partners)
        fit = typicality(Table(self._members.of(partners)), self._core(keys)).tolist()
        return frozenset(key for key, score in zip(partners, fit, strict=True) if score > 0)

    def _fresh(self, keys: Iterable[int]) -> Keys:
        """Give those of some accounts that were active of late."""
        wanted = frozenset(keys)
        unknown = wanted.difference(self._known)
        if unknown:
            self._known.update(dict.fromkeys(unknown))
            rows = self._members.of(unknown)
            rows = rows[rows["window"] > self._oldest]
            columns = (rows["bins"][:, _VOLUME], rows["usual"], rows["refused"])
            facts = map(_Facts, *(column.tolist() for column in columns))
            self._known.update(zip(rows["key"].tolist(), facts, strict=True))
            self._active.update(rows["key"].tolist())
        return wanted & self._active

    def _with(self, state: _State, more: Keys, tied: Keys) -> _State:
        """Give a union with more accounts in it."""
        more -= state.keys
        keys = state.keys | more
        facts = [fact for key in more if (fact := self._known[key]) is not None]
        grown = _State(
            keys,
            state.tied | (tied & keys),
            state.passed + self._book.passed(more, keys),
            state.volume + sum(fact.volume for fact in facts),
            state.squares + sum(fact.volume * fact.volume for fact in facts),
            state.usual + sum(sorted(fact.usual for fact in facts)),
            state.refused + sum(fact.refused for fact in facts),
            0.0,
        )
        return grown._replace(strength=self._strength(grown))

    def _strength(self, state: _State) -> float:
        """Give the log10 probability of the traces of control."""
        return self._even(state) + self._passing(state).log10_p

    def _even(self, state: _State) -> float:
        """Give the log10 probability of so even a use."""
        settings = self._settings.group
        count = len(state.keys)
        if count < settings.min_accounts or state.usual != state.usual:
            return 0.0
        squares = state.squares - state.volume * state.volume / count + (count - 1) / 12
        return chi_square_log10(count - 1, squares / (state.usual / count * settings.evenness_floor_ratio))

    def _passing(self, state: _State) -> Passing:
        """Count the hand-offs within; those without which accounts would not be in it are no evidence about it.

        Beyond the population's rate they are: so many in so little time, whoever made them.
        """
        attached = len(state.keys) - len(state.tied)
        own = Passing(max(0, state.passed - attached), self._rate * max(1, state.refused))
        everyone = Passing(state.passed, self._rate * self._refused)
        return min(own, everyone, key=lambda passing: passing.log10_p) if attached else own
