"""The three stages in a row, in one process: what a replay runs."""

from __future__ import annotations

from collections.abc import Sequence

from streamer.detection.account_stage import AccountStage, OutcomeCounts
from streamer.detection.cluster_stage import ClusterStage
from streamer.detection.event_clock import NEVER_MS
from streamer.detection.evidence import WindowReport
from streamer.detection.link_stage import LinkStage
from streamer.detection.records import Decision
from streamer.detection.request import Request
from streamer.detection.settings import DetectionSettings


class Detector:
    """Requests in, decisions out; `advance` after a batch, `finish` when the input has ended.

    Times beyond `present_ms` are hard to believe: see `EventClock`.
    """

    def __init__(self, settings: DetectionSettings, present_ms: int = NEVER_MS) -> None:
        self.accounts = AccountStage(settings, present_ms=present_ms)
        self.links = LinkStage(settings, sources=1)
        self.clusters = ClusterStage(settings, sources=1)
        self.observe = self.accounts.observe

    @property
    def counts(self) -> OutcomeCounts:
        """What became of the requests so far."""
        return self.accounts.counts

    def observe_all(self, requests: Sequence[Request]) -> list[Decision]:
        """Take in a batch and close what it completes."""
        self.accounts.observe_all(requests)
        return self.advance()

    def advance(self) -> list[Decision]:
        """Close every window that the watermark has passed, and say what can be said of the one after them."""
        return self._pass_on(self.accounts.advance(self.accounts.watermark_ms))

    def finish(self) -> list[Decision]:
        """Close everything that is open: the input has ended."""
        return self._pass_on(self.accounts.drain())

    def _pass_on(self, reports: list[WindowReport]) -> list[Decision]:
        decisions: list[Decision] = []
        for report in reports:
            self.links.observe(report)
            for suspects in self.links.advance():
                self.clusters.observe(suspects)
            decisions += self.clusters.advance()
        return decisions
