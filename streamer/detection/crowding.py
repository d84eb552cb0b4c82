"""Newcomers who share nothing: all who were first seen of late, looked at for crowds a few times a day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import Any, NamedTuple

from streamer.detection.behaviour_table import SPARE, BehaviourTable
from streamer.detection.cells import Cells
from streamer.detection.clusters import Clusters
from streamer.detection.evidence import EvidenceItem, LeadReport
from streamer.detection.member_table import MemberTable
from streamer.detection.naming import Naming
from streamer.detection.settings import DAY_S, DetectionSettings
from streamer.detection.verdict import CROWDED

MIN_EARLIER = 500
# Of each earlier day so many accounts are enough.
PER_DAY = 400
# That many behave alike says little of who drives them: however many, it counts for no more than this.
STRONGEST_LOG10_P = -3.0


class Crowding(NamedTuple):
    """Accounts that behave alike, and how improbable so many are.

    `is_told` if it is known of most what they ask for: by times and lengths alone, robots that one event starts are as
    alike as what one hand drives.
    """

    keys: frozenset[int]
    evidence: EvidenceItem
    is_told: bool


class Newcomers:
    """Holds how newcomers now are, and finds crowds among those whom no tie has brought into a cluster."""

    def __init__(
        self,
        settings: DetectionSettings,
        table: BehaviourTable,
        members: MemberTable,
        clusters: Clusters,
        naming: Naming,
    ) -> None:
        self._settings = settings.cells
        self._least = settings.group.min_accounts
        self._table = table
        self._members = members
        self._clusters = clusters
        self._naming = naming
        window = settings.window
        self._window_ms, self._day = window.window_ms, window.windows(DAY_S)
        self._every, self._new = window.windows(settings.cells.every_s), window.windows(settings.cells.new_s)
        self._known = MemberTable()
        self._looked = -1
        self._seen: list[tuple[int, frozenset[int]]] = []
        self._of_days: tuple[tuple[int, ...], Cells | None] = ((), None)

    def take(self, reports: Sequence[LeadReport]) -> None:
        """Take in newcomers as they now are; of too many, the first by key, which is a hash, are kept."""
        for told in (report.newcomers for report in reports):
            if told.account_ids:
                rows = told.table()
                self._known.put(rows, told.account_ids, [told.models[number] for number in rows["model"].tolist()])
        most = self._settings.max_accounts
        if len(self._known) > SPARE * most:
            self._known.drop(sorted(self._known)[most:])

    def crowds(self, window: int) -> list[Crowding]:
        """Give the crowds, if it is time to look; all that is known of their accounts is known of members then."""
        if not self._settings.enabled or window // self._every == self._looked:
            return []
        self._looked = window // self._every
        self._known.forget(window - self._day)
        of_ties = {key for cluster in self._clusters.by_id.values() if cluster.held() for key in cluster.accounts}
        keys = self._newcomers(window, of_ties)
        cells = self._cells(window) if len(keys) >= self._least else None
        if cells is None:
            return []
        crowds = cells.crowds(self._table.of(keys), self._clusters.of_account, self._least)
        alike = [frozenset(keys[at] for at in crowd.places.tolist()) for crowd in crowds]
        before = [seen for at, seen in self._seen if at > window - self._day]
        found = []
        for crowd, now in zip(crowds, alike, strict=True):
            steady = _in_several([now, *(seen for seen in before if _overlaps(seen, now))]).intersection(keys)
            # More of a campaign that is known is that campaign's affair.
            if len(steady) < self._least or self._naming.kin_of(steady, window) is not None:
                continue
            self._show(sorted(steady))
            evidence = self._evidence(len(keys), crowd.seen, crowd.usual, crowd.log10_p)
            found.append(Crowding(steady, evidence, self._table.tells_what(steady)))
        self._seen = [(at, seen) for at, seen in self._seen if at > window - self._day] + [
            (window, now) for now in alike
        ]
        return found

    def _newcomers(self, window: int, but: set[int]) -> list[int]:
        """Give those active of late who are still new, in order; of too many, the first."""
        since_ms = (window + 1 - self._new) * self._window_ms
        rows = self._known.of(self._known)
        new = rows["key"][(rows["first_seen_ms"] >= since_ms) & (rows["window"] > window - self._day)].tolist()
        told = (key for key in new if key not in but and self._table.told_since(key, window - self._day))
        return sorted(told)[: self._settings.max_accounts]

    def _cells(self, window: int) -> Cells | None:
        """Give the cells of the days that ended before the newcomers came; they can be made again at any time."""
        days = self._table.sampled_days(window - self._new, window)
        if days != self._of_days[0]:
            told = [self._earlier(day) for day in days]
            enough = sum(len(keys) for keys, _ in told) >= MIN_EARLIER
            self._of_days = days, Cells(told, self._settings) if enough else None
        return self._of_days[1]

    def _earlier(self, day: int) -> tuple[list[int], Any]:
        """Give newcomers of an earlier day; on the first days all accounts are."""
        rows = self._table.sample([day])
        new = rows["first_seen_ms"] >= ((day + 1) * self._day - self._new) * self._window_ms
        rows = rows[new][:PER_DAY]
        return rows["key"].tolist(), rows["values"]

    def _show(self, keys: list[int]) -> None:
        known = self._known
        self._members.put(known.of(keys), list(map(known.name, keys)), list(map(known.models_of, keys)))

    def _evidence(self, newcomers: int, seen: int, usual: float, log10_p: float) -> EvidenceItem:
        statement = (
            f"{seen} of {newcomers // 2} accounts first seen within {self._settings.new_s / DAY_S:g} days behave as "
            f"the others of the group do; of as many that came before, {usual:.2g} did"
        )
        return EvidenceItem(CROWDED, statement, float(seen), round(usual, 3), max(STRONGEST_LOG10_P, log10_p))

    def snapshot(self) -> list[Any]:
        """Plain data from which `restore` makes the same."""
        return [self._looked, self._known.snapshot(), [[at, sorted(keys)] for at, keys in self._seen]]

    def restore(self, state: list[Any]) -> None:
        """Take over what `snapshot` gave."""
        self._looked, known, seen = state
        self._seen = [(at, frozenset(keys)) for at, keys in seen]
        self._known.restore(known)


def _overlaps(some: frozenset[int], others: frozenset[int]) -> bool:
    return 2 * len(some & others) > min(len(some), len(others))


def _in_several(groups: Sequence[frozenset[int]]) -> frozenset[int]:
    """Give who is in more than one of some groups: once may be chance."""
    counts = Counter(chain.from_iterable(groups))
    return frozenset(key for key, count in counts.items() if count > 1)
