"""The situation as gauges, worked out when they are asked for. Every worker that follows shows the same: take the max.

No account, alert or cluster is a label; what is largest is told by its rank.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from streamer.metrics import ACTIONS, KINDS, MODES, SEVERITIES
from streamer.notify.situation import Situation

RANKS = 10
FAMILIES = (
    *("burst", "capabilities", "displaced_volume", "evenness", "failover", "hand_off", "joint_pivot"),
    *("many_languages", "newness", "no_follow_up", "output", "rhythm", "synchrony", "template_coincidence", "volume"),
)
MAX_FAMILIES = 30
OTHER = "other"
BOUNDS = ("1e-12", "1e-09", "1e-06", "0.0001", "0.001", "0.01", "0.1", "1", "10")
VERDICTS = ("confirm", "dismiss")


class SituationGauges(Collector):
    """Collects the gauges of one situation. `budget` is what false alarms a day each severity may cost."""

    def __init__(
        self, situation: Situation, budget: Mapping[str, float], cap: int, clock_ms: Callable[[], int]
    ) -> None:
        self._situation = situation
        self._budget = budget
        self._cap = cap
        self._clock_ms = clock_ms

    def collect(self) -> Iterator[Metric]:
        """Give every gauge, with all its labels whatever the case is."""
        yield from self._alerts()
        yield from self._clusters()
        yield from self._limits()
        yield from self._quality()

    def _alerts(self) -> Iterator[Metric]:
        firing = Counter((alert.kind, alert.severity) for alert in self._situation.speaking())
        yield _gauge(
            "streamer_alerts_firing",
            "Alerts that fire now, without those a person dismissed",
            ("kind", "severity"),
            (((kind, severity), firing[kind, severity]) for kind in KINDS for severity in SEVERITIES),
        )

    def _clusters(self) -> Iterator[Metric]:
        clusters = self._situation.clusters()
        for name, text, field in (
            ("accounts", "Accounts in firing campaigns", "account_count"),
            ("requests", "Requests served to firing campaigns", "request_count"),
            ("output_tokens", "Output tokens served to firing campaigns", "output_tokens"),
        ):
            sums: Counter[str] = Counter()
            for alert in clusters:
                sums[alert.severity] += getattr(alert, field)
            samples = [((severity,), sums[severity]) for severity in SEVERITIES]
            yield _gauge(f"streamer_campaign_{name}", text, ("severity",), samples)
        for name, text, field in (
            ("accounts", "Accounts of the campaigns that have the most, by rank", "account_count"),
            ("requests", "Requests of the campaigns that were served the most, by rank", "request_count"),
        ):
            largest = sorted((getattr(alert, field) for alert in clusters), reverse=True)[:RANKS]
            padded = [*largest, *[0] * (RANKS - len(largest))]
            samples = [((str(rank),), value) for rank, value in enumerate(padded, 1)]
            yield _gauge(f"streamer_largest_campaign_{name}", text, ("rank",), samples)

    def _limits(self) -> Iterator[Metric]:
        limits = self._situation.limits_in_force(self._clock_ms())
        count = Counter((limit.mode, limit.action) for limit in limits)
        yield _gauge(
            "streamer_limited_accounts",
            "Accounts with a limit that has not run out",
            ("mode", "action"),
            (((mode, action), count[mode, action]) for mode in MODES for action in ACTIONS),
        )
        yield _gauge("streamer_limited_accounts_cap", "Most accounts limited at a time", (), [((), self._cap)])

    def _quality(self) -> Iterator[Metric]:
        situation = self._situation
        raised = situation.raised_lately(self._clock_ms())
        yield _gauge(
            "streamer_false_alarm_budget_per_day",
            "False alarms a day that a severity may cost",
            ("severity",),
            (((severity,), self._budget[severity]) for severity in SEVERITIES),
        )
        count = Counter(alert.severity for alert in raised)
        yield _gauge(
            "streamer_alerts_raised_week",
            "Alerts raised within the last 7 days",
            ("severity",),
            (((severity,), count[severity]) for severity in SEVERITIES),
        )
        yield _gauge(
            "streamer_alerts_claimed_week",
            "Alerts raised within the last 7 days that claim at most this many false alarms a day",
            ("at_most",),
            (((bound,), sum(alert.false_alarm_rate <= float(bound) for alert in raised)) for bound in BOUNDS),
        )
        yield from self._families()
        verdicts = Counter((said.action, situation.severity_of(name)) for name, said in situation.judged.items())
        yield _gauge(
            "streamer_alerts_judged",
            "Alerts that a person confirmed or dismissed",
            ("verdict", "severity"),
            (((verdict, severity), verdicts[verdict, severity]) for verdict in VERDICTS for severity in SEVERITIES),
        )

    def _families(self) -> Iterator[Metric]:
        weight = dict.fromkeys((*FAMILIES, OTHER), 0.0)
        speaks = dict.fromkeys((*FAMILIES, OTHER), 0.0)
        for alert in self._situation.clusters():
            for item in alert.evidence:
                family = item.family if item.family in weight or len(weight) < MAX_FAMILIES else OTHER
                weight[family] = weight.get(family, 0.0) - item.log10_p
                speaks[family] = speaks.get(family, 0.0) + 1
        help_text = "Evidence of each family in firing campaigns, as minus the base 10 logarithm of its probability"
        yield _gauge("streamer_evidence_weight", help_text, ("family",), (((k,), v) for k, v in sorted(weight.items())))
        help_text = "Firing campaigns in which a family of evidence speaks"
        yield _gauge(
            "streamer_evidence_campaigns", help_text, ("family",), (((k,), v) for k, v in sorted(speaks.items()))
        )


def _gauge(name: str, text: str, labels: tuple[str, ...], samples: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family
