"""Why this account, cluster or alert: everything that answers it, as plain data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import msgspec

from streamer.cases.activity import Activity, activity_of
from streamer.cases.bonds import Bonds, bonds_of
from streamer.cases.case import Case, LimitState
from streamer.cases.records import MemberRecord
from streamer.cases.store import CaseStore
from streamer.cases.wording import counted
from streamer.errors import StreamerError

SUREST = 10


@dataclass(frozen=True, slots=True)
class Explained:
    """One case, with what is derived from it; `member` is the account that was asked about."""

    case: Case
    bonds: Bonds
    activity: Activity
    member: MemberRecord | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer: what was asked, the cases it has to do with, and the limit where it is an account."""

    asked: str
    cases: tuple[Explained, ...]
    limit: LimitState | None


def explain(store: CaseStore, name: str) -> Explanation:
    """Put the answer together.

    Raises:
        StreamerError: nothing is known of that name.
    """
    cases = [case for alert_id in store.find(name) if (case := store.case(alert_id)) is not None]
    limit = store.limit_of(name)
    if not cases and limit is None:
        raise _unknown(store, name)
    return Explanation(name, tuple(_explained(case, name) for case in cases), limit)


def one_case(store: CaseStore, name: str) -> Case:
    """The latest case of that name.

    Raises:
        StreamerError: there is none.
    """
    for alert_id in store.find(name):
        case = store.case(alert_id)
        if case is not None:
            return case
    raise _unknown(store, name)


def require_alert(store: CaseStore, alert_id: str) -> None:
    """Raise a `StreamerError` unless there is an alert of that id."""
    if store.case(alert_id) is None:
        raise _unknown(store, alert_id, "no alert of that name")


def _unknown(store: CaseStore, name: str, found: str = "no alert names it") -> StreamerError:
    known = f"{counted(len(store), 'alert')} {'is' if len(store) == 1 else 'are'} known"
    return StreamerError(name, f"{found}; {known}", "take an id from an alert record or from the page")


def _explained(case: Case, name: str) -> Explained:
    member = next((member for member in case.members if member.account_id == name), None)
    return Explained(case, bonds_of(case), activity_of(case), member)


def as_record(explanation: Explanation) -> dict[str, Any]:
    """The answer for programs."""
    return {
        "asked": explanation.asked,
        "limit": None if explanation.limit is None else _limit(explanation.limit),
        "cases": [_case(each) for each in explanation.cases],
    }


def _case(explained: Explained) -> dict[str, Any]:
    case = explained.case
    alert = msgspec.to_builtins(case.alert)
    alert.pop("accounts")
    states = [state.state for state in case.limits.values()]
    return {
        "alert": alert,
        "verdict": case.verdict,
        "account": None if explained.member is None else msgspec.to_builtins(explained.member),
        "members": len(case.live_members),
        "members_left": len(case.members) - len(case.live_members),
        "surest_members": [msgspec.to_builtins(member) for member in surest(case)],
        "bonds": _bonds(explained.bonds),
        "activity": [step._asdict() for step in explained.activity.steps],
        "limits": {state: states.count(state) for state in sorted(set(states))},
        "revisions": [revision._asdict() for revision in case.revisions],
        "feedback": [msgspec.to_builtins(said) for said in case.feedback],
    }


def _bonds(bonds: Bonds) -> list[dict[str, Any]]:
    return [
        {**asdict(kind), "kind": kind.kind, "largest": [bond._asdict() for bond in kind.largest]}
        for kind in bonds.kinds
    ]


def _limit(state: LimitState) -> dict[str, Any]:
    return {**msgspec.to_builtins(state.limit), "state": state.state}


def surest(case: Case, count: int = SUREST) -> list[MemberRecord]:
    """The accounts with the highest scores."""
    return sorted(case.live_members, key=lambda member: (-member.score, member.account_id))[:count]
