"""One case: an alert with its history, its members, what was limited, and what people said about it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from streamer.cases.records import AlertRecord, LimitRecord, MemberRecord, hours_since_epoch
from streamer.sinks.feedback import Feedback

# By so much the clocks of those who write may differ.
SKEW_MS = 60_000
_RESTRICTS = ("limit", "block")
_FREES = ("lift", "dismiss")
_VERDICTS = {"confirm": "confirmed", "dismiss": "dismissed"}


class Revision(NamedTuple):
    """What one revision of an alert said, in short."""

    revision: int
    updated_at: str
    status: str
    severity: str
    account_count: int
    request_count: int
    score: float
    summary: str


class LimitState(NamedTuple):
    """A limit, and whether it holds: `shadow`, `enforced`, `lifted` or `expired`."""

    limit: LimitRecord
    state: str

    @property
    def holds(self) -> bool:
        """Whether there is something to lift."""
        return self.state in ("shadow", "enforced")


@dataclass(frozen=True, slots=True)
class Case:
    """Everything known about one alert. `version` is another one whenever its alert or its members changed.

    `raised_ms` is when it was written that it fires, the last time it was raised; 0 if that is not known.
    """

    alert: AlertRecord
    revisions: tuple[Revision, ...]
    members: tuple[MemberRecord, ...]
    limits: dict[str, LimitState]
    feedback: tuple[Feedback, ...]
    members_left_out: int
    version: tuple[int, int]
    raised_ms: int = 0

    @property
    def verdict(self) -> str | None:
        """What a person said last about the alert: `confirmed`, `dismissed`, or nothing yet."""
        return verdict_of(self.feedback, self.raised_ms)

    @property
    def holding(self) -> list[LimitState]:
        """The limits that are neither lifted nor run out."""
        return [each for each in self.limits.values() if each.holds]

    @property
    def asked(self) -> dict[str, str]:
        """The accounts that a person wants limited or blocked, by the last word about each: `limit` or `block`."""
        found: dict[str, str] = {}
        for said in self.feedback:
            if said.action not in (*_RESTRICTS, *_FREES):
                continue
            names = [said.account_id] if said.account_id else [member.account_id for member in self.live_members]
            if said.action in _RESTRICTS:
                found |= dict.fromkeys(names, said.action)
            elif said.account_id:
                found.pop(said.account_id, None)
            else:
                found.clear()
        return found

    @property
    def liftable(self) -> set[str]:
        """The accounts that are limited, or are to be."""
        return {each.limit.account_id for each in self.holding} | self.asked.keys()

    @property
    def live_members(self) -> list[MemberRecord]:
        """The accounts that are still in."""
        return [member for member in self.members if member.status == "member"]


def verdict_of(feedback: tuple[Feedback, ...], raised_ms: int) -> str | None:
    """The last word about an alert as a whole; who dismissed it before it was raised again did not know of that."""
    for said in reversed(feedback):
        if said.account_id is None and said.action in _VERDICTS:
            stale = said.action == "dismiss" and _said_ms(said) < raised_ms - SKEW_MS
            return None if stale else _VERDICTS[said.action]
    return None


def _said_ms(said: Feedback) -> float:
    hours = hours_since_epoch(said.created_at)
    return math.inf if hours is None else hours * 3_600_000


def members_of(alert: AlertRecord, known: tuple[MemberRecord, ...]) -> tuple[MemberRecord, ...]:
    """The memberships; an account that only the alert names is one as well, with what the alert says of it."""
    names = {member.account_id for member in known}
    cluster = alert.cluster_id or ""
    since = alert.detected_at or ""
    named = (
        MemberRecord(account_id=account, cluster_id=cluster, since=since, score=alert.score)
        for account in alert.accounts
        if account not in names
    )
    return (*known, *named)
