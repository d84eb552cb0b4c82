"""From evidence to a verdict: how often would this happen by chance, how severe is it, what sentence says so."""

from __future__ import annotations

import math
from collections.abc import Iterable

from streamer.detection.evidence import EvidenceItem
from streamer.detection.names import SEVERITIES
from streamer.detection.settings import AlertSettings, GroupSettings

CROWDED = "crowded_cell"
LINK_WORDS = {
    "payment": "payment instruments",
    "address_block": "address blocks",
    "device": "devices",
    "client_stack": "client stacks",
    "system_prompt": "system prompts",
    "template": "prompt templates",
    "signup_cohort": "hours of sign-up",
    "network": "networks and clients",
    "mail_domain": "mail domains",
    "tools": "sets of tools",
}


def severity_of(rate: float, settings: AlertSettings, *, is_alarming: bool) -> str | None:
    """Give the severity that a rate of false alarms a day deserves; only what is alarming is more than a record.

    >>> severity_of(1e-4, AlertSettings(), is_alarming=True), severity_of(1e-4, AlertSettings(), is_alarming=False)
    ('critical', 'info')
    >>> severity_of(7.0, AlertSettings(), is_alarming=True) is None
    True
    """
    if is_alarming and rate <= settings.critical_per_day:
        return "critical"
    if is_alarming and rate <= settings.warning_per_day:
        return "warning"
    return "info" if rate <= settings.info_per_day else None


def is_sure(evidence: Iterable[EvidenceItem], settings: GroupSettings) -> bool:
    """Whether control shows by more than how quick hand-offs are: people with a second account are quick as well.

    Only then does anybody get a page, or is anybody named for behaving alike. That accounts which share nothing are
    used evenly opens a ticket at most: a crowd that comes for one event may do that for a day.

    >>> from streamer.detection.settings import GroupSettings
    >>> quick, many = EvidenceItem("failover", "", 1.0, 60.0, -5.0), EvidenceItem("hand_off", "", 9.0, 1.0, -5.0)
    >>> is_sure([quick], GroupSettings()), is_sure([quick, many], GroupSettings())
    (False, True)
    >>> even, crowded = EvidenceItem("evenness", "", 1.1, 2.0, -5.0), EvidenceItem("crowded_cell", "", 9.0, 1.0, -3.0)
    >>> is_sure([even], GroupSettings()), is_sure([even, crowded], GroupSettings())
    (True, False)
    """
    evidence = list(evidence)
    enough = {"hand_off": settings.family_log10_p, "evenness": settings.control_log10_p}
    if any(item.family == CROWDED for item in evidence):
        del enough["evenness"]
    return any(item.log10_p <= enough.get(item.family, -math.inf) for item in evidence)


def more_severe(one: str, other: str) -> str:
    """Give the more severe of two.

    >>> more_severe("info", "critical")
    'critical'
    """
    return max(one, other, key=SEVERITIES.index)


def sentence(account_count: int, request_count: int, link_kinds: list[str], evidence: tuple[EvidenceItem, ...]) -> str:
    """Say in one sentence what a tired person needs to know."""
    shared = " and ".join(LINK_WORDS.get(kind, kind) for kind in link_kinds[:3])
    tied = f" tied by {shared}" if shared else ""
    families = ", ".join(item.family for item in evidence[:3])
    return f"{account_count} accounts{tied} look driven by one hand ({families}); {request_count} requests so far."
