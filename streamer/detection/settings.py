"""Every number that the detector can be told, with the reason for its default."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

HOUR_S = 3600
DAY_S = 86_400
USUAL_INFO_PER_DAY = 0.1
WIDEST_LEAD_LOG10_P, WIDEST_RECORD_LOG10_P = -0.3, -0.7


@dataclass(frozen=True, slots=True)
class WindowSettings:
    """Event time: how long a window is and how long it waits for stragglers."""

    window_s: int = 600
    lateness_s: int = 300

    def __post_init__(self) -> None:
        if self.window_s < 1 or HOUR_S % self.window_s:
            message = f"window_s must divide an hour ({HOUR_S} s), found {self.window_s}"
            raise ValueError(message)
        if self.lateness_s < 0:
            message = f"lateness_s must not be negative, found {self.lateness_s}"
            raise ValueError(message)

    @property
    def window_ms(self) -> int:
        """Length of a window in milliseconds."""
        return self.window_s * 1000

    def windows(self, seconds: float) -> int:
        """How many windows `seconds` are, at least one."""
        return max(1, round(seconds / self.window_s))


@dataclass(frozen=True, slots=True)
class AccountSettings:
    """What is remembered of one account."""

    baseline_half_life_s: int = 7 * DAY_S
    retention_s: int = 30 * DAY_S
    one_off_retention_s: int = 2 * DAY_S
    one_off_requests: int = 3
    max_accounts: int = 5_000_000


@dataclass(frozen=True, slots=True)
class ReferenceSettings:
    """The population that accounts are judged against: lagged, so that a campaign is not its own null."""

    epoch_s: int = 6 * HOUR_S
    lag_epochs: int = 1
    memory_epochs: int = 28
    warm_up_s: int = DAY_S
    min_accounts: int = 200
    strata: tuple[str, ...] = ("free", "subscription", "payg", "enterprise", "education")
    min_stratum_accounts: int = 200


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """What accounts can share and how much of it is remembered."""

    shards: int = 64
    sighting_slots: int = 32_768
    sighting_memory_s: int = DAY_S
    max_groups_per_shard: int = 20_000
    max_members: int = 50_000
    hub_ratio: float = 0.10
    hub_min_accounts: int = 200
    horizon_s: int = DAY_S
    idle_s: int = 2 * DAY_S
    judge_every_s: int = 12 * HOUR_S
    judge_suspect_every_s: int = 6 * HOUR_S
    judge_growth_ratio: float = 0.5
    tie_accounts: int = 60
    prompt_slots: int = 16_384
    watch_s: int = 3 * DAY_S
    disabled_kinds: tuple[str, ...] = ("network", "mail_domain", "tools")


@dataclass(frozen=True, slots=True)
class GroupSettings:
    """How alike the accounts of an honest group may be before it is odd.

    The correlations are what common cause alone explains (a class, a firm, a tool): the mean of `m` accounts that share
    a cause scatters like that of `m / (1 + (m - 1) * correlation)` strangers.
    """

    min_accounts: int = 8
    min_passers: int = 5
    min_hand_offs: int = 3
    min_requests: int = 3
    evenness_floor_ratio: float = 0.35
    rhythm_correlation: float = 0.10
    cause_correlation: float = 0.30
    lead_log10_p: float = -1.0
    control_log10_p: float = -4.0
    hand_off_log10_p: float = -3.0
    family_log10_p: float = -1.3
    record_log10_p: float = -1.3
    organization_ratio: float = 0.80
    hand_off_s: int = 120
    hand_off_memory_s: int = 2 * DAY_S
    pivot_s: int = DAY_S
    tie_overlap: int = 2
    disabled_families: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CalibrationSettings:
    """How the rate of false alarms is counted on what is no alarm: for how long, and how far behind."""

    memory_s: int = 7 * DAY_S
    lag_s: int = DAY_S
    warm_up_s: int = 2 * DAY_S
    same_group_s: int = 2 * DAY_S
    tail_groups: int = 10
    min_excess: float = 0.5


@dataclass(frozen=True, slots=True)
class LikenessSettings:
    """Naming by behaviour: who behaves as a cluster does and as nobody did before it.

    `error_ratio` is how many of those named may be honest; behaviour is known of `max_accounts` at most. All are
    compared `every_s`, and again `confirm_after_s` a look that found somebody: who is as like then is named.
    """

    error_ratio: float = 0.01
    new_error_ratio: float = 0.05
    min_requests: int = 10
    min_known: int = 12
    max_ratio: float = 4.0
    every_s: int = 6 * HOUR_S
    confirm_after_s: int = 3 * HOUR_S
    memory_s: int = 2 * DAY_S
    sample_days: int = 10
    sample_accounts: int = 4096
    max_accounts: int = 200_000


@dataclass(frozen=True, slots=True)
class CellSettings:
    """Accounts that share nothing: which of those who came within `new_s` behave alike, and as hardly any did before.

    `error_ratio` is how many of a group of them may be what earlier days bring anyway.
    """

    enabled: bool = True
    new_s: int = 4 * DAY_S
    every_s: int = 6 * HOUR_S
    cells: int = 24
    looks: int = 4
    lead_log10_p: float = -1.0
    error_ratio: float = 0.05
    max_accounts: int = 20_000


@dataclass(frozen=True, slots=True)
class AlertSettings:
    """The false alarms a day that each severity may cost, and the life of an alert."""

    critical_per_day: float = 0.01
    warning_per_day: float = 0.1
    info_per_day: float = USUAL_INFO_PER_DAY
    account_min_requests: int = 200
    account_excess_ratio: float = 4.0
    account_warning_ratio: float = 16.0
    resolve_after_s: int = DAY_S
    remember_s: int = 30 * DAY_S
    update_every_s: int = HOUR_S
    growth_ratio: float = 0.2
    overlap_ratio: float = 0.3
    min_overlap: int = 3
    runbook: str = "deploy/runbooks/campaign.md"


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """Policy: what a firing alert asks of the gateway. Shadow until an operator says otherwise."""

    mode: str = "shadow"
    action: str = "throttle"
    requests_per_minute: int = 2
    severities: tuple[str, ...] = ("critical", "warning")
    expires_after_s: int = DAY_S
    max_accounts: int = 50_000
    allow: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, found, allowed in (
            ("mode", self.mode, ("shadow", "enforce")),
            ("action", self.action, ("throttle",)),
        ):
            if found not in allowed:
                message = f"{name} must be one of {', '.join(allowed)}, found {found!r}"
                raise ValueError(message)


@dataclass(frozen=True, slots=True)
class DetectionSettings:
    """All of the above."""

    window: WindowSettings = field(default_factory=WindowSettings)
    account: AccountSettings = field(default_factory=AccountSettings)
    reference: ReferenceSettings = field(default_factory=ReferenceSettings)
    link: LinkSettings = field(default_factory=LinkSettings)
    group: GroupSettings = field(default_factory=GroupSettings)
    calibration: CalibrationSettings = field(default_factory=CalibrationSettings)
    likeness: LikenessSettings = field(default_factory=LikenessSettings)
    cells: CellSettings = field(default_factory=CellSettings)
    alert: AlertSettings = field(default_factory=AlertSettings)
    limit: LimitSettings = field(default_factory=LimitSettings)

    def widened(self) -> GroupSettings:
        """Give how groups are looked at where an operator wants more alerts for the record than by default.

        To bring three honest groups a day it takes more than three a day to choose from: more of the likely ones are
        looked at, and fainter evidence is put on record. What pages or opens a ticket is as clear as ever.

        >>> DetectionSettings(alert=AlertSettings(info_per_day=3.0)).widened().lead_log10_p
        -0.3
        """
        wider_log10 = math.log10(max(1.0, self.alert.info_per_day / USUAL_INFO_PER_DAY))
        group = self.group
        return replace(
            group,
            lead_log10_p=max(group.lead_log10_p, min(WIDEST_LEAD_LOG10_P, group.lead_log10_p + wider_log10)),
            record_log10_p=max(group.record_log10_p, min(WIDEST_RECORD_LOG10_P, group.record_log10_p + wider_log10)),
        )
