from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest

from streamer.metrics import Metrics

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
