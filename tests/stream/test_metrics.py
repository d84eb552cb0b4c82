from __future__ import annotations

from dataclasses import replace

from prometheus_client import CollectorRegistry, generate_latest

from streamer.metrics import Metrics
from tests.detection.handmade import alert

IDENTITIES = ("account_id", "key", "ip", "session", "cluster", "address")


def test_no_label_names_a_person_and_combinations_exist_from_the_start() -> None:
    registry = CollectorRegistry()
    Metrics(registry)
    text = generate_latest(registry).decode()
    assert 'streamer_alerts_total{kind="cluster",severity="critical",status="firing"} 0.0' in text
    assert 'streamer_rejects_total{reason="not_json"} 0.0' in text
    assert not [name for name in IDENTITIES if f'{name}="' in text]


def test_a_released_partition_leaves_no_gauge_behind() -> None:
    registry = CollectorRegistry()
    partition = Metrics(registry).partition("account", 3)
    partition.lag(7)
    partition.saved(10, 20, 0.1)
    assert registry.get_sample_value("streamer_lag_messages", {"stage": "account", "partition": "3"}) == 7
    partition.released()
    assert registry.get_sample_value("streamer_lag_messages", {"stage": "account", "partition": "3"}) is None
    assert registry.get_sample_value("streamer_state_written_bytes_total", {"stage": "account"}) == 10


def test_how_long_it_took_is_told_of_what_begins_or_begins_anew() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    first = replace(alert(), detected_at=1000, updated_at=1000)
    again = replace(first, revision=4, detected_at=9000, updated_at=9000)
    story = [
        first,
        replace(first, revision=2, updated_at=2000),
        replace(first, revision=3, updated_at=3000, status="resolved"),
        again,
        replace(again, revision=5, updated_at=9500),
        # An account's may be told early, and once more when its window closes.
        replace(first, alert_id="a-2", kind="account"),
        replace(first, alert_id="a-2", kind="account", revision=2),
    ]
    metrics.count_decisions(story, 11_000)
    assert registry.get_sample_value("streamer_detection_latency_seconds_count") == 3
    assert registry.get_sample_value("streamer_detection_latency_seconds_sum") == 10 + 2 + 10
