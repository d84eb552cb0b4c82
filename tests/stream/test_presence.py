"""Which fields requests carry is counted on a sample of them."""

from __future__ import annotations

import msgspec
from prometheus_client import CollectorRegistry

from streamer.presence import EVERY_BATCHES, FIELDS, MOST_REQUESTS, FieldPresence
from streamer.sources.event import RequestEvent


def event(**fields: object) -> RequestEvent:
    required = {"event_id": "e", "timestamp": 1_772_452_800_000, "account_id": "a", "model": "m"}
    return msgspec.convert({**required, **fields}, RequestEvent)


def test_a_field_counts_where_it_is_there_even_when_it_is_zero() -> None:
    registry = CollectorRegistry()
    presence = FieldPresence(registry)
    presence.look([event(output_tokens=0), event(output_tokens=7, client_ip="192.0.2.1"), event()])

    def value(field: str) -> float | None:
        return registry.get_sample_value("streamer_fields_present_total", {"field": field, "family": FIELDS[field]})

    assert registry.get_sample_value("streamer_requests_sampled_total") == 3
    assert (value("output_tokens"), value("client_ip"), value("payment_fingerprint")) == (2, 1, 0)


def test_few_batches_are_looked_at_and_little_of_each() -> None:
    registry = CollectorRegistry()
    presence = FieldPresence(registry)
    batch = [event() for _ in range(2 * MOST_REQUESTS)]
    for _ in range(3 * EVERY_BATCHES):
        presence.look(batch)
    presence.look([])
    assert registry.get_sample_value("streamer_requests_sampled_total") == 3 * MOST_REQUESTS


def test_every_field_is_one_of_the_events() -> None:
    assert set(FIELDS) <= set(RequestEvent.__struct_fields__)
