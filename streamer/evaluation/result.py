"""What an evaluation says."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple


@dataclass(frozen=True)
class Within:
    """Accounts named within some hours of their own first request.

    `left_out` had their first request so late that the data end before the hours are over: they are not in `of`.
    """

    hours: int
    named: int
    of: int
    left_out: int
    share: float | None


@dataclass(frozen=True)
class FamilyStrength:
    """How improbable what a family of evidence saw was, and its share of all that the alert rests on."""

    family: str
    log10_p: float
    share: float


@dataclass(frozen=True)
class CampaignResult:
    """How one campaign fared. Hours count from its first request; None is what cannot be known, or did not happen.

    `share_served_before` is the share of its answered requests that had been answered before the first alert about it,
    1.0 if there was none: of what the events hold, and as `real_share_before` of its real length at its mean rate.
    `evidence` and `links` are what that alert rested on then.
    """

    name: str
    accounts: int
    first_request: str | None
    detected: bool
    alert_id: str | None
    severity: str | None
    detected_at: str | None
    hours_to_detection: float | None
    share_served_before: float | None
    named: int
    recall: float
    clusters: int
    real_days: float | None = None
    real_share_before: float | None = None
    named_within: tuple[Within, ...] = ()
    silent_accounts: int = 0
    answered: int | None = None
    days_seen: float | None = None
    evidence: tuple[FamilyStrength, ...] = ()
    links: tuple[str, ...] = ()
    world: str | None = None


@dataclass(frozen=True)
class ClusterResult:
    """Who is in one cluster, whoever was ever named counted. `purity` is the share of its most frequent actor."""

    cluster_id: str
    accounts: int
    actor: str
    purity: float
    campaigns: int


@dataclass(frozen=True)
class Churn:
    """What became of accounts that were in a cluster.

    `left` say they left while the alert fired, `dropped` were no longer listed without a word, `rested` left with the
    alert resolved, `moved` went to another cluster (which is what becomes of them when clusters merge).
    `ratio` is of `left` and `dropped` to all `members`.
    """

    members: int = 0
    left: int = 0
    dropped: int = 0
    rested: int = 0
    moved: int = 0
    ratio: float | None = None


@dataclass(frozen=True)
class FalseAlert:
    """An alert that fired at least once with no more accounts of any campaign than honest ones.

    At the highest severity it so fired at; `claimed_per_day` is the lowest rate of false alarms it so claimed.
    """

    alert_id: str
    kind: str
    severity: str
    honest_class: str
    fired_at: str
    claimed_per_day: float | None
    families: tuple[str, ...]


@dataclass(frozen=True)
class Honest:
    """What honest people had to bear: accounts named or limited, and alerts about nobody's campaign, by class."""

    named: dict[str, int]
    named_accounts: dict[str, str]
    limited: dict[str, int]
    false_alerts: dict[str, dict[str, int]]
    false_alerts_per_day: dict[str, float | None]


@dataclass(frozen=True)
class Calibration:
    """Alerts on honest traffic that claim at most so many false alarms a day, and how many there were.

    `low` and `high` bound the true rate with 95% confidence. `enough` says whether ten alarms were to be expected, or
    seen; below that a factor of two cannot be told. `highest_per_day` is the highest rate that one of them claims:
    where honest traffic does not bring so many groups, none claims more, and no more are counted.
    """

    claimed_per_day: float
    counted: int
    expected: float
    counted_per_day: float
    low_per_day: float
    high_per_day: float
    ratio: float
    enough: bool
    highest_per_day: float | None = None


@dataclass(frozen=True)
class FamilyResult:
    """What a family of evidence did: in how many detections of campaigns it took part, and in how many false alerts.

    `needed` counts detections that would rest on fewer than two families without it; `share` is its mean share of the
    strength of the detections it took part in.
    """

    family: str
    detections: int
    needed: int
    share: float | None
    false_alerts: int


class RevisionMark(NamedTuple):
    """A revision of an alert about a campaign, as a mark on its timeline."""

    hour: float
    severity: str
    status: str
    accounts: int


@dataclass(frozen=True)
class Timeline:
    """A campaign hour by hour, from the hour of its first request: requests, accounts at work, named so far; alerts."""

    campaign: str
    begins: str
    requests: tuple[int, ...]
    active: tuple[int, ...]
    named: tuple[int, ...]
    revisions: tuple[RevisionMark, ...]
    world: str | None = None


@dataclass(frozen=True)
class Evaluation:
    """The whole judgement. `missing` says which numbers could not be had or must be doubted, and why."""

    campaigns: tuple[CampaignResult, ...]
    alerts: int
    days: float | None
    named: int
    precision: float | None
    honest: Honest
    clusters: tuple[ClusterResult, ...]
    purity: float | None
    missing: tuple[str, ...]
    churn: Churn = Churn()
    false_alerts: tuple[FalseAlert, ...] = ()
    calibration: tuple[Calibration, ...] = ()
    families: tuple[FamilyResult, ...] = ()
    timelines: tuple[Timeline, ...] = ()

    def as_record(self) -> dict[str, Any]:
        """The same as plain data, for JSON."""
        return asdict(self)
