"""Cases from decisions, where they are made in the same process."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from streamer.cases.records import AlertRecord, LimitRecord, MemberRecord
from streamer.cases.store import CaseStore
from streamer.detection.records import Alert, Decision, Limit, LimitLifted, Membership
from streamer.sinks.encode import record


def take_decisions(store: CaseStore, decisions: Iterable[Decision]) -> None:
    """Add decisions to the cases, as if they had come by the topics."""
    for decision in decisions:
        match decision:
            case Alert():
                store.alert(msgspec.convert(record(decision), AlertRecord))
            case Membership():
                store.member(msgspec.convert(record(decision), MemberRecord))
            case Limit():
                store.limit(msgspec.convert(record(decision), LimitRecord))
            case LimitLifted():
                store.lift(decision.account_id)
