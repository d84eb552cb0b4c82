"""Configuration from environment variables: STREAMER_SECTION__KEY."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streamer.config.document import Location

PREFIX = "STREAMER_"
BOOTSTRAP = "KAFKA_BOOTSTRAP_SERVERS"
BOOTSTRAP_LOCATION: Location = ("kafka", "bootstrap_servers")


class Environment:
    """The variables that mean configuration, by the key that each of them sets."""

    def __init__(self, variables: Mapping[str, str], sections: tuple[str, ...], own: frozenset[str]) -> None:
        """Take from `variables` what has the prefix and names a key.

        A name without `__` is not a key, but one that begins with a section is a key with its underscores forgotten, to
        be complained about. `own` are variables that mean something else.
        """
        self.names: dict[Location, str] = {}
        self._raw: dict[Location, str] = {}
        if variables.get(BOOTSTRAP):
            self._add(BOOTSTRAP_LOCATION, BOOTSTRAP, variables[BOOTSTRAP])
        for name, value in sorted(variables.items()):
            if not name.startswith(PREFIX) or name in own:
                continue
            rest = name.removeprefix(PREFIX).lower()
            if "__" in rest or rest.startswith(sections):
                self._add(tuple(rest.split("__")), name, value)

    def _add(self, location: Location, name: str, value: str) -> None:
        self.names[location] = name
        self._raw[location] = value

    def name_of(self, location: Location) -> str | None:
        """The variable that set this key, or a key around or below it."""
        for known, name in self.names.items():
            length = min(len(known), len(location))
            if known[:length] == location[:length] and len(known) <= len(location):
                return name
        return None

    def overlay(self, values: dict[str, Any], *, as_text: frozenset[Location]) -> dict[str, Any]:
        """`values` with the variables on top. What is in `as_text` is taken as it is, all else is read as YAML."""
        merged = dict(values)
        for location, raw in self._raw.items():
            target = merged
            for part in location[:-1]:
                below = target.get(str(part))
                target[str(part)] = dict(below) if isinstance(below, dict) else {}
                target = target[str(part)]
            target[str(location[-1])] = raw if location in as_text else _read(raw)
        return merged


def _read(raw: str) -> Any:  # noqa: ANN401 - a YAML value is anything
    try:
        value = yaml.safe_load(raw)
        json.dumps(value, default=str)
    except (yaml.YAMLError, RecursionError, ValueError, TypeError):
        # No YAML, or none that a configuration can hold, such as a list that contains itself: then it is text.
        return raw
    return value
