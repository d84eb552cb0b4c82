"""The metrics of the limits, on a registry passed in. All label values are known ahead; no account is ever one."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from streamer.limits.decision import OUTCOMES
from streamer.limits.gate import ENDED, RAN_OUT, REFUSED, RENEWED, SET, Change
from streamer.limits.policy import BLOCK, ENFORCE, EXPIRED, REFUSALS, SHADOW, THROTTLE, Standing

EVENTS = (SET, RENEWED, REFUSED, ENDED, RAN_OUT)
TARGETS = ("audit", "redis", "litellm")


class Decisions(Collector):
    """Counts decisions; thousands a second are given, all in one thread, so without a lock."""

    def __init__(self) -> None:
        self.by_outcome = dict.fromkeys(OUTCOMES, 0)

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Tell Prometheus."""
        found = CounterMetricFamily("streamer_decisions", "Decisions given, by outcome", labels=["outcome"])
        for outcome, count in self.by_outcome.items():
            found.add_metric([outcome], count)
        yield found


class LimitMetrics:
    """What `streamer limits serve` tells about itself."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._decisions = Decisions()
        registry.register(self._decisions)
        self._in_force = Gauge(
            "streamer_limits_in_force", "Accounts under a limit", ["mode", "action"], registry=registry
        )
        self._refused = Counter(
            "streamer_limits_refused", "Limits proposed and not put in force, by reason", ["reason"], registry=registry
        )
        self._changes = Counter("streamer_limit_changes", "What became of limits", ["event"], registry=registry)
        self.stopped = Gauge("streamer_limits_stopped", "1 while limits are switched off", registry=registry)
        self.record_age = Gauge(
            "streamer_limits_record_age_seconds",
            "Age of the newest record read, NaN before the first",
            registry=registry,
        )
        self.contact_age = Gauge(
            "streamer_limits_contact_age_seconds",
            "Since the topics were last known to be read to the end",
            registry=registry,
        )
        self.open = Gauge("streamer_limits_open", "1 while everybody passes, whatever the limits", registry=registry)
        self.share = Gauge("streamer_limits_traffic_ratio", "Share of the traffic that is refused", registry=registry)
        self.keeper = Gauge("streamer_limits_keeper", "1 where the audit and deliveries are made", registry=registry)
        self._deliveries = Counter(
            "streamer_limit_deliveries", "Writes to what is limited through", ["target", "outcome"], registry=registry
        )
        self.pending = Gauge(
            "streamer_limit_deliveries_pending", "Changes not yet written", ["target"], registry=registry
        )
        self.reconciled = Counter(
            "streamer_limits_reconciled",
            "Differences put right at start or after a failure",
            ["target", "change"],
            registry=registry,
        )
        self._create_ahead()

    def decided(self, outcome: str) -> None:
        """A decision was given."""
        self._decisions.by_outcome[outcome] += 1

    def delivered(self, target: str, *, well: bool) -> None:
        """A write was made or failed."""
        self._deliveries.labels(target, "ok" if well else "failed").inc()

    def changed(self, changes: Iterable[Change], standings: Mapping[str, Standing]) -> None:
        """Limits changed; `standings` are those in force now."""
        for change in changes:
            self._changes.labels(change.event).inc()
            if change.event == REFUSED:
                self._refused.labels(change.reason).inc()
        found = Tally((standing.mode, standing.action) for standing in standings.values())
        for mode in (SHADOW, ENFORCE):
            for action in (THROTTLE, BLOCK):
                self._in_force.labels(mode, action).set(found[mode, action])

    def _create_ahead(self) -> None:
        for reason in REFUSALS:
            if reason != EXPIRED:
                self._refused.labels(reason)
        for event in EVENTS:
            self._changes.labels(event)
        for target in TARGETS:
            self.pending.labels(target)
            for outcome in ("ok", "failed"):
                self._deliveries.labels(target, outcome)
            for change in ("set", "removed"):
                self.reconciled.labels(target, change)
        self.changed([], {})
        self.record_age.set(float("nan"))
