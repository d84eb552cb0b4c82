"""What a class of accounts looks like and what it asks for: the vocabulary of honest classes and campaigns alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from streamer.simulation.tokens import PAUSE_MU, PAUSE_SIGMA, TURNS_MU, TURNS_SIGMA

Rhythm = Literal["human", "business", "night", "flat", "events", "sleepless", "shifts", "scheduled", "timer"]
Address = Literal["own", "block", "shared"]
System = Literal["web", "tool", "own", "group", "none"]


@dataclass(frozen=True)
class Identity:
    """How accounts are set up. `shared` names what the accounts of one group have in common.

    `address`: an address each, one each in a common /24, or one for the whole group. `lease_days` is how long an
    address lasts; with `roaming` the next one can lie anywhere in the same operator's space. With `anywhere` people do
    not live where their address is. `just_joined` is the share that signs up within hours of the class's beginning.
    """

    stacks: dict[str, float] = field(default_factory=lambda: {"web": 0.55, "mobile": 0.2, "sdk": 0.13, "tool": 0.12})
    networks: dict[str, float] = field(
        default_factory=lambda: {"home": 0.74, "mobile": 0.15, "vpn": 0.06, "cloud": 0.05}
    )
    countries: tuple[str, ...] = ()
    plans: dict[str, float] = field(default_factory=lambda: {"free": 0.45, "subscription": 0.35, "payg": 0.2})
    address: Address = "own"
    lease_days: float = 5.0
    roaming: bool = False
    second_place: float = 0.5
    shared: frozenset[str] = frozenset()
    own_mail_domain: float = 0.08
    disposable_mail: float = 1.0
    age_days: float = 240.0
    newcomers: float = 0.08
    just_joined: float = 0.0
    anywhere: bool = False
    signup_spread_days: float | None = None
    signup_lead_days: float = 0.0


@dataclass(frozen=True)
class Content:
    """What requests hold. Ratios are shares of requests; weights need not sum to one.

    `focus` is how often an account stays with its own favourite capability. A template belongs to an account or to its
    group (`shared_templates`); each use flips up to `template_flips` of its 64 bits, each retry up to `retry_flips`.
    `languages` are spoken by everyone, the first ones most. `warm_ratio` is how often a first turn finds its system
    prompt cached.
    """

    turns_mu: float = TURNS_MU
    turns_sigma: float = TURNS_SIGMA
    pause_mu: float = PAUSE_MU
    pause_sigma: float = PAUSE_SIGMA
    lengths: dict[str, float] = field(
        default_factory=lambda: {"conversation": 0.48, "code": 0.12, "context": 0.16, "long": 0.24}
    )
    output_shift: float = 0.0
    input_shift: float = 0.0
    capabilities: tuple[float, ...] = (0.30, 0.05, 0.10, 0.17, 0.07, 0.11, 0.15, 0.05)
    focus: float = 0.45
    models: tuple[float, ...] = (0.43, 0.25, 0.22, 0.10, 0.0, 0.0)
    adoption_days: float = 5.0
    template_ratio: float = 0.10
    templates: int = 3
    template_flips: int = 4
    shared_templates: bool = False
    common_ratio: float = 0.10
    repeat_ratio: float = 0.10
    retry_flips: int = 0
    warm_ratio: float = 0.2
    system: dict[str, float] = field(default_factory=lambda: {"web": 0.6, "own": 0.22, "none": 0.18})
    max_tokens: dict[int, float] = field(
        default_factory=lambda: {-1: 0.45, 1024: 0.09, 2048: 0.06, 4096: 0.12, 8192: 0.12, 16384: 0.08, 32000: 0.08}
    )
    streaming: float = 0.8
    own_language: float = 0.8
    languages: tuple[str, ...] = ()
    limited_ratio: float = 0.009
    error_ratio: float = 0.008
    retries: int = 2
    retry_s: float = 8.0
    session_follows: bool = True
    end_users: int = 0


@dataclass(frozen=True)
class HonestTraits:
    """One honest class: its identity, its content and its rhythm.

    A class with an `event` begins on some day at `event_hour`, its accounts `stagger_days` apart on average, and use
    fades with `fade_days`. `balanced` work goes through a gateway that spreads it over the accounts of the group, which
    are all there from the beginning. After a day in the middle everyone asks as `revised` says. A class that is
    `relieved` has each second account of a group stop then, and the others start. By the clock go the rhythms
    `scheduled` (jobs that each set up alone) and `timer` (one published timer in many hands).
    """

    identity: Identity = Identity()
    content: Content = Content()
    requests_per_day: float = 5.0
    requests_sigma: float = 1.15
    group_size: int = 1
    rhythm: Rhythm = "human"
    weekend: float = 0.7
    days_off: float = 0.3
    group_days: float | None = None
    event: bool = False
    event_hour: float = 7.2
    stagger_days: float = 0.0
    fade_days: float | None = None
    balanced: bool = False
    revised: Content | None = None
    relieved: bool = False
