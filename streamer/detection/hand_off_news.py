"""Hand-offs as they are told: those that count are put on the books, and what chance brings is learned."""

from __future__ import annotations

from typing import Any

from streamer.detection.clocks import marks, timeless
from streamer.detection.clusters import Clusters
from streamer.detection.evidence import HandOff, LeadReport
from streamer.detection.lead_book import LeadBook
from streamer.detection.member_table import MemberTable
from streamer.detection.passing_rate import PassingRate
from streamer.detection.settings import DAY_S, DetectionSettings

REMEMBER_S = 30 * DAY_S
MAX_PAIRS = 100_000


class HandOffNews:
    """Takes in hand-offs of a window, but for those that are one owner's own affair.

    Two accounts that were once seen to be one owner's stay so, wherever they are used from next.
    """

    def __init__(
        self,
        settings: DetectionSettings,
        book: LeadBook,
        members: MemberTable,
        rate: PassingRate,
        clusters: Clusters,
    ) -> None:
        self._book = book
        self._members = members
        self._rate = rate
        self._clusters = clusters
        self._remember_windows = settings.window.windows(REMEMBER_S)
        self._owned: dict[tuple[int, int], int] = {}

    def take(self, window: int, reports: list[LeadReport]) -> list[HandOff]:
        """Take in hand-offs but for those within one organization or one place, whose own affair they are.

        What clusters do is not learned as something that happens by chance.
        """
        told = sorted({passed for report in reports for passed in report.hand_offs})
        found = [passed for passed in told if not self._is_own_affair(passed, window)]
        for passed in found:
            self._book.pass_on(passed, window)
        free = [
            p for p in found if p.giver not in self._clusters.of_account and p.taker not in self._clusters.of_account
        ]
        refused = max((sum(report.refused) for report in reports), default=0)
        self._rate.learn(window, refused, len(free))
        return found

    def _is_own_affair(self, passed: HandOff, window: int) -> bool:
        """Whether two accounts have or had an organization, a device, an address or a card in common.

        Or the one that took over runs on a timer: its own time had come.
        """
        pair = (min(passed.giver, passed.taker), max(passed.giver, passed.taker))
        if pair in self._owned and self._owned[pair] > window - self._remember_windows:
            return True
        rows = self._members.of((passed.giver, passed.taker))
        owners, places = rows["organization"], rows["place"]
        if len(rows) < 2:  # noqa: PLR2004 - a giver and a taker
            return True
        if owners[0] == owners[1] != 0 or ((places[0] == places[1]) & (places[0] != 0)).any():
            self._own(pair, window)
            return True
        return not timeless(marks(rows["slots"][1:])).all()

    def _own(self, pair: tuple[int, int], window: int) -> None:
        self._book.take_back(*pair)
        self._owned.pop(pair, None)
        self._owned[pair] = window
        if len(self._owned) > MAX_PAIRS:
            del self._owned[next(iter(self._owned))]

    def snapshot(self) -> list[Any]:
        """Plain data from which `restore` makes the same."""
        return [[*pair, window] for pair, window in self._owned.items()]

    def restore(self, state: list[Any]) -> None:
        """Take over what `snapshot` gave."""
        self._owned = {(one, other): window for one, other, window in state}
