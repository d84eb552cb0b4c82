"""Whether accounts that were put into a cluster stayed there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamer.evaluation.result import Churn

if TYPE_CHECKING:
    from streamer.evaluation.history import History, Moment


def churn(history: History) -> Churn:
    """Count who left again, who was dropped without a word, and who moved."""
    members = set().union(*history.clusters.values()) if history.clusters else set()
    left, rested, moved = _steps(history)
    dropped, absent = _dropped(history)
    dropped -= left | rested | moved
    rested = (rested | (absent - moved - dropped)) - left
    gone = (left | dropped) & members
    return Churn(
        members=len(members),
        left=len(left & members),
        dropped=len(dropped & members),
        rested=len(rested & members),
        moved=len(moved & members),
        ratio=len(gone) / len(members) if members else None,
    )


def _steps(history: History) -> tuple[set[str], set[str], set[str]]:
    left: set[str] = set()
    rested: set[str] = set()
    moved: set[str] = set()
    resolved = _resolved_ms(history)
    home: dict[str, str] = {}
    for step in history.steps:
        if step.joined:
            if home.get(step.account, step.cluster_id) != step.cluster_id:
                moved.add(step.account)
            home[step.account] = step.cluster_id
        else:
            spans = resolved.get(step.cluster_id, [])
            at_rest = any(begins <= step.when_ms <= ends for begins, ends in spans)
            (rested if at_rest else left).add(step.account)
    return left, rested, moved


def _resolved_ms(history: History) -> dict[str, list[tuple[int, int]]]:
    """When no alert of a cluster fired, after one had."""
    spans: dict[str, list[tuple[int, int]]] = {}
    forever = 2**63
    for moment in history.moments:
        known = spans.setdefault(moment.alert.cluster_id or "", [])
        open_span = bool(known) and known[-1][1] == forever
        if moment.firing and open_span:
            known[-1] = (known[-1][0], moment.when_ms - 1)
        elif not moment.firing and not open_span:
            known.append((moment.when_ms, forever))
    return spans


def _dropped(history: History) -> tuple[set[str], set[str]]:
    """Accounts of a loud firing revision that a later one of the same alert, if it lists all it has, does not have.

    First those that are gone while it fired, then those that did not come back when it was raised again.
    """
    before: dict[str, Moment] = {}
    gone: set[str] = set()
    absent: set[str] = set()
    for moment in history.moments:
        if not moment.firing or moment.alert.kind != "cluster":
            continue
        known = before.get(moment.alert.alert_id)
        whole = (moment.alert.account_count or 0) <= len(moment.alert.accounts)
        if known is not None and known.loud and whole:
            (gone if known.raised == moment.raised else absent).update(known.accounts - moment.accounts)
        before[moment.alert.alert_id] = moment
    return gone, absent
