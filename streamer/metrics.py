"""Every metric there is, on a registry passed in. No account, key, address or session is ever a label."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge, Histogram

from streamer.detection.records import Alert, Decision, Limit, LimitLifted, Membership
from streamer.presence import FieldPresence

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from prometheus_client import CollectorRegistry

STAGES = ("account", "link", "cluster")
OUTCOMES = ("used", "duplicate", "late", "ahead", "rejected")
REASONS = (
    "not_utf8",
    "not_json",
    "not_object",
    "missing_field",
    "wrong_type",
    "out_of_range",
    "timestamp_out_of_range",
    "too_large",
)
KINDS = ("account", "cluster")
SEVERITIES = ("critical", "warning", "info")
STATUSES = ("firing", "resolved")
ACTIONS = ("throttle", "block")
MODES = ("shadow", "enforce")
GAPS = ("natural", "fetched")
SHORT_S = (0.005, 0.02, 0.1, 0.5, 2, 10, 60)
LONG_S = (1, 10, 60, 300, 600, 1_800, 3_600, 14_400, 86_400)


def _is_raised(alert: Alert) -> bool:
    """Whether an alert about a cluster, of which nothing is told early, begins with this revision, or begins anew."""
    return alert.status == "firing" and alert.updated_at == alert.detected_at


class Metrics:
    """The metrics of one process. Label values known ahead exist from the start, so that no panel is empty."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.presence = FieldPresence(registry)
        self._requests(registry)
        self._flow(registry)
        self._state(registry)
        self._results(registry)

    def partition(self, stage: str, partition: int) -> PartitionMetrics:
        """Give the part of the metrics that the driver of one partition writes."""
        return PartitionMetrics(self, stage, str(partition))

    def count_requests(self, counts: Mapping[str, int]) -> None:
        """Add requests by outcome (see OUTCOMES)."""
        for outcome, count in counts.items():
            if count:
                self.requests.labels(outcome).inc(count)

    def count_unusable(self, reasons: Iterable[str], fields_dropped: Mapping[str, int]) -> None:
        """Add records rejected, by reason, and optional fields dropped, by name."""
        for reason in reasons:
            self.requests.labels("rejected").inc()
            self.rejects.labels(reason).inc()
        for field, count in fields_dropped.items():
            self.fields_dropped.labels(field).inc(count)

    def count_decisions(self, decisions: Iterable[Decision], now_ms: int) -> None:
        """Add what was decided; a new alert tells how long it took."""
        for decision in decisions:
            match decision:
                case Alert():
                    self.alerts.labels(decision.kind, decision.severity, decision.status).inc()
                    if decision.revision == 1 or (decision.kind == "cluster" and _is_raised(decision)):
                        self.detection_latency.observe(max(0.0, (now_ms - decision.detected_at) / 1000))
                case Membership():
                    self.members.labels(decision.status).inc()
                case Limit():
                    self.limits.labels(decision.action, decision.mode).inc()
                case LimitLifted():
                    self.limits_lifted.inc()

    def _requests(self, registry: CollectorRegistry) -> None:
        self.requests = Counter("streamer_requests", "Requests read, by outcome", ["outcome"], registry=registry)
        self.rejects = Counter("streamer_rejects", "Records rejected, by reason", ["reason"], registry=registry)
        self.fields_dropped = Counter(
            "streamer_fields_dropped", "Optional fields dropped as unusable", ["field"], registry=registry
        )
        for outcome in OUTCOMES:
            self.requests.labels(outcome)
        for reason in REASONS:
            self.rejects.labels(reason)

    def _flow(self, registry: CollectorRegistry) -> None:
        place = ["stage", "partition"]
        self.lag = Gauge("streamer_lag_messages", "Messages not yet taken", place, registry=registry)
        self.watermark_delay = Gauge(
            "streamer_watermark_delay_seconds", "Wall clock minus watermark", ["partition"], registry=registry
        )
        self.window_latency = Histogram(
            "streamer_window_latency_seconds",
            "Wall clock at close minus end of window",
            registry=registry,
            buckets=LONG_S,
        )
        self.detection_latency = Histogram(
            "streamer_detection_latency_seconds",
            "Wall clock minus detected_at; 0 for what is said before its window ends",
            registry=registry,
            buckets=LONG_S,
        )
        self.skipped = Counter(
            "streamer_messages_skipped", "Messages already in the state", ["stage"], registry=registry
        )
        self.gaps = Counter(
            "streamer_offset_gaps",
            "Gaps in delivered offsets: natural ones, and ones whose messages were fetched from the partition",
            ["stage", "kind"],
            registry=registry,
        )
        self.fetched = Counter(
            "streamer_messages_fetched", "Messages that were not delivered and so fetched", ["stage"], registry=registry
        )
        for stage in STAGES:
            self.skipped.labels(stage)
            self.fetched.labels(stage)
            for kind in GAPS:
                self.gaps.labels(stage, kind)

    def _state(self, registry: CollectorRegistry) -> None:
        self.accounts = Gauge("streamer_accounts", "Accounts held", ["partition"], registry=registry)
        self.links = Gauge("streamer_links", "Link values held", ["partition"], registry=registry)
        self.hubs = Gauge(
            "streamer_link_hubs", "Link values too popular to bind anybody", ["partition"], registry=registry
        )
        stage = ["stage"]
        self.state_bytes = Gauge(
            "streamer_state_bytes", "Size of the newest state", ["stage", "partition"], registry=registry
        )
        self.state_written = Counter("streamer_state_written_bytes", "Bytes of state written", stage, registry=registry)
        self.checkpoints = Counter("streamer_checkpoints", "Checkpoints written", stage, registry=registry)
        self.checkpoint_seconds = Histogram(
            "streamer_checkpoint_seconds", "Time to write a checkpoint", stage, registry=registry, buckets=SHORT_S
        )
        self.restores = Counter("streamer_restores", "Partitions restored", stage, registry=registry)
        self.restore_seconds = Histogram(
            "streamer_restore_seconds", "Time to restore a partition", stage, registry=registry, buckets=SHORT_S
        )
        self.fenced = Counter(
            "streamer_fenced", "Partitions found to belong to another worker", stage, registry=registry
        )
        for name in STAGES:
            for metric in (self.state_written, self.checkpoints, self.restores, self.fenced):
                metric.labels(name)

    def _results(self, registry: CollectorRegistry) -> None:
        self.alerts = Counter(
            "streamer_alerts", "Alert records sent", ["kind", "severity", "status"], registry=registry
        )
        self.limits = Counter("streamer_limits", "Limits set", ["action", "mode"], registry=registry)
        self.limits_lifted = Counter("streamer_limits_lifted", "Limits lifted", registry=registry)
        self.members = Counter("streamer_memberships", "Membership records sent", ["status"], registry=registry)
        for kind in KINDS:
            for severity in SEVERITIES:
                for status in STATUSES:
                    self.alerts.labels(kind, severity, status)
        for action in ACTIONS:
            for mode in MODES:
                self.limits.labels(action, mode)
        for status in ("member", "left"):
            self.members.labels(status)


