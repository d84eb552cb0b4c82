"""From evidence to a verdict: how often would this happen by chance, how severe is it, what sentence says so."""

from __future__ import annotations

from typing import NamedTuple

from streamer.detection.evidence import EvidenceItem
from streamer.detection.settings import AlertSettings

SEVERITIES = ("info", "warning", "critical")
LINK_WORDS = {
    "payment": "one payment instrument",
    "address_block": "one address block",
    "device": "one device",
    "client_stack": "one client stack",
    "system_prompt": "one system prompt",
    "template": "one prompt template",
    "signup_cohort": "one hour of sign-up",
}


class Verdict(NamedTuple):
    """What is claimed: the rate at which chance alone would raise this, per day, and the severity it deserves."""

    false_alarm_rate: float
    severity: str | None


def decide(log10_p: float, tests_per_day: float, settings: AlertSettings) -> Verdict:
    """Compare the expected number of such findings a day on benign traffic with what each severity may cost.

    >>> decide(-9.0, 1000.0, AlertSettings()).severity
    'critical'
    >>> decide(-1.0, 1000.0, AlertSettings()).severity is None
    True
    """
    rate = 10.0 ** max(-300.0, log10_p) * max(1.0, tests_per_day)
    for severity, allowed in (
        ("critical", settings.critical_per_day),
        ("warning", settings.warning_per_day),
        ("info", settings.info_per_day),
    ):
        if rate <= allowed:
            return Verdict(rate, severity)
    return Verdict(rate, None)


def more_severe(one: str, other: str) -> str:
    """Give the more severe of two.

    >>> more_severe("info", "critical")
    'critical'
    """
    return max(one, other, key=SEVERITIES.index)


def sentence(account_count: int, request_count: int, link_kinds: list[str], evidence: tuple[EvidenceItem, ...]) -> str:
    """Say in one sentence what a tired person needs to know."""
    shared = " and ".join(LINK_WORDS.get(kind, kind) for kind in link_kinds[:3])
    families = ", ".join(item.family for item in evidence[:3])
    return (
        f"{account_count} accounts that share {shared} look driven by one hand ({families}); "
        f"{request_count} requests so far."
    )
