"""The traces of control in accounts taken together, as sums: what more accounts change of them costs little to know."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from scipy import special

from streamer.detection.families import Passing, Table
from streamer.detection.lead_book import LeadBook
from streamer.detection.member_table import MemberTable
from streamer.detection.owners import SEVERAL
from streamer.detection.passing_rate import PassingRate
from streamer.detection.probability import chi_square_log10
from streamer.detection.profile import PROFILE, Feature
from streamer.detection.settings import DetectionSettings

USUAL_PASSED_RATIO, FEW_P = 0.5, 0.05
_VOLUME = PROFILE.index(Feature.VOLUME)
Keys = frozenset[int]


class _Facts(NamedTuple):
    """What the traces of control need to know of an account."""

    volume: int
    usual: float
    refused: int


class Sums(NamedTuple):
    """Accounts, those of them that ties hold, and what of them adds up; `strength` follows from it."""

    keys: Keys
    tied: Keys
    passed: int
    volume: int
    squares: int
    usual: float
    refused: int
    strength: float


NOBODY = Sums(frozenset(), frozenset(), 0, 0, 0, 0.0, 0, 0.0)


class Traces:
    """Adds accounts up for one window; only those that were active of late count."""

    def __init__(
        self, settings: DetectionSettings, book: LeadBook, members: MemberTable, rate: PassingRate, window: int
    ) -> None:
        self._settings = settings.group
        self._book = book
        self._members = members
        self._rate = rate.at(window)
        self._refused = rate.recently_refused(window)
        self._oldest = window - settings.window.windows(settings.link.horizon_s)
        self._known: dict[int, _Facts | None] = {}
        self._active: set[int] = set()

    def fresh(self, keys: Iterable[int]) -> Keys:
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

    def table(self, keys: Keys) -> Table:
        """Give accounts with all that is known of them."""
        return Table(self._members.of(sorted(keys)))

    def add(self, state: Sums, more: Keys, tied: Keys) -> Sums:
        """Give a union with more accounts in it."""
        more -= state.keys
        keys = state.keys | more
        facts = [fact for key in more if (fact := self._known[key]) is not None]
        grown = Sums(
            keys,
            state.tied | (tied & keys),
            state.passed + self._book.passed(more, keys),
            state.volume + sum(fact.volume for fact in facts),
            state.squares + sum(fact.volume * fact.volume for fact in facts),
            state.usual + sum(sorted(fact.usual for fact in facts)),
            state.refused + sum(fact.refused for fact in facts),
            0.0,
        )
        return grown._replace(strength=self.strength(grown))

    def strength(self, state: Sums) -> float:
        """Give the log10 probability of the traces of control."""
        return self.even(state) + self.passing(state).log10_p

    def even(self, state: Sums) -> float:
        """Give the log10 probability of so even a use."""
        settings = self._settings
        count = len(state.keys)
        if count < settings.min_accounts or state.usual != state.usual:
            return 0.0
        squares = state.squares - state.volume * state.volume / count + (count - 1) / 12
        return chi_square_log10(count - 1, squares / (state.usual / count * settings.evenness_floor_ratio))

    def passing(self, state: Sums) -> Passing:
        """Count the hand-offs within; those without which accounts would not be in it are no evidence about it.

        Beyond the population's rate they are: so many in so little time, whoever made them.
        """
        attached = len(state.keys) - len(state.tied)
        own = Passing(max(0, state.passed - attached), self._rate * max(1, state.refused))
        everyone = Passing(state.passed, self._rate * self._refused)
        return min(own, everyone, key=lambda passing: passing.log10_p) if attached else own

    @staticmethod
    def passes_on(state: Sums, trial: Sums) -> bool:
        """Whether those who would join pass on what is refused them, as those of the union do: half as often at least.

        So it is until chance brings as few hand-offs as theirs to such accounts in less than `FEW_P` of cases.
        """
        if state.passed < SEVERAL:
            return True
        ratio = USUAL_PASSED_RATIO * state.passed / max(state.passed, state.refused)
        expected = ratio * (trial.refused - state.refused)
        return bool(special.pdtr(trial.passed - state.passed, expected) >= FEW_P)
