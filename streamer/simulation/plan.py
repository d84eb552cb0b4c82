"""What a scenario says of one campaign."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from streamer.simulation.catalogue import LANGUAGES, PLACES
from streamer.simulation.profiles import PROFILES
from streamer.simulation.tokens import PAUSE_SIGMA
from streamer.simulation.traits import Rhythm

ProfileName = Literal["relay", "replay", "hydra", "hydra_peak", "rotation", "february", "evasive"]
StackKind = Literal["web", "mobile", "sdk", "tool"]
NetworkKind = Literal["home", "mobile", "office", "cloud", "vpn"]
LengthKind = Literal["conversation", "code", "context", "long"]


class Strict(BaseModel):
    """Keys that are not known are wrong."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Campaign(Strict):
    """An extraction campaign. Fields that are not given come from its profile.

    `accounts_per_*` is how many accounts share one value: 1 is a value each. `evenness` is the share of work that a
    round-robin hands out; the rest goes to a random account. `jitter` 0 is a metronome, 1 is Poisson. Accounts work in
    `pools`, one pool at a time for `pool_days`; the requests per account and day hold while its pool works, and the
    next one takes over within `pool_gap_h`. Who takes over a request that was turned away has a session of its own,
    unless the `session_follows`.

    Before it scales it may probe: `probe_days` at `probe_ratio` of the volume over `probe_accounts` of the accounts.
    Accounts may have been used lightly before (`prior_use_per_day`), have their own day and night (`local_days`), days
    off and unequal quotas. `honest_ratio` of the requests are a person's, or with `resold` those of many customers.
    `bystanders` are honest accounts that share an address block or a card with one of its accounts.
    """

    name: str = Field(pattern=r"^[a-z0-9_-]{1,40}$")
    profile: ProfileName
    accounts: int = Field(ge=2, le=1_000_000)
    requests_per_account_per_day: float = Field(gt=0, le=100_000)
    start_day: float = Field(default=0.0, ge=0)
    days: float = Field(gt=0)
    ramp_days: float = Field(default=0.25, ge=0)
    rhythm: Rhythm = "flat"
    rhythm_country: str = "HK"
    weekend: float = Field(default=1.0, ge=0, le=2)
    evenness: float = Field(default=0.9, ge=0, le=1)
    jitter: float = Field(default=0.8, ge=0, le=1)
    honest_ratio: float = Field(default=0.0, ge=0, le=1)
    pools: int = Field(default=1, ge=1)
    pool_days: float = Field(default=1.0, gt=0)
    pools_return: bool = False
    pool_gap_h: float = Field(default=0.0, ge=0, lt=24)
    probe_days: float = Field(default=0.0, ge=0)
    probe_ratio: float = Field(default=0.05, gt=0, le=1)
    probe_accounts: float = Field(default=0.2, gt=0, le=1)
    prior_use_per_day: float = Field(default=0.0, ge=0, le=1_000)
    local_days: bool = False
    quota_sigma: float = Field(default=0.0, ge=0, le=3)
    days_off: float = Field(default=0.0, ge=0, lt=1)
    resold: bool = False
    bystanders: int = Field(default=0, ge=0, le=100_000)
    failover_ratio: float = Field(default=0.8, ge=0, le=1)
    failover_s: float = Field(default=4.0, gt=0)
    session_follows: bool = False
    limited_ratio: float = Field(default=0.012, ge=0, le=1)
    stacks: dict[StackKind, float] = Field(default={"sdk": 1.0}, min_length=1)
    networks: dict[NetworkKind, float] = Field(default={"home": 0.8, "mobile": 0.1, "vpn": 0.1}, min_length=1)
    lease_days: float = Field(default=1.0, gt=0)
    second_place: float = Field(default=0.0, ge=0, le=1)
    accounts_per_address: int = Field(default=1, ge=1)
    address_sharing: Literal["block", "shared"] = "block"
    accounts_per_payment: int = Field(default=1, ge=1)
    accounts_per_device: int = Field(default=1, ge=1)
    accounts_per_mail_domain: int = Field(default=1, ge=1)
    disposable_mail: float = Field(default=6.0, ge=0)
    signup_spread_days: float = Field(default=10.0, gt=0)
    signup_lead_days: float = Field(default=5.0, ge=0)
    system: Literal["none", "own", "tool", "campaign", "mixed"] = "mixed"
    capabilities: list[float] = Field(min_length=8, max_length=8)
    models: list[float] = Field(default=[0.48, 0.15, 0.30, 0.07, 0.0, 0.0], min_length=6, max_length=6)
    adoption_days: float = Field(default=1.0, gt=0)
    lengths: dict[LengthKind, float] = Field(min_length=1)
    languages: list[str] = []
    template_ratio: float = Field(default=0.3, ge=0, le=1)
    templates: int = Field(default=6, ge=1)
    template_flips: int = Field(default=4, ge=0, le=32)
    retry_flips: int = Field(default=0, ge=0, le=64)
    common_ratio: float = Field(default=0.01, ge=0, le=1)
    repeat_ratio: float = Field(default=0.05, ge=0, le=1)
    warm_ratio: float = Field(default=0.2, ge=0, le=1)
    focus: float = Field(default=0.1, ge=0, le=1)
    max_tokens: dict[int, float] = Field(
        default={-1: 0.2, 4096: 0.15, 8192: 0.3, 16384: 0.2, 32000: 0.15}, min_length=1
    )
    streaming: float = Field(default=0.75, ge=0, le=1)
    turns_mu: float = Field(default=0.0, ge=-1, le=4)
    turns_sigma: float = Field(default=0.0, ge=0, le=2)
    pause_mu: float = Field(default=3.0, ge=-2, le=8)
    pause_sigma: float = Field(default=PAUSE_SIGMA, ge=0, le=3)
    output_shift: float = Field(default=0.1, ge=-2, le=2)

    @field_validator("stacks", "networks", "lengths", "capabilities", "models", "max_tokens")
    @classmethod
    def _weights(cls, given: dict[Any, float] | list[float]) -> dict[Any, float] | list[float]:
        weights = list(given.values()) if isinstance(given, dict) else given
        if min(weights) < 0 or sum(weights) <= 0:
            raise ValueError("weights of which none is negative and one is more than 0")
        return given

    @field_validator("rhythm_country")
    @classmethod
    def _place(cls, given: str) -> str:
        if given not in PLACES:
            raise ValueError(", ".join(PLACES))
        return given

    @field_validator("languages")
    @classmethod
    def _spoken(cls, given: list[str]) -> list[str]:
        if not set(given) <= set(LANGUAGES):
            raise ValueError("any of " + ", ".join(LANGUAGES))
        return given

    @model_validator(mode="before")
    @classmethod
    def _from_profile(cls, given: Any) -> Any:  # noqa: ANN401 - pydantic hands over whatever the file holds
        if isinstance(given, dict) and isinstance(given.get("profile"), str):
            return {**PROFILES.get(given["profile"], {}), **given}
        return given
