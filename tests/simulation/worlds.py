"""Small worlds for tests, and their events as plain data."""

from __future__ import annotations

from typing import Any

import msgspec

from streamer.simulation.scenario import Scenario
from streamer.simulation.world import World

LOOK_ALIKES = {
    "individual": 120,
    "coding_tool": 20,
    "enterprise_nat": 20,
    "classroom": 20,
    "batch_eval": 2,
    "synthetic_data": 1,
    "ci": 2,
    "aggregator": 1,
    "retry_storm": 2,
    "region": 20,
    "agency": 6,
    "hackathon": 10,
    "launch_day": 10,
    "app": 15,
    "cron": 10,
    "campus": 10,
    "vpn": 10,
    "family": 9,
    "shift_team": 6,
    "translator": 6,
    "tool_release": 10,
    "webinar": 20,
    "press_day": 20,
    "returning": 10,
    "enterprise_gateway": 6,
    "reseller": 5,
    "migration": 4,
    "several_accounts": 6,
    "workflow": 12,
    "game_jam": 10,
}


def scenario(
    honest: dict[str, int] | None = None, campaigns: list[dict[str, Any]] | None = None, **more: Any
) -> Scenario:
    """A scenario of one day, unless said otherwise, that starts on a Monday."""
    classes = {name: {"accounts": count} for name, count in (honest or {}).items()}
    given = {"start": "2026-03-02", "days": 1, "honest": classes, "campaigns": campaigns or [], **more}
    return Scenario.model_validate(given)


def lines(world: World) -> list[bytes]:
    """All events, as they are written."""
    return [line for batch in world.events() for line in batch]


def events(world: World) -> list[dict[str, Any]]:
    """All events, decoded."""
    decoder = msgspec.json.Decoder(dict[str, Any])
    return [decoder.decode(line) for line in lines(world)]


def actors(world: World) -> dict[str, str]:
    """Whose each account is."""
    return {record["account_id"]: record["actor"] for record in world.truth()}
