"""Hand-offs as they are told: those that count are put on the books, and what chance brings is learned."""

from __future__ import annotations

from streamer.detection.clocks import marks, timeless
from streamer.detection.clusters import Clusters
from streamer.detection.evidence import HandOff, LeadReport
from streamer.detection.lead_book import LeadBook
from streamer.detection.member_table import MemberTable
from streamer.detection.passing_rate import PassingRate


class HandOffNews:
    """Takes in hand-offs of a window, but for those that are one owner's own affair."""

    def __init__(self, book: LeadBook, members: MemberTable, rate: PassingRate, clusters: Clusters) -> None:
        self._book = book
        self._members = members
        self._rate = rate
        self._clusters = clusters

    def take(self, window: int, reports: list[LeadReport]) -> list[HandOff]:
        """Take in hand-offs but for those within one organization or one place, whose own affair they are.

        What clusters do is not learned as something that happens by chance.
        """
        told = sorted({passed for report in reports for passed in report.hand_offs})
        found = [passed for passed in told if not self._is_own_affair(passed)]
        for passed in found:
            self._book.pass_on(passed, window)
        free = [
            p for p in found if p.giver not in self._clusters.of_account and p.taker not in self._clusters.of_account
        ]
        refused = max((sum(report.refused) for report in reports), default=0)
        self._rate.learn(window, refused, len(free))
        return found

    def _is_own_affair(self, passed: HandOff) -> bool:
        """Whether two accounts have an organization, a device, an address or a card in common.

        Or the one that took over runs on a timer: its own time had come.
        """
        rows = self._members.of((passed.giver, passed.taker))
        owners, places = rows["organization"], rows["place"]
        if len(rows) < 2:  # noqa: PLR2004 - a giver and a taker
            return True
        if owners[0] == owners[1] != 0 or ((places[0] == places[1]) & (places[0] != 0)).any():
            return True
        return not timeless(marks(rows["slots"][1:])).all()
