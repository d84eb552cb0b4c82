"""Families of evidence and kinds of link, to be switched off in turn."""

from __future__ import annotations

import json
from collections.abc import Sequence

from streamer.detection.names import KINDS
from streamer.detection.settings import LinkSettings
from streamer.errors import ConfigError
from tests.benchmarks.worlds.running import Outcome, configuration

Settings = tuple[tuple[str, str], ...]
OFF = LinkSettings().disabled_kinds
CELLS = "cells"
KEYS = {"family": "group.disabled_families", "link": "link.disabled_kinds"}


def switches(found: Sequence[Outcome]) -> list[str]:
    """Every family that had a part in these outcomes, every kind of link that is not off anyway, and cells."""
    families = {family.family for each in found for family in each.evaluation.families}
    links = [f"link:{kind}" for kind in KINDS if kind not in OFF]
    return [*(f"family:{name}" for name in sorted(families)), *links, CELLS]


def full_name(name: str) -> str:
    """A switch's name with what it is: `family:` or `link:`.

    >>> full_name("payment"), full_name("evenness"), full_name("family:template")
    ('link:payment', 'family:evenness', 'family:template')
    """
    if ":" in name or name == CELLS:
        return name
    return f"link:{name}" if name in KINDS else f"family:{name}"


def without(name: str, settings: Settings) -> Settings:
    """The settings with one family or kind of link switched off."""
    if name == CELLS:
        return (*settings, ("cells.enabled", "false"))
    what, _, value = full_name(name).partition(":")
    off = [*OFF, value] if what == "link" else [value]
    return (*settings, (KEYS[what], json.dumps(off)))


def unavailable(settings: Settings) -> str | None:
    """Why the detector of this checkout cannot be set so; None if it can."""
    try:
        configuration(dict(settings))
    except ConfigError as error:
        return str(error)
    return None
