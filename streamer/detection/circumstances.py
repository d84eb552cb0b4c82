"""What the accounts of a group do not tell by themselves: families of evidence that need to know what else goes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from streamer.detection.clusters import Clusters
from streamer.detection.coincidence import Coincidences
from streamer.detection.displacement import Displacement
from streamer.detection.evidence import EvidenceItem, LeadReport
from streamer.detection.launches import Launches
from streamer.detection.lead_book import LeadBook
from streamer.detection.member_table import MemberTable
from streamer.detection.profile import Rows
from streamer.detection.settings import DetectionSettings
from streamer.detection.synchrony import Day, synchrony
from streamer.detection.union import Union


class Circumstances:
    """Learns from every window, and judges the unions of the window by it."""

    def __init__(self, settings: DetectionSettings, book: LeadBook, members: MemberTable, clusters: Clusters) -> None:
        self._members = members
        self._clusters = clusters
        self._coincidences = Coincidences(settings, book)
        self._launches = Launches(settings)
        self._day = Day(settings)
        self._displacement = Displacement(settings)
        self._settings = settings

    def learn(self, window: int, reports: Sequence[LeadReport]) -> None:
        """Take in what all partitions tell of a window."""
        accounts = max((report.accounts for report in reports), default=0)
        self._coincidences.learn(window, accounts, self._clusters.of_account)
        self._displacement.learn((window + 1) * self._settings.window.window_ms, self._clusters.by_id.values())
        self._day.learn(window, max((report.active for report in reports), default=0))
        self._launches.learn(window, [moves for report in reports for moves in report.moves])

    def evidence(self, union: Union, window: int) -> list[EvidenceItem]:
        """Give what can be said of a union at a window; each is common cause, and no trace of control."""
        rows = union.table.rows
        found = [
            self._coincidences.test(union.held, window),
            self._joint_pivot(union),
            synchrony(rows, self._day.shape(window), window, self._settings),
            self._displaced_volume(rows, window),
        ]
        return [item for item in found if item is not None]

    def _joint_pivot(self, union: Union) -> EvidenceItem | None:
        if not self._launches:
            return None
        return self._launches.joint_pivot(union.table, self._members.of(self._clusters.of_account))

    def _displaced_volume(self, rows: Rows, window: int) -> EvidenceItem | None:
        if not self._displacement:
            return None
        group = set(rows["key"].tolist())
        others = [key for key in self._members if key not in group and key not in self._clusters.of_account]
        return self._displacement.test(rows, self._members.of(others), window)

    def snapshot(self) -> dict[str, Any]:
        """Plain data from which `restore` makes the same."""
        return {
            "coincidences": self._coincidences.snapshot(),
            "launches": self._launches.snapshot(),
            "displacement": self._displacement.snapshot(),
            "day": self._day.snapshot(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `snapshot` gave."""
        self._coincidences.restore(state["coincidences"])
        self._launches.restore(state["launches"])
        self._displacement.restore(state["displacement"])
        self._day.restore(state["day"])
