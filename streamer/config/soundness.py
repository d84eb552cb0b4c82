"""What is wrong with values that are of the right type: together they make no sense, or name what does not exist."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import fields

from streamer.config.document import Location
from streamer.config.schema import StreamerConfig
from streamer.detection.names import FAMILIES, KINDS, SEVERITIES

Finding = tuple[Location, object, str]


def unusable(config: StreamerConfig) -> Iterator[Finding]:
    """Every such value: where it stands, what was found, and what to do about it."""
    yield from _out_of_bounds(config)
    yield from _upside_down(config)
    yield from _unknown_names(config)
    yield from _taken_twice(config)


def nearest(name: str, known: Sequence[str]) -> str:
    """What is allowed in place of an unknown name, that which it is most like first.

    >>> nearest("wekly", ["daily", "weekly"])
    'did you mean weekly? allowed: daily, weekly'
    """
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}? " if near else ""
    return f"{hint}allowed: {', '.join(known)}"


def _out_of_bounds(config: StreamerConfig) -> Iterator[Finding]:
    """What the names of the detector's settings already forbid: a length of time or a number of things below zero."""
    for part in fields(config.detection):
        section = getattr(config.detection, part.name)
        for item in fields(section):
            value = getattr(section, item.name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                continue
            location = ("detection", part.name, item.name)
            if item.name.endswith("_log10_p"):
                if value > 0:
                    yield location, value, "allowed: zero or less, a logarithm of a probability"
            elif value < 0:
                yield location, value, "allowed: zero or more"
            elif value == 0 and item.name.endswith("_s") and item.name != "lateness_s":
                yield location, value, "allowed: more than zero"


def _upside_down(config: StreamerConfig) -> Iterator[Finding]:
    """Critical alerts that may be wrong more often than warnings: then there would be no warnings."""
    alert = config.detection.alert
    if alert.critical_per_day > alert.warning_per_day:
        location = ("detection", "alert", "critical_per_day")
        allowed = f"allowed: up to detection.alert.warning_per_day, which is {alert.warning_per_day}"
        yield location, alert.critical_per_day, allowed


def _unknown_names(config: StreamerConfig) -> Iterator[Finding]:
    """Names in lists that mean nothing to the detector: what they should switch would stay as it is."""
    found = config.detection
    for section, key, names, known in (
        ("link", "disabled_kinds", found.link.disabled_kinds, KINDS),
        ("group", "disabled_families", found.group.disabled_families, FAMILIES),
        ("limit", "severities", found.limit.severities, SEVERITIES),
    ):
        for name in names:
            if name not in known:
                yield ("detection", section, key), name, nearest(name, known)


def _taken_twice(config: StreamerConfig) -> Iterator[Finding]:
    """Topics whose name another one has: records of two kinds in one topic cannot be told apart."""
    topics: list[tuple[Location, str]] = [
        (("kafka", "topics", key), name) for key, name in config.kafka.topics.model_dump().items()
    ]
    topics.append((("ingest", "topic"), config.ingest.topic))
    owners: dict[str, Location] = {}
    for location, name in topics:
        owner = owners.setdefault(name, location)
        if owner != location:
            yield location, name, f"allowed: a name of its own, {'.'.join(map(str, owner))} has this one"
