"""Limits, alerts and words made by hand, for a gate without Kafka."""

from __future__ import annotations

from typing import Any

from streamer.detection.records import Limit
from streamer.limits.gate import Change, LimitGate
from streamer.limits.policy import AlertFacts, LimitPolicy, Word

NOW = 1_800_000_000_000
HOUR = 3_600_000
SURE = AlertFacts("critical", 0.001)


def proposal(
    account: str, alert: str = "a-1", *, at: int = NOW, mode: str = "enforce", action: str = "throttle"
) -> Limit:
    return Limit(account, action, None if action == "block" else 5, mode, alert, "why", at, at + 24 * HOUR)


def word(action: str, alert: str = "", *, at: int = NOW, order: int = 0) -> Word:
    return Word(action, "ada", at, order, alert, "", f"feedback/0@{order}")


def started(**policy: Any) -> LimitGate:
    """A gate that knows one alert and judges at once."""
    gate = LimitGate(LimitPolicy(**({"mode": "enforce"} | policy)))
    gate.alert("a-1", SURE, "alerts/0@0", NOW)
    gate.start(NOW)
    return gate


def told(changes: list[Change]) -> list[tuple[str, str, str]]:
    return [(change.event, change.account_id, change.reason) for change in changes]
