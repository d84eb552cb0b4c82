"""What the accounts of a group do not tell by themselves: families of evidence that need to know what else goes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from streamer.detection.clusters import Clusters
from streamer.detection.evidence import EvidenceItem, LeadReport
from streamer.detection.launches import Launches
from streamer.detection.member_table import MemberTable
from streamer.detection.settings import DetectionSettings
from streamer.detection.union import Union


class Circumstances:
    """Learns from every window, and judges the unions of the window by it."""

    def __init__(self, settings: DetectionSettings, members: MemberTable, clusters: Clusters) -> None:
        self._members = members
        self._clusters = clusters
        self._launches = Launches(settings)

    def learn(self, window: int, reports: Sequence[LeadReport]) -> None:
        """Take in what all partitions tell of a window."""
        self._launches.learn(window, [moves for report in reports for moves in report.moves])

    def evidence(self, union: Union) -> list[EvidenceItem]:
        """Give what can be said of a union; each is common cause, and no trace of control."""
        found = [self._joint_pivot(union)]
        return [item for item in found if item is not None]

    def _joint_pivot(self, union: Union) -> EvidenceItem | None:
        if not self._launches:
            return None
        return self._launches.joint_pivot(union.table, self._members.of(self._clusters.of_account))

    def snapshot(self) -> dict[str, Any]:
        """Plain data from which `restore` makes the same."""
        return {"launches": self._launches.snapshot()}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `snapshot` gave."""
        self._launches.restore(state["launches"])
