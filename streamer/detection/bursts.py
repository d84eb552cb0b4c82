"""One account hammering: far beyond its own habit, and far beyond what anyone did in the reference.

The count of a window can only grow. So an account beyond the bound is told of before its window closes; what is said
then is that there are at least so many requests, which the close cannot take back.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from streamer.detection.account_learning import log_steps
from streamer.detection.evidence import Burst, EarlyBurst, EarlyCount, EvidenceItem
from streamer.detection.population import SURPRISE_BINS_PER_UNIT, Reference
from streamer.detection.profile import Feature
from streamer.detection.settings import DetectionSettings


class Bursts:
    """Judges the accounts of this partition's shards, each bound of each account once."""

    def __init__(self, settings: DetectionSettings, partition: int, partitions: int) -> None:
        self._alert = settings.alert
        self._minutes = settings.window.window_s / 60
        self._shards, self._partition, self._partitions = settings.link.shards, partition, partitions
        self._waiting: dict[int, list[EarlyCount]] = {}
        self._heard: dict[int, dict[int, int]] = {}

    def at_close(self, account_id: str, row: Any, reference: Reference) -> Burst | None:  # noqa: ANN401 - a table's row
        """Judge an account by all its requests in a window."""
        requests = int(row["requests"])
        said = f"{requests} requests in {self._minutes:g} minutes"
        return self._judge(account_id, int(row["key"]), requests, float(row["surprise"]), reference, said)

    def hear(self, window: int, counts: Iterable[EarlyCount]) -> None:
        """Take in what is told of an open window; what was heard before is ignored."""
        heard = self._heard.setdefault(window, {})
        for count in counts:
            if count.requests > heard.get(count.key, 0):
                heard[count.key] = count.requests
                self._waiting.setdefault(window, []).append(count)

    def awaits(self, window: int) -> bool:
        """Whether there is something to judge of a window that is still open."""
        return window in self._waiting

    def early(self, window: int, reference: Reference) -> list[EarlyBurst]:
        """Judge what was heard of a window and not judged yet."""
        found = []
        for count in self._waiting.pop(window, ()):
            said = f"at least {count.requests} requests so far in these {self._minutes:g} minutes"
            burst = self._judge(count.account_id, count.key, count.requests, count.surprise, reference, said)
            if burst is not None:
                found.append(EarlyBurst(burst, count.first_seen_ms, count.total_requests, count.total_output_tokens))
        return found

    def forget(self, through: int) -> None:
        """Drop what was heard of windows that have closed."""
        self._waiting = {window: counts for window, counts in self._waiting.items() if window > through}
        self._heard = {window: heard for window, heard in self._heard.items() if window > through}

    def _judge(
        self, account_id: str, key: int, requests: int, surprise: float, reference: Reference, said: str
    ) -> Burst | None:
        if not reference.ready or key % self._shards % self._partitions != self._partition:
            return None
        surprises = reference.histogram(Feature.SURPRISE)
        usual = reference.histogram(Feature.WINDOW_REQUESTS)
        if surprises is None or usual is None:
            return None
        most = 2 ** ((usual.quantile(1.0) + 1) / 8)
        if requests < self._alert.account_excess_ratio * most:
            return None
        log10_p = surprises.tail_log10(int(surprise * SURPRISE_BINS_PER_UNIT), SURPRISE_BINS_PER_UNIT)
        log10_p -= float(log_steps(requests) - log_steps(int(most))) / 256
        statement = f"{said}; nobody made more than {most:.0f} in a window before"
        return Burst(
            account_id,
            key,
            log10_p,
            EvidenceItem("burst", statement, float(requests), round(most, 1), round(log10_p, 3)),
        )

    def snapshot(self) -> list[Any]:
        """Plain data from which `restore` makes the same."""
        waiting = [[window, [list(count) for count in counts]] for window, counts in sorted(self._waiting.items())]
        return [waiting, [[window, sorted(heard.items())] for window, heard in sorted(self._heard.items())]]

    def restore(self, state: list[Any]) -> None:
        """Take over what `snapshot` gave."""
        waiting, heard = state
        self._waiting = {window: [EarlyCount(*count) for count in counts] for window, counts in waiting}
        self._heard = {window: dict(bounds) for window, bounds in heard}