class PartitionMetrics:
    """What the driver of one partition has to tell."""

    def __init__(self, metrics: Metrics, stage: str, partition: str) -> None:
        self._metrics = metrics
        self._stage = stage
        self._partition = partition

    def restored(self, seconds: float) -> None:
        """The partition was taken over."""
        self._metrics.restores.labels(self._stage).inc()
        self._metrics.restore_seconds.labels(self._stage).observe(seconds)

    def saved(self, written_bytes: int, state_bytes: int, seconds: float) -> None:
        """A checkpoint was written."""
        self._metrics.checkpoints.labels(self._stage).inc()
        self._metrics.checkpoint_seconds.labels(self._stage).observe(seconds)
        self._metrics.state_written.labels(self._stage).inc(written_bytes)
        self._metrics.state_bytes.labels(self._stage, self._partition).set(state_bytes)

    def skipped(self) -> None:
        """A message came that was already in the state."""
        self._metrics.skipped.labels(self._stage).inc()

    def gap(self, fetched: int) -> None:
        """Offsets were not delivered; `fetched` messages were found there."""
        self._metrics.gaps.labels(self._stage, "fetched" if fetched else "natural").inc()
        self._metrics.fetched.labels(self._stage).inc(fetched)

    def fenced(self) -> None:
        """Another worker owns the partition."""
        self._metrics.fenced.labels(self._stage).inc()

    def lag(self, messages: int) -> None:
        """So many messages are not yet taken."""
        self._metrics.lag.labels(self._stage, self._partition).set(messages)

    def released(self) -> None:
        """The partition is no longer ours: its gauges would mislead."""
        for gauge in (self._metrics.lag, self._metrics.state_bytes):
            _forget(gauge, self._stage, self._partition)
        if self._stage == "account":
            _forget(self._metrics.accounts, self._partition)
            _forget(self._metrics.watermark_delay, self._partition)
        elif self._stage == "link":
            _forget(self._metrics.links, self._partition)
            _forget(self._metrics.hubs, self._partition)


def _forget(gauge: Gauge, *labels: str) -> None:
    gauge.labels(*labels)  # so that there is something to remove
    gauge.remove(*labels)
