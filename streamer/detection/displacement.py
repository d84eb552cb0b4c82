"""A known campaign stops, and within the hour others begin to work: its volume was moved.

Only clusters of record count, and only against accounts that are not theirs. How likely that is by chance is counted on
everybody else in the same hours: in the morning many begin.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from streamer.detection.account_book import DAY_HOURS, HOUR_MS
from streamer.detection.account_learning import SLOTS_PER_HOUR
from streamer.detection.cluster import Cluster
from streamer.detection.evidence import EvidenceItem
from streamer.detection.probability import poisson_log10, together_log10
from streamer.detection.profile import Rows
from streamer.detection.settings import DetectionSettings
from streamer.detection.synchrony import latest_slots

# A cluster stopped if it has less than this of what it had, and had so much that this is no accident.
STOPPED_RATIO = 0.2
STOPPED_LOG10 = -4.0
USUAL_HOURS = 6
# An account began if it was active less than this share of what it is now, over so many hours at least.
IDLE_RATIO = 0.25
BEFORE_HOURS = 6
MAX_STOPS = 100
Marks = npt.NDArray[np.bool_]


class Stop(NamedTuple):
    """A cluster that stopped: `hour` is the first in which it asked for little, `usual` what it asked for before."""

    hour: int
    cluster_id: str
    usual: int
    left: int
    accounts: frozenset[int]


def stopped(cluster: Cluster, hour: int) -> Stop | None:
    """Say whether a cluster stopped in an hour, measured by the hours before and by the same hour of the day before."""
    asked = {at: requests for at, requests, _ in cluster.hours}
    before = sorted(asked.get(at, 0) for at in range(hour - USUAL_HOURS, hour))
    usual, left = before[USUAL_HOURS // 2 - 1], asked.get(hour, 0)
    if min(asked, default=hour) <= hour - DAY_HOURS:
        usual = min(usual, asked.get(hour - DAY_HOURS, 0))
    # Of `left + usual` requests, as many in the earlier hour: improbable if both hours were alike.
    is_little = left < STOPPED_RATIO * usual and poisson_log10(usual, max(1.0, (usual + left) / 2)) <= STOPPED_LOG10
    return Stop(hour, cluster.cluster_id, usual, left, frozenset(cluster.accounts)) if is_little else None


class Displacement:
    """Remembers for a day which clusters stopped, and when."""

    def __init__(self, settings: DetectionSettings) -> None:
        self._settings = settings
        self._hour = -1
        self._stops: list[Stop] = []

    def learn(self, now_ms: int, clusters: Iterable[Cluster]) -> None:
        """Look, once an hour has passed, at what each cluster that alarms asked for in it."""
        hour = (now_ms - 1) // HOUR_MS
        if hour == self._hour:
            return
        passed = range(max(self._hour, hour - DAY_HOURS), hour) if self._hour >= 0 else range(0)
        self._hour = hour
        known = {(stop.cluster_id, stop.hour) for stop in self._stops}
        for cluster in clusters:
            for at in passed if cluster.is_alarming() else ():
                stop = stopped(cluster, at)
                # What has stopped stays so: it is told once.
                if stop is not None and not any((cluster.cluster_id, at - n) in known for n in range(USUAL_HOURS)):
                    self._stops.append(stop)
                    known.add((cluster.cluster_id, at))
        self._stops = [stop for stop in self._stops if stop.hour > hour - DAY_HOURS + BEFORE_HOURS][-MAX_STOPS:]

    def __len__(self) -> int:
        """Count the stops that are remembered."""
        return len(self._stops)

    def test(self, rows: Rows, others: Rows, window: int) -> EvidenceItem | None:
        """Test whether more of a group than of all `others` began to work as a cluster stopped."""
        found = [item for stop in self._stops if (item := self._test(stop, rows, others, window)) is not None]
        if not found:
            return None
        best = min(found, key=lambda item: item.log10_p)
        return best._replace(log10_p=min(0.0, best.log10_p + math.log10(len(found))))

    def _test(self, stop: Stop, rows: Rows, others: Rows, window: int) -> EvidenceItem | None:
        group = self._settings.group
        own = np.fromiter((key in stop.accounts for key in rows["key"].tolist()), dtype=np.bool_, count=len(rows))
        began, everybody = (self._began(stop, some, window) for some in (rows[~own], others))
        size = len(began)
        if size < group.min_accounts or size < own.sum() or len(everybody) < self._settings.reference.min_accounts:
            return None
        seen = int(began.sum())
        chance = (int(everybody.sum()) + 1) / (len(everybody) + 2)
        statement = (
            f"{seen} of {size} accounts began to work within an hour of when {stop.cluster_id} stopped "
            f"({stop.usual} requests an hour before, then {stop.left}); of all others at work {100 * chance:.2g}% did"
        )
        log10_p = together_log10(seen, size, chance, group.cause_correlation)
        return EvidenceItem("displaced_volume", statement, round(seen / size, 3), round(chance, 4), log10_p)

    def _began(self, stop: Stop, rows: Rows, window: int) -> Marks:
        """Say of those accounts that work since a cluster stopped which of them began then.

        It stopped within the hour before its first quiet one, and others begin by the end of that.
        """
        slots = latest_slots(rows, window, self._settings)
        per_hour = self._settings.window.windows(HOUR_MS / 1000)
        cut = (stop.hour - 1 - (window // per_hour - DAY_HOURS + 1)) * SLOTS_PER_HOUR
        before, since = slots[:, :cut], slots[:, cut:]
        begun = since[:, : 2 * SLOTS_PER_HOUR].any(axis=1)
        lately = before[:, -BEFORE_HOURS * SLOTS_PER_HOUR :]
        idle = np.maximum(before.mean(axis=1), lately.mean(axis=1)) <= IDLE_RATIO * since.mean(axis=1)
        found: Marks = (begun & idle)[since.any(axis=1)]
        return found

    def snapshot(self) -> list[Any]:
        """Plain data from which `restore` makes the same."""
        return [self._hour, [[*stop[:-1], sorted(stop.accounts)] for stop in self._stops]]

    def restore(self, state: list[Any]) -> None:
        """Take over what `snapshot` gave."""
        self._hour, stops = state
        self._stops = [Stop(hour, name, usual, left, frozenset(keys)) for hour, name, usual, left, keys in stops]
