"""Clusters of which nothing more was found, kept in mind: what comes back is known by its name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from streamer.detection.cluster import Cluster
from streamer.detection.settings import AlertSettings

MAX_RESTING = 1000


class Resting(NamedTuple):
    """What is remembered of a cluster: who was in it, how often its alert was revised, and what a person said of it."""

    cluster_id: str
    kind: str
    first_window: int
    last_window: int
    revision: int
    quiet_below: int
    keys: frozenset[int]


class RestingClusters:
    """The clusters that rest, those that rest longest first; beyond `MAX_RESTING` of a kind these are forgotten."""

    def __init__(self, settings: AlertSettings, remember_windows: int) -> None:
        self._settings = settings
        self._remember = remember_windows
        self._resting: dict[str, Resting] = {}

    def __len__(self) -> int:
        """Count the clusters."""
        return len(self._resting)

    def put(self, cluster: Cluster, window: int) -> None:
        """Let a cluster rest from a window on."""
        self._resting[cluster.cluster_id] = Resting(
            cluster.cluster_id,
            cluster.kind,
            cluster.first_window,
            window,
            cluster.revision,
            cluster.quiet_below,
            frozenset(cluster.accounts),
        )
        of_kind = [name for name, found in self._resting.items() if found.kind == cluster.kind]
        if len(of_kind) > MAX_RESTING:
            del self._resting[of_kind[0]]

    def wake(self, kind: str, keys: Iterable[int], window: int) -> Cluster | None:
        """Give the cluster that comes back with some accounts, without any accounts yet; None if none does.

        It is the one that shares most with them, if it shares as much as makes two groups one cluster.
        """
        oldest = window - self._remember
        self._resting = {name: found for name, found in self._resting.items() if found.last_window >= oldest}
        accounts = frozenset(keys)
        shared = {name: len(accounts & found.keys) for name, found in self._resting.items() if found.kind == kind}
        name = max(shared, key=lambda name: (shared[name], name), default=None)
        if name is None or shared[name] < self._enough(len(accounts), len(self._resting[name].keys)):
            return None
        found = self._resting.pop(name)
        return Cluster(name, kind, found.first_window, window, quiet_below=found.quiet_below, revision=found.revision)

    def _enough(self, size: int, other: int) -> float:
        smaller = min(size, other)
        return min(smaller, max(self._settings.min_overlap, self._settings.overlap_ratio * smaller))

    def snapshot(self) -> list[Any]:
        """Plain data from which `restore` makes the same."""
        return [[*found[:-1], sorted(found.keys)] for found in self._resting.values()]

    def restore(self, state: list[Any]) -> None:
        """Take over what `snapshot` gave."""
        resting = [Resting(*found) for found in state]
        self._resting = {found.cluster_id: found._replace(keys=frozenset(found.keys)) for found in resting}
