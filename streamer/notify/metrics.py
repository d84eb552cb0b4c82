"""What the notifier counts: how its deliveries go."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

TARGETS = ("alertmanager", "webhook", "siem")
OUTCOMES = ("ok", "failed", "refused")


class NotifyMetrics:
    """Deliveries by target and outcome; `refused` is what the receiver will never take."""

    def __init__(self, registry: CollectorRegistry) -> None:
        target = ["target"]
        self.deliveries = Counter(
            "streamer_notify_deliveries", "Calls to a receiver, by outcome", ["target", "outcome"], registry=registry
        )
        self.last_success = Gauge(
            "streamer_notify_last_success_timestamp_seconds",
            "When a receiver last took a call",
            target,
            registry=registry,
        )
        self.failing = Gauge(
            "streamer_notify_failing",
            "Receivers whose last call failed, retried until it succeeds",
            target,
            registry=registry,
        )
        self.receivers = Gauge("streamer_notify_receivers", "Receivers that are configured", target, registry=registry)
        self.leads = Gauge("streamer_notify_leads", "1 where this process is the one that notifies", registry=registry)
        for name in TARGETS:
            self.last_success.labels(name)
            self.receivers.labels(name)
            self.failing.labels(name)
            for outcome in OUTCOMES:
                self.deliveries.labels(name, outcome)

    def delivered(self, target: str, now_s: float) -> None:
        """A receiver took a call."""
        self.deliveries.labels(target, "ok").inc()
        self.last_success.labels(target).set(now_s)

    def undelivered(self, target: str, *, refused: bool = False) -> None:
        """A receiver did not answer, or said no."""
        self.deliveries.labels(target, "refused" if refused else "failed").inc()
