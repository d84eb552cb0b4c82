"""Clusters: groups that overlap become one, keep their name while they grow, and rest when nothing more is found."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from streamer.detection.evidence import Candidate, EvidenceItem, Suspect
from streamer.detection.links import stable_key
from streamer.detection.settings import AlertSettings


@dataclass(slots=True)
class ClusterAccount:
    """An account as the cluster knows it; `since_ms` is when it was named."""

    since_ms: int
    score: float
    first_seen_ms: int
    requests: int
    output_tokens: int
    models: tuple[str, ...]


@dataclass(slots=True)
class Finding:
    """The newest judgement of one link value of a cluster."""

    window: int
    link_kind: str
    log10_p: float
    evidence: list[EvidenceItem]


@dataclass(slots=True)
class Cluster:
    """Accounts under common control, as far as is known."""

    cluster_id: str
    kind: str
    first_window: int
    last_window: int
    accounts: dict[str, ClusterAccount] = field(default_factory=dict)
    findings: dict[int, Finding] = field(default_factory=dict)

    def take(self, suspect: Suspect, now_ms: int) -> list[str]:
        """Add what a suspect group shows; return the accounts that are new."""
        self.last_window = max(self.last_window, suspect.window)
        self.findings[suspect.key] = Finding(suspect.window, suspect.link_kind, suspect.log10_p, suspect.evidence)
        new = []
        for found in suspect.candidates:
            known = self.accounts.get(found.account_id)
            if known is None:
                self.accounts[found.account_id] = _account(found, now_ms)
                new.append(found.account_id)
            else:
                known.score = max(known.score, found.score)
                # Each link value knows its accounts as they last were on it, which may be some time ago.
                known.requests = max(known.requests, found.total_requests)
                known.output_tokens = max(known.output_tokens, found.total_output_tokens)
                known.models = known.models if set(found.models) <= set(known.models) else _union(known, found)
        return new

    def absorb(self, other: Cluster) -> list[str]:
        """Take over a younger cluster; return the accounts that are new here."""
        new = [name for name in other.accounts if name not in self.accounts]
        self.accounts.update({name: other.accounts[name] for name in new})
        self.findings.update(other.findings)
        self.last_window = max(self.last_window, other.last_window)
        return new

    def strongest(self) -> Finding:
        """Give the judgement that is least likely by chance."""
        return min(self.findings.values(), key=lambda finding: (finding.log10_p, -finding.window))

    def link_kinds(self) -> list[str]:
        """Name the kinds of link that bind the cluster, the strongest first, each once."""
        ordered = sorted(self.findings.values(), key=lambda finding: finding.log10_p)
        return list(dict.fromkeys(finding.link_kind for finding in ordered))

    def forget_findings(self, before_window: int) -> None:
        """Drop judgements that are out of date, keeping at least the newest."""
        newest = max(finding.window for finding in self.findings.values())
        self.findings = {k: f for k, f in self.findings.items() if f.window >= min(before_window, newest)}

    def started_ms(self) -> int:
        """Estimate when the behaviour began: when a tenth of the accounts had made their first request."""
        firsts = sorted(account.first_seen_ms for account in self.accounts.values())
        return firsts[len(firsts) // 10]

    def snapshot(self) -> list[Any]:
        """Plain data from which `restore` makes the same cluster."""
        accounts = [
            [name, a.since_ms, a.score, a.first_seen_ms, a.requests, a.output_tokens, list(a.models)]
            for name, a in self.accounts.items()
        ]
        findings = [
            [k, f.window, f.link_kind, f.log10_p, [list(e) for e in f.evidence]] for k, f in self.findings.items()
        ]
        return [self.cluster_id, self.kind, self.first_window, self.last_window, accounts, findings]

    @classmethod
    def restore(cls, state: list[Any]) -> Cluster:
        """Take over what `snapshot` gave."""
        cluster_id, kind, first_window, last_window, accounts, findings = state
        return cls(
            cluster_id,
            kind,
            first_window,
            last_window,
            {a[0]: ClusterAccount(*[*a[1:6], tuple(a[6])]) for a in accounts},
            {f[0]: Finding(f[1], f[2], f[3], [EvidenceItem(*item) for item in f[4]]) for f in findings},
        )


def _account(found: Candidate, now_ms: int) -> ClusterAccount:
    seen = (found.first_seen_ms, found.total_requests, found.total_output_tokens, tuple(found.models))
    return ClusterAccount(now_ms, found.score, *seen)


def _union(known: ClusterAccount, found: Candidate) -> tuple[str, ...]:
    return tuple(sorted({*known.models, *found.models}))


class Placement(NamedTuple):
    """Where a suspect was put: its cluster, the accounts that are new in it, and clusters that it absorbed."""

    cluster: Cluster
    new_accounts: list[str]
    absorbed: list[Cluster]


class Clusters:
    """All clusters, and which account is in which; an account is in one at most."""

    def __init__(self, settings: AlertSettings) -> None:
        self._settings = settings
        self.by_id: dict[str, Cluster] = {}
        self._of_account: dict[str, str] = {}
        self._singles: dict[str, str] = {}

    def place(self, suspect: Suspect, now_ms: int) -> Placement:
        """Put a suspect where it belongs: into the clusters it overlaps, which become one, or into one of its own."""
        if suspect.kind == "account":
            return self._single(suspect, now_ms)
        found = self._overlapping(suspect)
        absorbed: list[Cluster] = []
        new: list[str] = []
        if found:
            cluster, *absorbed = found
            new = [name for other in absorbed for name in cluster.absorb(other)]
            for other in absorbed:
                del self.by_id[other.cluster_id]
        else:
            cluster = self._new(suspect, "cluster")
        mine = {cluster.cluster_id, None, *(other.cluster_id for other in absorbed)}
        free = [c for c in suspect.candidates if self._of_account.get(c.account_id) in mine]
        new += cluster.take(suspect._replace(candidates=free), now_ms)
        self._of_account.update(dict.fromkeys(cluster.accounts, cluster.cluster_id))
        return Placement(cluster, sorted(set(new)), absorbed)

    def _single(self, suspect: Suspect, now_ms: int) -> Placement:
        known = self._singles.get(suspect.link_value)
        cluster = self.by_id[known] if known is not None else self._new(suspect, "account")
        self._singles[suspect.link_value] = cluster.cluster_id
        return Placement(cluster, cluster.take(suspect, now_ms), [])

    def _new(self, suspect: Suspect, kind: str) -> Cluster:
        name = stable_key("cluster", f"{kind}|{suspect.link_kind}|{suspect.link_value}|{suspect.window}")
        cluster = Cluster(f"c-{name:016x}", kind, suspect.window, suspect.window)
        self.by_id[cluster.cluster_id] = cluster
        return cluster

    def _overlapping(self, suspect: Suspect) -> list[Cluster]:
        """Give the clusters that share enough accounts with a suspect, the oldest first.

        Where most of its accounts are in clusters but in none enough, the one that has the most of them counts.
        """
        names = (self._of_account.get(found.account_id) for found in suspect.candidates)
        counts = Counter(name for name in names if name is not None)
        settings = self._settings
        size = len(suspect.candidates)
        found = []
        for name, count in counts.items():
            smaller = min(size, len(self.by_id[name].accounts))
            if count >= max(settings.min_overlap, settings.overlap_ratio * smaller):
                found.append(self.by_id[name])
        if not found and 2 * counts.total() > size:
            found = [self.by_id[max(counts, key=lambda name: (counts[name], name))]]
        return sorted(found, key=lambda cluster: (cluster.first_window, cluster.cluster_id))

    def drop(self, cluster: Cluster) -> None:
        """Forget a cluster that has rested for long."""
        del self.by_id[cluster.cluster_id]
        for name in cluster.accounts:
            for index in (self._of_account, self._singles):
                if index.get(name) == cluster.cluster_id:
                    del index[name]

    def snapshot(self) -> list[Any]:
        """Plain data from which `restore` makes the same clusters."""
        return [cluster.snapshot() for cluster in self.by_id.values()]

    def restore(self, state: list[Any]) -> None:
        """Take over what `snapshot` gave."""
        self.by_id = {plain[0]: Cluster.restore(plain) for plain in state}
        self._of_account, self._singles = {}, {}
        for cluster in self.by_id.values():
            index = self._singles if cluster.kind == "account" else self._of_account
            index.update(dict.fromkeys(cluster.accounts, cluster.cluster_id))
