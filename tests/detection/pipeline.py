"""The three stages driven as a live run drives them, in one process: partitions, bytes, crashes, repeats."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from streamer.detection.account_stage import AccountStage
from streamer.detection.cluster_stage import ClusterStage
from streamer.detection.detector import Detector
from streamer.detection.evidence import LeadReport, WindowReport
from streamer.detection.link_stage import LinkStage
from streamer.detection.records import Alert, Decision, Membership
from streamer.detection.report_parts import chunk, split
from streamer.detection.request import Request, RequestRecord
from streamer.detection.settings import DetectionSettings


def as_message(snapshot: dict[str, Any]) -> dict[str, Any]:
    """What is left of a snapshot after a way through the state topic."""
    plain: dict[str, Any] = msgspec.msgpack.decode(msgspec.msgpack.encode(snapshot))
    return plain


class Pipeline:
    """As many account and link partitions as asked for; each can be killed and brought back."""

    def __init__(self, settings: DetectionSettings, sources: int, links: int, max_rows: int = 50) -> None:
        self.settings, self.sources, self.link_partitions, self.max_rows = settings, sources, links, max_rows
        self.accounts = [AccountStage(settings, number, track_changes=True) for number in range(sources)]
        self.links = [LinkStage(settings, sources, number, links) for number in range(links)]
        self.cluster = ClusterStage(settings, links)
        self.decisions: list[Decision] = []
        self._stored: list[dict[str, bytes]] = [{} for _ in range(sources)]

    def partition_of(self, request: Request) -> int:
        """Any stable choice by account will do."""
        return zlib.crc32(request.account_id.encode()) % self.sources

    def feed(self, requests: Iterable[RequestRecord]) -> None:
        """One batch: observed, closed, passed on."""
        for request in requests:
            self.accounts[self.partition_of(request)].observe(request)
        for stage in self.accounts:
            self.pass_on(stage.advance(stage.watermark_ms))

    def drain(self) -> None:
        """Every partition falls silent."""
        for stage in self.accounts:
            self.pass_on(stage.drain())

    def pass_on(self, reports: Sequence[WindowReport], times: int = 1) -> None:
        """Send reports as messages; `times` above 1 is what a crash before the acknowledgement does."""
        for _ in range(times):
            for report in reports:
                for target, part in enumerate(split(report, self.link_partitions, self.settings.link.shards)):
                    for piece in chunk(part, self.max_rows):
                        message = msgspec.msgpack.encode(piece)
                        self.links[target].observe(msgspec.msgpack.decode(message, type=WindowReport))
        for link in self.links:
            for suspects in link.advance():
                message = msgspec.msgpack.encode(suspects)
                self.cluster.observe(msgspec.msgpack.decode(message, type=LeadReport))
        self.decisions += self.cluster.advance()

    def kill_accounts(self, number: int) -> None:
        """Lose an account stage and bring it back from what it had written."""
        stage = self.accounts[number]
        self._stored[number].update(stage.take_changed())
        head = as_message(stage.snapshot())
        self.accounts[number] = AccountStage(self.settings, number, track_changes=True)
        self.accounts[number].restore(head, self._stored[number].items())

    def kill_links(self, number: int) -> None:
        """Lose a link stage and bring it back."""
        state = as_message(self.links[number].snapshot())
        self.links[number] = LinkStage(self.settings, self.sources, number, self.link_partitions)
        self.links[number].restore(state)

    def kill_cluster(self) -> None:
        """Lose the cluster stage and bring it back."""
        state = as_message(self.cluster.snapshot())
        self.cluster = ClusterStage(self.settings, self.link_partitions)
        self.cluster.restore(state)


def replay(requests: Sequence[RequestRecord], settings: DetectionSettings, batch: int = 500) -> list[Decision]:
    """What the detector says of requests in one process."""
    detector = Detector(settings)
    decisions: list[Decision] = []
    for start in range(0, len(requests), batch):
        decisions += detector.observe_all(list(requests[start : start + batch]))
    return decisions + detector.finish()


def answer(decisions: Iterable[Decision]) -> tuple[list[Alert], list[Membership], list[str]]:
    """Decisions without the order in which they came."""
    found = list(decisions)
    alerts = sorted((d for d in found if isinstance(d, Alert)), key=lambda a: (a.alert_id, a.revision))
    members = sorted((d for d in found if isinstance(d, Membership)), key=lambda m: (m.account_id, m.since))
    limits = sorted(repr(d) for d in found if not isinstance(d, Alert | Membership))
    return alerts, members, limits
