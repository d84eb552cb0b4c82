"""Clusters: groups that overlap become one, keep their name while they grow, and rest when nothing more is found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from streamer.detection.evidence import EvidenceItem
from streamer.detection.links import Link, stable_key
from streamer.detection.settings import AlertSettings

DOUBTS_TO_LEAVE = 4
HOUR_MS = 3_600_000
MAX_HOURS = 168
MAX_LINKS = 300


class Suspect(NamedTuple):
    """A group, or one account, that is improbable taken together; `candidates` are account keys and how typical each is.

    `doubtful` are accounts of the group that are far from typical of it; `keys` are all of its accounts; `rate` is how
    often a day honest traffic brings such a group.
    """

    kind: str
    name: str
    window: int
    candidates: dict[int, float]
    doubtful: frozenset[int]
    keys: frozenset[int]
    links: tuple[Link, ...]
    evidence: list[EvidenceItem]
    log10_p: float
    is_alarming: bool
    rate: float = 0.0


@dataclass(slots=True)
class ClusterAccount:
    """An account as the cluster knows it; `since_ms` is when it was named."""

    account_id: str
    since_ms: int
    score: float
    first_seen_ms: int = 0
    requests: int = 0
    output_tokens: int = 0
    models: tuple[str, ...] = ()
    doubts: int = 0


@dataclass(slots=True)
class Finding:
    """The newest judgement that began with one link value."""

    window: int
    log10_p: float
    evidence: list[EvidenceItem]
    rate: float
    is_alarming: bool


@dataclass(slots=True)
class Cluster:
    """Accounts under common control, as far as is known; `hours` are (hour, requests, accounts), the newest last.

    Somebody who dismissed it is not told again while it has fewer accounts than `quiet_below`.
    """

    cluster_id: str
    kind: str
    first_window: int
    last_window: int
    accounts: dict[int, ClusterAccount] = field(default_factory=dict)
    findings: dict[str, Finding] = field(default_factory=dict)
    links: dict[int, Link] = field(default_factory=dict)
    hours: list[tuple[int, int, int]] = field(default_factory=list)
    active: set[int] = field(default_factory=set)
    named: set[int] = field(default_factory=set)
    doubted_window: int = -1
    quiet_below: int = 0

    def take(self, suspect: Suspect, names: dict[int, str], now_ms: int) -> list[int]:
        """Add what a suspect group shows; return the accounts that are new."""
        self.last_window = max(self.last_window, suspect.window)
        self.findings[suspect.name] = Finding(
            suspect.window, suspect.log10_p, suspect.evidence, suspect.rate, suspect.is_alarming
        )
        # The newest that bind it; of those that come again and again under other values, as prompts do, some are enough.
        links = {**self.links, **{link.key: link for link in suspect.links}}
        self.links = dict(list(links.items())[-MAX_LINKS:])
        new = [key for key in suspect.candidates if key not in self.accounts]
        for key in new:
            self.accounts[key] = ClusterAccount(names[key], now_ms, suspect.candidates[key])
        for key, score in suspect.candidates.items():
            account = self.accounts[key]
            account.score = max(account.score, score)
            account.doubts = 0
        return new

    def doubt(self, keys: Iterable[int], window: int, every: int) -> list[int]:
        """Note accounts that are no longer typical, at most once in `every` windows; return those that leave for it."""
        if window - self.doubted_window < every:
            return []
        self.doubted_window = window
        leaving = []
        for key in sorted(self.accounts.keys() & set(keys)):
            self.accounts[key].doubts += 1
            if self.accounts[key].doubts >= DOUBTS_TO_LEAVE:
                leaving.append(key)
        return leaving

    def absorb(self, other: Cluster) -> list[int]:
        """Take over a younger cluster; return the accounts that are new here."""
        new = [key for key in other.accounts if key not in self.accounts]
        self.accounts.update({key: other.accounts[key] for key in new})
        self.findings.update(other.findings)
        self.links.update(other.links)
        self.last_window = max(self.last_window, other.last_window)
        return new

    def note(self, now_ms: int, key: int, requests: int) -> None:
        """Add an account's requests to the hour that `now_ms` ends in."""
        hour = (now_ms - 1) // HOUR_MS
        if not self.hours or self.hours[-1][0] != hour:
            self.active.clear()
            self.hours = [*self.hours[1 - MAX_HOURS :], (hour, 0, 0)]
        self.active.add(key)
        self.hours[-1] = (hour, self.hours[-1][1] + requests, len(self.active))

    def strongest(self) -> Finding:
        """Give the judgement that is least likely by chance."""
        return min(
            self.findings.values(), key=lambda found: (not found.is_alarming, found.rate, found.log10_p, -found.window)
        )

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
            [
                key,
                a.account_id,
                a.since_ms,
                a.score,
                a.first_seen_ms,
                a.requests,
                a.output_tokens,
                list(a.models),
                a.doubts,
            ]
            for key, a in self.accounts.items()
        ]
        findings = [
            [k, f.window, f.log10_p, [list(e) for e in f.evidence], f.rate, f.is_alarming]
            for k, f in self.findings.items()
        ]
        links = [list(link) for link in self.links.values()]
        hours = [list(hour) for hour in self.hours]
        place = [self.cluster_id, self.kind, self.first_window, self.last_window, self.doubted_window, self.quiet_below]
        return [place, accounts, findings, links, hours, sorted(self.active), sorted(self.named)]

    @classmethod
    def restore(cls, state: list[Any]) -> Cluster:
        """Take over what `snapshot` gave."""
        (
            (cluster_id, kind, first_window, last_window, doubted, quiet),
            accounts,
            findings,
            links,
            hours,
            active,
            named,
        ) = state
        return cls(
            cluster_id,
            kind,
            first_window,
            last_window,
            {a[0]: ClusterAccount(a[1], a[2], a[3], a[4], a[5], a[6], tuple(a[7]), a[8]) for a in accounts},
            {f[0]: Finding(f[1], f[2], [EvidenceItem(*item) for item in f[3]], f[4], f[5]) for f in findings},
            {link[0]: Link(*link) for link in links},
            [(hour[0], hour[1], hour[2]) for hour in hours],
            set(active),
            set(named),
            doubted,
            quiet,
        )


