"""All clusters: groups that overlap become one, keep their name while they grow, and rest when nothing is found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from streamer.detection.cluster import Cluster, ClusterAccount, Suspect
from streamer.detection.links import stable_key
from streamer.detection.resting import RestingClusters
from streamer.detection.settings import AlertSettings

Comparison = Callable[[Iterable[int], Iterable[int], int], bool]


def _as_far_as_is_known(_some: Iterable[int], _others: Iterable[int], _window: int) -> bool:
    return True


def _nothing_is_known(_some: Iterable[int], _others: Iterable[int], _window: int) -> bool:
    return False


class Placement(NamedTuple):
    """Where a suspect was put: its cluster, the accounts that are new in it, and clusters that it absorbed.

    `left` are accounts that it had named and let go, as they are not of its kind.
    """

    cluster: Cluster
    new_accounts: list[int]
    absorbed: list[Cluster]
    left: Sequence[ClusterAccount] = ()


class Clusters:
    """All clusters, and which account is in which; an account is in one at most."""

    def __init__(self, settings: AlertSettings, remember_windows: int) -> None:
        self._settings = settings
        self.resting = RestingClusters(settings, remember_windows)
        self.by_id: dict[str, Cluster] = {}
        self.of_account: dict[int, str] = {}
        self._singles: dict[int, str] = {}

    def place(
        self,
        suspect: Suspect,
        names: dict[int, str],
        now_ms: int,
        alike: Comparison = _as_far_as_is_known,
        apart: Comparison = _nothing_is_known,
    ) -> Placement | None:
        """Put a suspect where it belongs: into the clusters it overlaps, which become one, or into one of its own.

        Clusters that are not `alike` stay apart. Of a record that an alarming suspect overlaps only those come along
        that the suspect would name: the others were never more than on record. Of a cluster whose other accounts are
        clearly `apart` from an alarming suspect, the suspect takes its own with it; where those are most of the
        cluster, it is the others that go.

        None where it overlaps none enough and is nothing of its own.
        """
        if suspect.kind == "account":
            return self._single(suspect, names, now_ms)
        found = self._of_one_kind(self._overlapping(suspect), suspect, alike)
        left: list[ClusterAccount] = []
        found = [cluster for cluster in found if not self._splits(cluster, suspect, apart, left)]
        found = [cluster for cluster in found if self._comes_along(cluster, suspect, left)]
        if not found and self._is_nothing_new(suspect):
            return None
        absorbed: list[Cluster] = []
        new: list[int] = []
        if found:
            cluster, *absorbed = found
            new = [key for other in absorbed for key in cluster.absorb(other)]
            for other in absorbed:
                del self.by_id[other.cluster_id]
        else:
            cluster = self._new(suspect, "cluster")
        if suspect.by_likeness and not (cluster.held() or cluster.is_alarming()):
            # Nobody is named yet: until then it is whom the newest look finds.
            self.leave(cluster, [key for key in cluster.accounts if key not in suspect.candidates])
        mine = {cluster.cluster_id, None, *(other.cluster_id for other in absorbed)}
        free = {key: score for key, score in suspect.candidates.items() if self.of_account.get(key) in mine}
        new += cluster.take(suspect._replace(candidates=free), names, now_ms)
        self.of_account.update(dict.fromkeys(cluster.accounts, cluster.cluster_id))
        return Placement(cluster, sorted(set(new)), absorbed, left)

    def alone(self, key: int) -> Cluster | None:
        """Give what is known of an account that hammers, None if nothing is."""
        name = self._singles.get(key)
        return None if name is None else self.by_id[name]

    def _splits(self, cluster: Cluster, suspect: Suspect, apart: Comparison, left: list[ClusterAccount]) -> bool:
        """Part a cluster from a suspect that it overlaps, if its other accounts are clearly of another kind.

        False where the cluster is the suspect's still: the others, few, have left it.
        """
        keys = suspect.keys
        if not suspect.is_alarming or not apart(keys, cluster.held() - keys, suspect.window):
            return False
        shared = [key for key in cluster.accounts if key in keys]
        if 2 * len(shared) <= len(cluster.accounts):
            self.leave(cluster, shared)
            return True
        others = [key for key in cluster.accounts if key not in keys]
        left += [cluster.accounts[key] for key in others if key in cluster.named]
        self.leave(cluster, others)
        return False

    def _comes_along(self, cluster: Cluster, suspect: Suspect, left: list[ClusterAccount]) -> bool:
        """Take out of a record what an alarming suspect would not name; False where that is everybody."""
        if not suspect.is_alarming or cluster.is_alarming():
            return True
        others = [key for key in cluster.accounts if key not in suspect.candidates]
        if len(others) == len(cluster.accounts):
            return False
        left += [cluster.accounts[key] for key in others if key in cluster.named]
        self.leave(cluster, others)
        return True

    def merge(self, cluster: Cluster, other: Cluster) -> None:
        """Put the accounts of another cluster into a cluster; the other is no more."""
        cluster.absorb(other)
        del self.by_id[other.cluster_id]
        self.of_account.update(dict.fromkeys(cluster.accounts, cluster.cluster_id))

    def _is_nothing_new(self, suspect: Suspect) -> bool:
        """Whether too few of a suspect's accounts are free, or what speaks against it is known clusters' doing."""
        free = sum(key not in self.of_account for key in suspect.candidates)
        taken = sum(key in self.of_account for key in suspect.core)
        return free < suspect.enough or (taken > 0 and 2 * taken >= len(suspect.core))

    def _single(self, suspect: Suspect, names: dict[int, str], now_ms: int) -> Placement:
        (key,) = suspect.candidates
        known = self._singles.get(key)
        cluster = self.by_id[known] if known is not None else self._new(suspect, "account")
        self._singles[key] = cluster.cluster_id
        return Placement(cluster, cluster.take(suspect, names, now_ms), [])

    def _new(self, suspect: Suspect, kind: str) -> Cluster:
        """Begin a cluster, under the name of one that rests if it is that which comes back."""
        name = stable_key("cluster", f"{kind}|{suspect.name}|{suspect.window}")
        known = self.resting.wake(kind, suspect.candidates, suspect.window)
        cluster = known or Cluster(f"c-{name:016x}", kind, suspect.window, suspect.window)
        self.by_id[cluster.cluster_id] = cluster
        return cluster

    def _overlapping(self, suspect: Suspect) -> list[Cluster]:
        """Give the clusters that share enough accounts with a suspect, the oldest first.

        Where most of its accounts are in clusters but in none enough, the one that has the most of them counts.
        """
        counts = self.overlap(suspect.keys)
        settings = self._settings
        size = len(suspect.keys)
        found = []
        for name, count in counts.items():
            smaller = min(size, len(self.by_id[name].accounts))
            if count >= max(settings.min_overlap, settings.overlap_ratio * smaller):
                found.append(self.by_id[name])
        if not found and 2 * counts.total() > size:
            found = [self.by_id[max(counts, key=lambda name: (counts[name], name))]]
        return sorted(found, key=Cluster.age)

    def _of_one_kind(self, found: list[Cluster], suspect: Suspect, alike: Comparison) -> list[Cluster]:
        """Leave out clusters that behave otherwise than the one that has the most of a suspect."""
        if len(found) < 2:  # noqa: PLR2004 - a pair
            return found
        counts = self.overlap(suspect.keys)
        main = max(found, key=lambda cluster: (counts[cluster.cluster_id], cluster.cluster_id))

        def joins(cluster: Cluster) -> bool:
            return cluster is main or alike(cluster.held(), main.held(), suspect.window)

        return [cluster for cluster in found if joins(cluster)]

    def overlap(self, keys: Iterable[int]) -> Counter[str]:
        """Count how many of some accounts are in each cluster."""
        names = (self.of_account.get(key) for key in keys)
        return Counter(name for name in names if name is not None)

    def alarming_accounts(self) -> set[int]:
        """Give the accounts of clusters that alarm and that more than behaviour holds together."""
        found = (cluster for cluster in self.by_id.values() if cluster.is_alarming() and cluster.held())
        return set().union(*(cluster.accounts for cluster in found))

    def leave(self, cluster: Cluster, keys: Iterable[int]) -> None:
        """Take accounts out of a cluster."""
        for key in keys:
            del cluster.accounts[key]
            self.of_account.pop(key, None)

    def quiet_before(self, window: int, quiet: int) -> list[tuple[int, Cluster]]:
        """Give clusters of which nothing was found for `quiet` windows, in the order in which that came to be."""
        due = [(cluster.last_window + quiet, cluster) for cluster in self.by_id.values()]
        return sorted((pair for pair in due if pair[0] < window), key=lambda pair: (pair[0], pair[1].cluster_id))

    def rest(self, cluster: Cluster, window: int) -> None:
        """Put aside a cluster of which nothing more was found by a window; it may come back."""
        self.drop(cluster)
        self.resting.put(cluster, window)

    def drop(self, cluster: Cluster) -> None:
        """Forget a cluster."""
        del self.by_id[cluster.cluster_id]
        for key in cluster.accounts:
            for index in (self.of_account, self._singles):
                if index.get(key) == cluster.cluster_id:
                    del index[key]

    def snapshot(self) -> list[Any]:
        """Plain data from which `restore` makes the same clusters."""
        return [[cluster.snapshot() for cluster in self.by_id.values()], self.resting.snapshot()]

    def restore(self, state: list[Any]) -> None:
        """Take over what `snapshot` gave."""
        clusters, resting = state
        self.resting.restore(resting)
        restored = map(Cluster.restore, clusters)
        self.by_id = {cluster.cluster_id: cluster for cluster in restored}
        self.of_account, self._singles = {}, {}
        for cluster in self.by_id.values():
            index = self._singles if cluster.kind == "account" else self.of_account
            index.update(dict.fromkeys(cluster.accounts, cluster.cluster_id))
