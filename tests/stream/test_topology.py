from __future__ import annotations

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from streamer.config import StreamerConfig
from streamer.metrics import Metrics
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
    task.take(Stored(0, b"a", msgspec.json.encode(event)))
    assert task.is_over() == (first_ms == PAST_MS), "of a stream of the past nothing is open"
    now_ms = first_ms + WINDOW_MS + LATENESS_MS - 1
    assert not task.is_over()
    now_ms += 1
    assert task.is_over()