class Placement(NamedTuple):
    """Where a suspect was put: its cluster, the accounts that are new in it, and clusters that it absorbed."""

    cluster: Cluster
    new_accounts: list[int]
    absorbed: list[Cluster]


class Clusters:
    """All clusters, and which account is in which; an account is in one at most."""

    def __init__(self, settings: AlertSettings, min_accounts: int) -> None:
        self._settings = settings
        self._min_accounts = min_accounts
        self.by_id: dict[str, Cluster] = {}
        self.of_account: dict[int, str] = {}
        self._singles: dict[int, str] = {}

    def place(self, suspect: Suspect, names: dict[int, str], now_ms: int) -> Placement | None:
        """Put a suspect where it belongs: into the clusters it overlaps, which become one, or into one of its own.

        None where it overlaps none enough, and too few of its accounts are free to be one.
        """
        if suspect.kind == "account":
            return self._single(suspect, names, now_ms)
        found = self._overlapping(suspect)
        if not found and sum(key not in self.of_account for key in suspect.candidates) < self._min_accounts:
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
        mine = {cluster.cluster_id, None, *(other.cluster_id for other in absorbed)}
        free = {key: score for key, score in suspect.candidates.items() if self.of_account.get(key) in mine}
        new += cluster.take(suspect._replace(candidates=free), names, now_ms)
        self.of_account.update(dict.fromkeys(cluster.accounts, cluster.cluster_id))
        return Placement(cluster, sorted(set(new)), absorbed)

    def _single(self, suspect: Suspect, names: dict[int, str], now_ms: int) -> Placement:
        (key,) = suspect.candidates
        known = self._singles.get(key)
        cluster = self.by_id[known] if known is not None else self._new(suspect, "account")
        self._singles[key] = cluster.cluster_id
        return Placement(cluster, cluster.take(suspect, names, now_ms), [])

    def _new(self, suspect: Suspect, kind: str) -> Cluster:
        name = stable_key("cluster", f"{kind}|{suspect.name}|{suspect.window}")
        cluster = Cluster(f"c-{name:016x}", kind, suspect.window, suspect.window)
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
        return sorted(found, key=lambda cluster: (cluster.first_window, cluster.cluster_id))

    def overlap(self, keys: Iterable[int]) -> Counter[str]:
        """Count how many of some accounts are in each cluster."""
        names = (self.of_account.get(key) for key in keys)
        return Counter(name for name in names if name is not None)

    def leave(self, cluster: Cluster, keys: Iterable[int]) -> list[ClusterAccount]:
        """Take accounts out of a cluster; give them back as they were."""
        gone = [cluster.accounts.pop(key) for key in keys]
        for key in keys:
            self.of_account.pop(key, None)
        return gone

    def drop(self, cluster: Cluster) -> None:
        """Forget a cluster that has rested for long."""
        del self.by_id[cluster.cluster_id]
        for key in cluster.accounts:
            for index in (self.of_account, self._singles):
                if index.get(key) == cluster.cluster_id:
                    del index[key]

    def snapshot(self) -> list[Any]:
        """Plain data from which `restore` makes the same clusters."""
        return [cluster.snapshot() for cluster in self.by_id.values()]

    def restore(self, state: list[Any]) -> None:
        """Take over what `snapshot` gave."""
        restored = map(Cluster.restore, state)
        self.by_id = {cluster.cluster_id: cluster for cluster in restored}
        self.of_account, self._singles = {}, {}
        for cluster in self.by_id.values():
            index = self._singles if cluster.kind == "account" else self.of_account
            index.update(dict.fromkeys(cluster.accounts, cluster.cluster_id))
