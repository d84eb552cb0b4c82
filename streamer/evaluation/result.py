"""What an evaluation says."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class CampaignResult:
    """How one campaign fared. Hours count from its first request; None is what cannot be known, or did not happen.

    `share_served_before` is the share of its answered requests that had been answered before the first alert that names
    it; 1.0 if there was none. `recall_24h` and `recall_48h` are shares of its accounts named that soon.
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
    recall_24h: float | None
    recall_48h: float | None
    clusters: int


@dataclass(frozen=True)
class ClusterResult:
    """Who is in one cluster, whoever was ever named counted. `purity` is the share of its most frequent actor."""

    cluster_id: str
    accounts: int
    actor: str
    purity: float
    campaigns: int


@dataclass(frozen=True)
class Honest:
    """What honest people had to bear: accounts named or limited, and alerts about nobody's campaign, by class."""

    named: dict[str, int]
    named_accounts: dict[str, str]
    limited: dict[str, int]
    false_alerts: dict[str, dict[str, int]]
    false_alerts_per_day: dict[str, float | None]


@dataclass(frozen=True)
class Evaluation:
    """The whole judgement. `missing` says which numbers could not be had, and what they need."""

    campaigns: tuple[CampaignResult, ...]
    alerts: int
    days: float | None
    named: int
    precision: float | None
    honest: Honest
    clusters: tuple[ClusterResult, ...]
    purity: float | None
    missing: tuple[str, ...]

    def as_record(self) -> dict[str, Any]:
        """The same as plain data, for JSON."""
        return asdict(self)
