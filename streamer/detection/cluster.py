"""One cluster: accounts under common control as far as is known, what was found out about them, and when they asked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from streamer.detection.evidence import Burst, EvidenceItem
from streamer.detection.links import Link

DOUBTS_TO_LEAVE = 4
# What was dismissed is news again when it has become so many times as large.
REOPEN_RATIO = 2
HOUR_MS = 3_600_000
MAX_HOURS = 168
MAX_LINKS = 300


class Suspect(NamedTuple):
    """A group, or one account, that is improbable taken together.

    `candidates` are account keys and how typical each is; `doubtful` are accounts of the group that are far from
    typical of it; `keys` are all of its accounts, `core` those that more than one thing holds in it, or one well
    enough; `rate` is how often a day honest traffic brings such a group. If `by_likeness`, nothing but how they behave
    makes them one; if `is_excused`, it would be an alarm but for how they live.
    """

    kind: str
    name: str
    window: int
    candidates: dict[int, float]
    doubtful: frozenset[int]
    keys: frozenset[int]
    core: frozenset[int]
    links: tuple[Link, ...]
    evidence: list[EvidenceItem]
    log10_p: float
    is_alarming: bool = False
    rate: float = 0.0
    enough: int = 1
    by_likeness: bool = False
    is_excused: bool = False


def suspect_of(burst: Burst, window: int) -> Suspect:
    """Give one account that hammers as a suspect of its own."""
    of = frozenset((burst.key,))
    score = {burst.key: 1.0}
    return Suspect("account", burst.account_id, window, score, frozenset(), of, of, (), [burst.evidence], burst.log10_p)


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
    by_likeness: bool = False


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

    Somebody who dismissed it is not told again while it has fewer accounts than `quiet_below`. `revision` is that of
    its alert when that was last resolved.
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
    alike_since: dict[int, int] = field(default_factory=dict)
    compared_window: int = -1
    revision: int = 0

    def take(self, suspect: Suspect, names: dict[int, str], now_ms: int) -> list[int]:
        """Add what a suspect group shows; return the accounts that are new."""
        self.last_window = max(self.last_window, suspect.window)
        self.findings[suspect.name] = Finding(
            suspect.window, suspect.log10_p, suspect.evidence, suspect.rate, suspect.is_alarming
        )
        # The newest that bind it: of those that come under ever other values, as prompts do, some are enough.
        links = {**self.links, **{link.key: link for link in suspect.links}}
        self.links = dict(list(links.items())[-MAX_LINKS:])
        new = [key for key in suspect.candidates if key not in self.accounts]
        for key in new:
            by_likeness = suspect.by_likeness
            self.accounts[key] = ClusterAccount(names[key], now_ms, suspect.candidates[key], by_likeness=by_likeness)
        for key, score in suspect.candidates.items():
            account = self.accounts[key]
            account.score = max(account.score, score)
            account.doubts, account.by_likeness = 0, account.by_likeness and suspect.by_likeness
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

    def is_alarming(self) -> bool:
        """Whether it is a group of accounts with a clear trace of control."""
        return self.kind == "cluster" and bool(self.accounts and self.findings) and self.strongest().is_alarming

    def dismiss(self) -> None:
        """Somebody wants to hear no more of it, as it is."""
        self.quiet_below = REOPEN_RATIO * max(1, len(self.accounts))

    def is_quiet(self) -> bool:
        """Whether somebody dismissed it, and it has not grown enough since."""
        return len(self.accounts) < self.quiet_below

    def age(self) -> tuple[int, str]:
        """Give what puts clusters in order, the oldest first."""
        return self.first_window, self.cluster_id

    def held(self) -> frozenset[int]:
        """Give the accounts that ties or hand-offs hold in it: from them it grows, and by them it is judged."""
        return frozenset(key for key, account in self.accounts.items() if not account.by_likeness)

    def absorb(self, other: Cluster) -> list[int]:
        """Take over a younger cluster; return the accounts that are new here."""
        new = [key for key in other.accounts if key not in self.accounts]
        self.accounts.update({key: other.accounts[key] for key in new})
        self.findings.update(other.findings)
        self.links.update(other.links)
        self.last_window = max(self.last_window, other.last_window)
        # Quiet only if both were dismissed: what fires is not silenced by what it grows together with.
        both = self.quiet_below and other.quiet_below
        self.quiet_below = self.quiet_below + other.quiet_below if both else 0
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
                a.by_likeness,
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
        compared = [self.compared_window, sorted(self.alike_since.items()), self.revision]
        return [place, accounts, findings, links, hours, sorted(self.active), sorted(self.named), compared]

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
            (compared, alike, revision),
        ) = state
        return cls(
            cluster_id,
            kind,
            first_window,
            last_window,
            {a[0]: ClusterAccount(a[1], a[2], a[3], a[4], a[5], a[6], tuple(a[7]), a[8], a[9]) for a in accounts},
            {f[0]: Finding(f[1], f[2], [EvidenceItem(*item) for item in f[3]], f[4], f[5]) for f in findings},
            {link[0]: Link(*link) for link in links},
            [(hour[0], hour[1], hour[2]) for hour in hours],
            set(active),
            set(named),
            doubted,
            quiet,
            dict(alike),
            compared,
            revision,
        )
