"""Scenarios: YAML files that say who lives in a world, and the campaigns in it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from streamer.errors import ConfigError, StreamerError
from streamer.simulation.catalogue import LANGUAGES, PLACES
from streamer.simulation.profiles import PROFILES
from streamer.simulation.traits import Rhythm

ClassName = Literal[
    "individual",
    "coding_tool",
    "enterprise_nat",
    "classroom",
    "batch_eval",
    "synthetic_data",
    "ci",
    "aggregator",
    "retry_storm",
    "region",
    "agency",
    "hackathon",
    "launch_day",
]
ProfileName = Literal["relay", "replay", "hydra", "hydra_peak", "rotation", "february", "evasive"]
Fields = Literal["all", "metadata_only", "no_signup", "no_prompt_features", "required_only"]
StackKind = Literal["web", "mobile", "sdk", "tool"]
NetworkKind = Literal["home", "mobile", "office", "cloud", "vpn"]
LengthKind = Literal["conversation", "code", "context", "long"]
ModelName = Literal["meridian-5", "meridian-5-mini"]
SHIPPED = Path(__file__).resolve().parents[2] / "config" / "scenarios"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class HonestClass(_Strict):
    """How many accounts of an honest class there are; what is not given is the class's own."""

    accounts: int = Field(ge=0, le=20_000_000)
    requests_per_account_per_day: float | None = Field(default=None, gt=0)
    requests_sigma: float | None = Field(default=None, ge=0, le=3)
    group_size: int | None = Field(default=None, ge=1)
    start_day: float | None = Field(default=None, ge=0)
    days: float | None = Field(default=None, gt=0)
    second_place: float | None = Field(default=None, ge=0, le=1)


class Campaign(_Strict):
    """An extraction campaign. Fields that are not given come from its profile.

    `accounts_per_*` is how many accounts share one value: 1 is a value each. `evenness` is the share of work that a
    round-robin hands out; the rest goes to a random account. `jitter` 0 is a metronome, 1 is Poisson. Accounts work in
    `pools`, one pool at a time for `pool_days`; the requests per account and day hold while its pool works.
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
    failover_ratio: float = Field(default=0.8, ge=0, le=1)
    failover_s: float = Field(default=4.0, gt=0)
    limited_ratio: float = Field(default=0.012, ge=0, le=1)
    stacks: dict[StackKind, float] = Field(default={"sdk": 1.0}, min_length=1)
    networks: dict[NetworkKind, float] = Field(default={"home": 0.8, "mobile": 0.1, "vpn": 0.1}, min_length=1)
    lease_days: float = Field(default=1.0, gt=0)
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
    turns_mu: float = Field(default=0.0, ge=-1, le=4)
    turns_sigma: float = Field(default=0.0, ge=0, le=2)
    pause_mu: float = Field(default=3.0, ge=-2, le=8)
    output_shift: float = Field(default=0.1, ge=-2, le=2)

    @field_validator("stacks", "networks", "lengths", "capabilities", "models")
    @classmethod
    def _weights(cls, given: dict[str, float] | list[float]) -> dict[str, float] | list[float]:
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


class Launch(_Strict):
    """A new model comes out."""

    day: float = Field(ge=0)
    model: ModelName = "meridian-5"


class Scenario(_Strict):
    """A whole world."""

    name: str = ""
    description: str = ""
    start: dt.date
    days: float = Field(gt=0, le=400)
    honest: dict[ClassName, HonestClass] = {}
    campaigns: list[Campaign] = []
    launches: list[Launch] = []
    fields: Fields = "all"
    incidents_per_week: float = Field(default=1.0, ge=0, le=100)

    @field_validator("campaigns")
    @classmethod
    def _unique(cls, campaigns: list[Campaign]) -> list[Campaign]:
        names = [campaign.name for campaign in campaigns]
        if len(set(names)) < len(names):
            raise ValueError("every campaign needs a name of its own")
        return campaigns


def names() -> list[str]:
    """The shipped scenarios."""
    return sorted(path.stem for path in SHIPPED.glob("*.yaml"))


def load(path_or_name: str | Path) -> Scenario:
    """Read a scenario from a file, or a shipped one by name."""
    path = Path(path_or_name)
    if not path.is_file() and path.suffix == "" and (SHIPPED / f"{path.name}.yaml").is_file():
        path = SHIPPED / f"{path.name}.yaml"
    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as problem:
        found = f"cannot be read ({problem.strerror})"
        raise ConfigError(
            [StreamerError(str(path_or_name), found, f"give a file, or one of {', '.join(names())}")]
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as problem:
        found = "is not YAML: " + " ".join(str(problem).split())
        raise ConfigError([StreamerError(str(path), found, "correct the file at that place")]) from None
    except RecursionError:
        raise ConfigError([StreamerError(str(path), "is nested too deeply", "write it with fewer levels")]) from None
    if not isinstance(given, dict):
        raise ConfigError(
            [StreamerError(str(path), f"holds {type(given).__name__}", "a scenario is a mapping of keys")]
        )
    try:
        scenario = Scenario.model_validate({"name": path.stem, **given})
    except ValidationError as problem:
        raise ConfigError(_problems(path, problem.errors())) from None
    return scenario


def _problems(path: Path, details: list[Any]) -> list[StreamerError]:
    # What an unknown profile would have filled in is not missing.
    unknown = {detail["loc"][:2] for detail in details if detail["loc"][-1:] == ("profile",)}
    told = [detail for detail in details if detail["type"] != "missing" or detail["loc"][:2] not in unknown]
    return [_explain(path, detail) for detail in told]


def _explain(path: Path, detail: Any) -> StreamerError:  # noqa: ANN401 - pydantic's error details are untyped
    location = detail["loc"]
    where = f"{path}: {'.'.join(str(part) for part in location if part != '[key]') or 'file'}"
    if detail["type"] == "extra_forbidden":
        return StreamerError(where, "is no key of a scenario", _known_keys(location))
    if detail["type"] == "missing":
        return StreamerError(where, "is missing", "give it")
    allowed = detail["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    return StreamerError(where, f"found {detail['input']!r}", f"allowed: {allowed}")


def _known_keys(location: tuple[str | int, ...]) -> str:
    models: dict[str, type[BaseModel]] = {"honest": HonestClass, "campaigns": Campaign, "launches": Launch}
    nested = len(location) > 1
    model = models.get(str(location[0]), Scenario) if nested else Scenario
    return "allowed: " + ", ".join(model.model_fields)
