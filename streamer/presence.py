"""Which optional fields the requests carry: a field that is missing makes a family of evidence blind."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from prometheus_client import CollectorRegistry, Counter

FIELDS = {
    "payment_fingerprint": "payment",
    "client_ip": "address",
    "device_id": "device",
    "user_agent": "client_stack",
    "tls_fingerprint": "client_stack",
    "system_prompt_hash": "system_prompt",
    "prompt_simhash": "template",
    "account_created_at": "signup",
    "email_domain": "signup",
    "organization_id": "organization",
    "plan": "plan",
    "session_id": "session",
    "status": "outcome",
    "max_tokens": "output",
    "output_tokens": "output",
    "capability": "content",
    "language": "content",
    "tools_hash": "content",
}
EVERY_BATCHES = 16
MOST_REQUESTS = 32


class FieldPresence:
    """Counts fields in a sample: the first requests of one batch in sixteen, so that it costs next to nothing."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._sampled = Counter(
            "streamer_requests_sampled", "Requests looked at for the presence of fields", registry=registry
        )
        self._present = Counter(
            "streamer_fields_present",
            "Sampled requests that carry an optional field, by field and the family of evidence that needs it",
            ["field", "family"],
            registry=registry,
        )
        self._counters = [self._present.labels(field, family) for field, family in FIELDS.items()]
        self._values = attrgetter(*FIELDS)
        self._batches = 0

    def look(self, requests: Sequence[Any]) -> None:
        """Take notice of a batch of requests."""
        self._batches += 1
        if self._batches % EVERY_BATCHES != 1 or not requests:
            return
        sample = [self._values(request) for request in requests[:MOST_REQUESTS]]
        self._sampled.inc(len(sample))
        for counter, column in zip(self._counters, zip(*sample, strict=True), strict=True):
            counter.inc(len(column) - column.count(None))
