"""A search with what it looks at: accounts, ties, clusters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from streamer.detection.behaviour_table import BehaviourTable
from streamer.detection.circumstances import Circumstances
from streamer.detection.cluster import Suspect
from streamer.detection.clusters import Clusters
from streamer.detection.evidence import HandOff, Lead
from streamer.detection.judging import Judging, Seed
from streamer.detection.lead_book import LeadBook
from streamer.detection.member_table import MemberTable
from streamer.detection.naming import Naming
from streamer.detection.opinion import Opinion
from streamer.detection.passing_rate import PassingRate
from streamer.detection.search import Search
from streamer.detection.union import Grower
from tests.detection.crowds import Values, told_of
from tests.detection.handmade import default_settings, evidence, key_of, lead, link, watched

WINDOW = 2000
REST = 6  # windows: an hour
DAY = 144  # windows
SETTINGS = default_settings()


def named(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{number:02}" for number in range(count)]


def keys(names: Sequence[str]) -> frozenset[int]:
    return frozenset(map(key_of, names))


def seed(names: Sequence[str], value: str = "card", *, urgent: bool = False) -> Seed:
    return Seed(f"payment|{value}", keys(names), (link(value),), -10.0, urgent)


def passing(giver: str, taker: str) -> HandOff:
    return HandOff(key_of(giver), key_of(taker), 0, 900, by_shape=False)


class Field:
    """A search with what it looks at."""

    def __init__(self) -> None:
        self.opinion = Opinion()
        self.clusters = Clusters(SETTINGS.alert, 1000)
        self.table = BehaviourTable(SETTINGS.likeness, SETTINGS.window)
        circumstances = Circumstances(SETTINGS, LeadBook(SETTINGS), MemberTable(), self.clusters)
        self.naming = Naming(SETTINGS, self.table, self.clusters)
        judging = Judging(SETTINGS.widened(), self.opinion, self.naming, circumstances)
        self.search = Search(SETTINGS, self.naming, judging)
        self.book = LeadBook(SETTINGS)
        self.members = MemberTable()

    def accounts(self, names: list[str], score: float = 2.5, requests: int = 40) -> list[str]:
        """Accounts that are used alike, busy and regular."""
        rows = watched(names, WINDOW, requests=requests, bins=90).table().copy()
        rows["scores"] = score
        rows["scores"][:, 2] = -score
        self.members.put(rows, names, [("large",)] * len(names))
        return names

    def behave(self, names: list[str], values: Values, window: int = WINDOW) -> None:
        self.table.put(told_of(names, values), names, window)

    def tie(self, names: Sequence[str], value: str = "card", **columns: Any) -> Lead:
        found = lead(names, value, **columns)
        self.book.add(found, WINDOW)
        return found

    def seeds(self, *found: Lead, passed: Sequence[HandOff] = ()) -> list[Seed]:
        for hand_off in passed:
            self.book.pass_on(hand_off, WINDOW)
        return self.search.seeds(found, passed, self.book, self.clusters, WINDOW)

    def look(self, *seeds: Seed, window: int = WINDOW) -> tuple[list[Suspect], int]:
        grower = Grower(SETTINGS, self.book, self.members, PassingRate(SETTINGS), WINDOW)
        return self.search.look(seeds, self.clusters, grower, window)

    def place(self, names: Sequence[str], *, is_alarming: bool = True, kind: str = "cluster") -> str:
        of = keys(names)
        scores = dict.fromkeys(of, 0.9)
        found = Suspect(
            kind, names[0], WINDOW, scores, frozenset(), of, of, (link("card"),), evidence(), -10.0, is_alarming, 1e-6
        )
        placed = self.clusters.place(found, {key_of(name): name for name in names}, 0)
        assert placed is not None
        return placed.cluster.cluster_id
