from __future__ import annotations

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from streamer.config import StreamerConfig
from streamer.detection.evidence import Burst, EarlyBurst, EarlyCount, EvidenceItem, LeadReport, WindowReport
from streamer.metrics import Metrics
from streamer.stream.codec import ReportDecoder
from streamer.stream.messages import Stored
from streamer.stream.topology import Topology
from tests.detection.handmade import LATENESS_MS, START_MS, WINDOW_MS

LIVE_MS, PAST_MS = START_MS, START_MS - 30 * 86_400_000


@pytest.mark.parametrize("first_ms", [LIVE_MS, PAST_MS])
def test_silence_ends_a_window_once_nothing_that_comes_could_belong_to_it(first_ms: int) -> None:
    now_ms = START_MS
    topology = Topology(StreamerConfig(), Metrics(CollectorRegistry()), lambda: now_ms)
    task = topology.account_task(0)
    assert task.is_over(), "there is nothing to wait for"
    event = {"event_id": "e", "timestamp": first_ms, "account_id": "a", "model": "m"}
    task.take([Stored(0, b"a", msgspec.json.encode(event))])
    assert task.is_over() == (first_ms == PAST_MS), "of a stream of the past nothing is open"
    now_ms = first_ms + WINDOW_MS + LATENESS_MS - 1
    assert not task.is_over()
    now_ms += 1
    assert task.is_over()


def test_what_is_early_goes_to_whom_it_concerns_and_to_nobody_else() -> None:
    config = StreamerConfig.model_validate({"kafka": {"link_partitions": 4}})
    topology = Topology(config, Metrics(CollectorRegistry()), lambda: START_MS)
    counts = [EarlyCount(f"a{key}", key, 200, 9.0, START_MS, 200, 7) for key in (4, 6, 68)]
    sent = topology.route_evidence([WindowReport(0, 5, early=counts, last=False)])
    decode = ReportDecoder(WindowReport, "evidence")
    told = {
        message.partition: [count.key for report in decode(Stored(0, None, message.value)) for count in report.early]
        for message in sent
    }
    assert told == {0: [4, 68], 2: [6]}
    found = [EarlyBurst(Burst("a4", 4, -9.0, EvidenceItem("burst", "many", 200.0, 10.0, -9.0)), 1, 2, 3)]
    (message,) = topology.route_suspects([LeadReport(0, 5, last=False, early=found)])
    (report,) = ReportDecoder(LeadReport, "suspects")(Stored(0, None, message.value))
    assert (report.early, report.last) == (found, False)
