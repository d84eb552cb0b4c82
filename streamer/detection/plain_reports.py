"""Reports from their plain form: what is left of a snapshot after a way through the state topic."""

from __future__ import annotations

from typing import Any

from streamer.detection.evidence import (
    ActiveAccounts,
    Behaviours,
    Burst,
    EvidenceItem,
    HandOff,
    Lead,
    LeadReport,
    Moves,
    Saying,
    WatchedAccounts,
)
from streamer.detection.links import Link


def active_from(plain: list[Any]) -> ActiveAccounts:
    """Make the active accounts of a report from their plain form."""
    ids, rows, models, links, uses, prompts, behaviour = plain
    return ActiveAccounts(
        ids, rows, [tuple(names) for names in models], [Link(*link) for link in links], uses, prompts, behaviour
    )


def report_from(plain: list[Any]) -> LeadReport:
    """Make a report from its plain form."""
    partition, window, leads, hand_offs, watched, bursts, tests, refused, accounts, idle, last, *rest = plain
    # What is early is never held back, and so never here.
    said, behaves, _early, moves, active, newcomers = rest
    return LeadReport(
        partition,
        window,
        [Lead(Link(*link), members, log10_p) for link, members, log10_p in leads],
        [HandOff(*found) for found in hand_offs],
        watched_from(watched),
        [Burst(name, key, log10_p, EvidenceItem(*item)) for name, key, log10_p, item in bursts],
        tests,
        tuple(refused),
        accounts,
        idle,
        last,
        [Saying(*saying) for saying in said],
        Behaviours(*behaves),
        moves=[Moves(*found) for found in moves],
        active=active,
        newcomers=watched_from(newcomers),
    )


def watched_from(plain: list[Any]) -> WatchedAccounts:
    """Make accounts as they are from their plain form."""
    ids, rows, models = plain
    return WatchedAccounts(ids, rows, [tuple(names) for names in models])
