"""From file and environment to a checked configuration, or to the list of everything that is wrong with it."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from streamer.config.document import Document, Location
from streamer.config.environment import Environment
from streamer.config.schema import AlertmanagerConfig, PrivacyConfig, StreamerConfig, WebConfig, WebhookConfig
from streamer.config.soundness import nearest, unusable
from streamer.errors import ConfigError, StreamerError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pydantic_core import ErrorDetails


def load_config(path: Path | None, environment: Mapping[str, str]) -> StreamerConfig:
    """The configuration of `path` (or the defaults alone) with the environment on top.

    Raises ConfigError with every problem: file and line or variable, key, value found and what is allowed.
    """
    document = Document(path) if path is not None else None
    values = document.values if document else {}
    sections = tuple(StreamerConfig.model_fields)
    variables = Environment(environment, sections, own=frozenset(_secrets(values, environment)))
    as_text: frozenset[Location] = frozenset()
    while True:
        merged = variables.overlay(values, as_text=as_text)
        try:
            config = StreamerConfig.model_validate_json(json.dumps(merged, default=str))
        except ValidationError as error:
            problems = error.errors(include_url=False)
            texts = {
                _location(problem)
                for problem in problems
                if problem["type"] == "string_type" and _location(problem) in variables.names
            }
            if texts - as_text:
                as_text |= texts
                continue
            raise ConfigError([_explain(problem, document, variables) for problem in problems]) from None
        wrong = [
            StreamerError(_place(location, document, variables), f"found {_show(value)}", remedy)
            for location, value, remedy in unusable(config)
        ]
        if wrong:
            raise ConfigError(wrong)
        return config


def _secrets(values: dict[str, Any], environment: Mapping[str, str]) -> Iterator[str]:
    """The variables that hold secrets, as far as the configuration names others than the defaults."""
    for section, key, default in (
        ("privacy", "key_env", PrivacyConfig().key_env),
        ("web", "token_env", WebConfig().token_env),
        ("alertmanager", "token_env", AlertmanagerConfig().token_env),
        ("webhook", "secret_env", WebhookConfig().secret_env),
    ):
        by_file = values.get(section)
        named = by_file.get(key) if isinstance(by_file, dict) else None
        by_variable = environment.get(f"STREAMER_{section}__{key}".upper())
        yield by_variable or (named if isinstance(named, str) else default)


def _location(problem: ErrorDetails) -> Location:
    return tuple(problem["loc"])


def _explain(problem: ErrorDetails, document: Document | None, variables: Environment) -> StreamerError:
    location = _location(problem)
    place = _place(location, document, variables)
    found = f"found {_show(problem['input'])}"
    if problem["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return StreamerError(place, f"{found}, no such key", _nearest(location))
    return StreamerError(place, found, f"allowed: {_allowed(problem)}")


def _place(location: Location, document: Document | None, variables: Environment) -> str:
    variable = variables.name_of(location)
    key = ".".join(map(str, location))
    if variable is not None:
        return f"environment variable {variable}: {key}"
    return f"{document.place(location)}: {key}" if document else key


def _allowed(problem: ErrorDetails) -> str:
    message = problem["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    if problem["type"] == "string_pattern_mismatch":
        return f"text that matches {problem['ctx']['pattern']}"
    if problem["type"] in ("model_type", "dataclass_type", "model_attributes_type"):
        return f"keys of this section: {', '.join(_known(_location(problem)))}"
    return message


def _nearest(location: Location) -> str:
    return nearest(str(location[-1]), _known(location[:-1]))


def _known(location: Location) -> list[str]:
    section: Any = StreamerConfig()
    for part in location:
        section = getattr(section, str(part), None)
    if isinstance(section, BaseModel):
        return list(type(section).model_fields)
    return [item.name for item in fields(section)] if is_dataclass(section) else []


def _show(value: object) -> str:
    text = json.dumps(value, default=str)
    limit = 80
    return text if len(text) <= limit else text[: limit - 3] + "..."
