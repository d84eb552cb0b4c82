"""What follows from how accounts behave: who is named beside a cluster, who is a bystander, what is of one kind."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate, chain

import numpy as np

from streamer.detection.behaviour import OF_ACCOUNTS, OF_PROGRAMS
from streamer.detection.behaviour_table import BehaviourTable
from streamer.detection.cluster import Cluster, ClusterAccount
from streamer.detection.clusters import Clusters
from streamer.detection.kinds import Crowd, components, one_kind, sort_out
from streamer.detection.likeness import Backdrop, Likeness, ratios_by_others
from streamer.detection.open_window import Ints
from streamer.detection.settings import DAY_S, DetectionSettings

MIN_SAMPLE = 500
MAX_BACKDROPS = 7
MIN_KNOWN = 6
# How much better one middle must explain a few accounts and a cluster, or two clusters (natural logarithm).
KIN, SAME = 8.0, 10.0
APART = -10.0
ALIKE = 3.0
MIN_COMPARED = 24
# Of two who are tied, one is believed a member until its behaviour says otherwise by this much (natural logarithm).
STRANGE = -10.0


class Naming:
    """Compares all accounts with each cluster that alarms, a few times a day."""

    def __init__(self, settings: DetectionSettings, table: BehaviourTable, clusters: Clusters) -> None:
        self._settings = settings.likeness
        self._table = table
        self._clusters = clusters
        window = settings.window
        self._day, self._every = window.windows(DAY_S), window.windows(settings.likeness.every_s)
        self._confirm = window.windows(settings.likeness.confirm_after_s)
        self._fresh = window.windows(settings.likeness.memory_s)
        self._backdrops: dict[tuple[int, ...], Backdrop | None] = {}

    def name_alike(self, cluster: Cluster, window: int, now_ms: int) -> list[int]:
        """Add to a cluster those that were as like it at least `confirm_after_s` ago; give them, if it is time."""
        if window - cluster.compared_window < (self._confirm if cluster.alike_since else self._every):
            return []
        cluster.compared_window = window
        alike = self._alike(cluster, window)
        since = {key: cluster.alike_since.get(key, window) for key in alike}
        held = len(cluster.held())
        room = int(self._settings.max_ratio * held) - (len(cluster.accounts) - held)
        found = [key for key in alike if since[key] <= window - self._confirm][: max(0, room)]
        for key in found:
            del since[key]
            cluster.accounts[key] = ClusterAccount(self._table.name(key), now_ms, 0.0, by_likeness=True)
            self._clusters.of_account[key] = cluster.cluster_id
        cluster.alike_since = since
        return found

    def _alike(self, cluster: Cluster, window: int) -> list[int]:
        held = self._known(cluster.held(), window)
        before_window = cluster.first_window - self._day
        backdrop = self._backdrop(before_window, window)
        if self._table.began in self._table.sampled_days(before_window, window):
            return []
        if backdrop is None or len(held) < self._settings.min_known:
            return []
        # By times and lengths alone too many are alike: what they ask for must be known.
        if not self._table.tells_what(held):
            return []
        keys = [key for key in self._table.lately(window - self._day) if key not in self._clusters.of_account]
        keys = [key for key in keys if self._table.requests(key) >= self._settings.min_requests]
        model = Likeness(self._table.of(held), backdrop)
        found = model.alike(
            self._table.of(keys),
            np.array(keys, dtype=np.uint64),
            len(cluster.accounts),
            self._settings,
            self._clusters.of_account,
        )
        return [keys[at] for at in found]

    def unlike(self, keys: Iterable[int], among: Iterable[int], window: int) -> set[int]:
        """Give those of some accounts that do not, each for itself and as far as is known, behave as a group.

        These are all while too little is known of the group.
        """
        group = self._group(among, window, OF_ACCOUNTS)
        if group is None:
            return set()
        if group.known < MIN_KNOWN:
            return set(keys)
        alone = self._groups([[key] for key in keys], window, OF_ACCOUNTS)
        return {key for one in alone if not one.known or one_kind(one, group) < ALIKE for key in one.keys}

    def bystanders(self, keys: Iterable[int], window: int) -> set[int]:
        """Give those of a group that behave as the population does and not as the rest of it; none of a small group."""
        known = self._known(keys, window)
        backdrop = self._backdrop(window - self._day, window)
        if backdrop is None or len(known) < MIN_COMPARED:
            return set()
        ratios = ratios_by_others(self._table.of(known), backdrop).tolist()
        return {key for key, ratio in zip(known, ratios, strict=True) if ratio < STRANGE}

    def sort_out(self, keys: Iterable[int], pairs: Iterable[tuple[int, int]], window: int) -> list[frozenset[int]]:
        """Tell apart accounts of several kinds; those that `pairs` join stay together.

        Of whom nothing is known goes with the others only if they are all of one kind.
        """
        every = frozenset(keys)
        groups = self._groups(components(every, pairs), window)
        kinds = sort_out([group for group in groups if group.known])
        return [kind.keys for kind in kinds] if len(kinds) > 1 else [every]

    def kin_of(self, keys: Iterable[int], window: int) -> Cluster | None:
        """Give the cluster that alarms and whose accounts a group behaves like, if there is one."""
        if not any(cluster.is_alarming() for cluster in self._clusters.by_id.values()):
            return None
        group = self._group(keys, window)
        if group is None or not group.known:
            return None
        found = [(factor, cluster) for factor, cluster in self._factors(group, window) if factor >= KIN]
        return max(found, key=lambda pair: (pair[0], pair[1].cluster_id))[1] if found else None

    def same_kind(self, cluster: Cluster, window: int) -> list[Cluster]:
        """Give the other clusters that clearly are of one kind with a cluster, the oldest first."""
        if not any(other.is_alarming() for other in self._clusters.by_id.values() if other is not cluster):
            return []
        group = self._group(cluster.held(), window)
        if group is None or not _is_well_known(group):
            return []
        found = [other for factor, other in self._factors(group, window) if factor >= SAME and other is not cluster]
        return sorted(found, key=Cluster.age)

    def _factors(self, group: Crowd, window: int) -> list[tuple[float, Cluster]]:
        told = [
            (cluster, self._group(cluster.held(), window))
            for cluster in self._clusters.by_id.values()
            if cluster.is_alarming()
        ]
        return [
            (one_kind(group, other), cluster) for cluster, other in told if other is not None and _is_well_known(other)
        ]

    def are_one_kind(self, some: Iterable[int], others: Iterable[int], window: int) -> bool:
        """Whether two groups behave as one, as far as is known."""
        one, other = self._group(some, window), self._group(others, window)
        return one is None or other is None or not (one.known and other.known) or one_kind(one, other) > 0

    def are_strange(self, some: Iterable[int], others: Iterable[int], window: int) -> bool:
        """Whether two groups do not clearly behave as one, as far as is known; never before the population is known."""
        one, other = self._group(some, window), self._group(others, window)
        if one is None or other is None:
            return False
        return not (one.known and other.known) or one_kind(one, other) < ALIKE

    def are_apart(self, some: Iterable[int], others: Iterable[int], window: int) -> bool:
        """Whether two groups of which enough is known clearly behave as two."""
        one, other = self._group(some, window), self._group(others, window)
        known = one is not None and other is not None and _is_well_known(one) and _is_well_known(other)
        return bool(known and one_kind(one, other) <= APART)  # type: ignore[arg-type]

    def _group(self, keys: Iterable[int], window: int, columns: Ints = OF_PROGRAMS) -> Crowd | None:
        """Add up how accounts behave; None before the population is known."""
        return next(iter(self._groups([keys], window, columns)), None)

    def _groups(self, parts: Iterable[Iterable[int]], window: int, columns: Ints = OF_PROGRAMS) -> list[Crowd]:
        """Add up how the accounts of each part behave, what all need looked up at once; none before that is known."""
        backdrop = self._backdrop(window - self._day, window)
        if backdrop is None:
            return []
        every = [frozenset(part) for part in parts]
        known = [self._known(part, window) for part in every]
        scores = backdrop.scale.scores(self._table.of(list(chain.from_iterable(known))))[:, columns]
        ends = list(accumulate(map(len, known)))
        return [
            Crowd(part, scores[end - len(keys) : end].sum(axis=0), len(keys))
            for part, keys, end in zip(every, known, ends, strict=True)
        ]

    def _known(self, keys: Iterable[int], window: int) -> list[int]:
        return sorted(key for key in keys if self._table.told_since(key, window - self._fresh))

    def _backdrop(self, before_window: int, window: int) -> Backdrop | None:
        """Give the population as it was on the days before a window; what is kept can be made again at any time."""
        days = self._table.sampled_days(before_window, window)
        if days not in self._backdrops:
            self._backdrops = dict(list(self._backdrops.items())[-MAX_BACKDROPS:])
            rows = self._table.sample(days)
            self._backdrops[days] = Backdrop(rows, len(days)) if len(rows) >= MIN_SAMPLE else None
        return self._backdrops[days]


def _is_well_known(group: Crowd) -> bool:
    return group.known >= MIN_KNOWN and 2 * group.known >= len(group.keys)
