"""The few figures of a status page, read from the metrics."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

# What is shown, the sample it is the sum of, and how a label narrows it.
SHOWN = (
    ("requests used", "streamer_requests_total", ("outcome", "used")),
    ("duplicates", "streamer_requests_total", ("outcome", "duplicate")),
    ("late", "streamer_requests_total", ("outcome", "late")),
    ("rejected", "streamer_requests_total", ("outcome", "rejected")),
    ("messages waiting", "streamer_lag_messages", None),
    ("accounts held", "streamer_accounts", None),
    ("links held", "streamer_links", None),
    ("alert records sent", "streamer_alerts_total", None),
    ("limits set", "streamer_limits_total", None),
)


def figures_of(registry: CollectorRegistry) -> dict[str, str]:
    """What there is of them, ready to be shown."""
    sums: dict[str, float] = {}
    for family in registry.collect():
        for sample in family.samples:
            for title, name, label in SHOWN:
                if sample.name == name and (label is None or sample.labels.get(label[0]) == label[1]):
                    sums[title] = sums.get(title, 0.0) + sample.value
    return {title: f"{sums[title]:,.0f}" for title, _, _ in SHOWN if title in sums}
