"""Scenarios: YAML files that say who lives in a world, and the campaigns in it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, Field, ValidationError, field_validator

from streamer.errors import ConfigError, StreamerError
from streamer.shipped import shipped_directory
from streamer.simulation.plan import Campaign, Strict

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
    "app",
    "cron",
    "campus",
    "vpn",
    "family",
    "shift_team",
    "translator",
    "tool_release",
    "webinar",
    "press_day",
    "returning",
    "enterprise_gateway",
    "reseller",
    "migration",
    "several_accounts",
    "workflow",
    "game_jam",
]
Fields = Literal["all", "metadata_only", "no_signup", "no_prompt_features", "required_only"]
ModelName = Literal["meridian-5", "meridian-5-mini"]
SHIPPED = shipped_directory("scenarios", "config/scenarios")


class HonestClass(Strict):
    """How many accounts of an honest class there are; what is not given is the class's own."""

    accounts: int = Field(ge=0, le=20_000_000)
    requests_per_account_per_day: float | None = Field(default=None, gt=0)
    requests_sigma: float | None = Field(default=None, ge=0, le=3)
    group_size: int | None = Field(default=None, ge=1)
    start_day: float | None = Field(default=None, ge=0)
    days: float | None = Field(default=None, gt=0)
    second_place: float | None = Field(default=None, ge=0, le=1)


class Launch(Strict):
    """A new model comes out."""

    day: float = Field(ge=0)
    model: ModelName = "meridian-5"


class Scenario(Strict):
    """A whole world. `variety` is how much people of one class differ in their habits."""

    name: str = ""
    description: str = ""
    start: dt.date
    days: float = Field(gt=0, le=400)
    honest: dict[ClassName, HonestClass] = Field(default={})
    campaigns: list[Campaign] = Field(default=[])
    launches: list[Launch] = Field(default=[])
    fields: Fields = "all"
    incidents_per_week: float = Field(default=1.0, ge=0, le=100)
    variety: float = Field(default=0.0, ge=0, le=1)

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
    """Read a scenario from a file, or a shipped one by name.

    One that is `based_on` another (of the same directory, or shipped) has what that one has where it says nothing;
    honest classes are added to those of the other.
    """
    path = _found(path_or_name, None)
    given = _whole(path, str(path_or_name), ())
    try:
        scenario = Scenario.model_validate({"name": path.stem, **given})
    except ValidationError as problem:
        raise ConfigError(_problems(path, problem.errors())) from None
    return scenario


def _found(path_or_name: str | Path, beside: Path | None) -> Path:
    path = Path(path_or_name)
    places = [] if beside is None else [beside.parent / f"{path.name}.yaml"]
    for place in (path, *places, SHIPPED / f"{path.name}.yaml"):
        if place.is_file() and (path.suffix == "" or place == path):
            return place
    return path


def _whole(path: Path, named: str, above: tuple[Path, ...]) -> dict[Any, Any]:
    """What a file says, on top of what it is based on."""
    given = _read(path, named)
    base = given.pop("based_on", None)
    if base is None:
        return given
    if not isinstance(base, str):
        raise ConfigError([StreamerError(f"{path}: based_on", f"found {base!r}", "allowed: a scenario's name")])
    below = _found(base, path)
    if below in {path, *above}:
        found = f"found {base}, which is based on this one"
        raise ConfigError([StreamerError(f"{path}: based_on", found, "name another scenario")])
    basis = _whole(below, f"{path}: based_on {base}", (path, *above))
    classes = [part.get("honest", {}) for part in (basis, given)]
    if all(isinstance(part, dict) for part in classes):
        given["honest"] = classes[0] | classes[1]
    return {**basis, "description": "", **given}


def _read(path: Path, named: str) -> dict[Any, Any]:
    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as problem:
        found = f"cannot be read ({problem.strerror})"
        raise ConfigError([StreamerError(named, found, f"give a file, or one of {', '.join(names())}")]) from None
    except (yaml.YAMLError, UnicodeDecodeError) as problem:
        found = "is not YAML: " + " ".join(str(problem).split())
        raise ConfigError([StreamerError(str(path), found, "correct the file at that place")]) from None
    except RecursionError:
        raise ConfigError([StreamerError(str(path), "is nested too deeply", "write it with fewer levels")]) from None
    if not isinstance(given, dict):
        raise ConfigError(
            [StreamerError(str(path), f"holds {type(given).__name__}", "a scenario is a mapping of keys")]
        )
    return given


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
