"""How far an account may be limited: by the alert's severity and certainty, by plan, by what a person said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from streamer.detection.records import Limit

RUNGS = ("observe", "alert", "throttle", "block")
THROTTLE, BLOCK = "throttle", "block"
SHADOW, ENFORCE = "shadow", "enforce"
WAIT_MS = 30_000

# Why a limit that was proposed is not in force.
ALLOW_LIST = "allow_list"
LIFTED = "lifted_by_person"
STOPPED = "stopped"
LAGGING = "detector_lagging"
UNKNOWN_ALERT = "unknown_alert"
LADDER = "severity"
UNCERTAIN = "uncertain"
CAP = "max_accounts"
EXPIRED = "expired"
REFUSALS = (ALLOW_LIST, LIFTED, STOPPED, LAGGING, UNKNOWN_ALERT, LADDER, UNCERTAIN, CAP, EXPIRED)


@dataclass(frozen=True, slots=True)
class LimitPolicy:
    """What an operator configured under `limits`."""

    mode: str = SHADOW
    ladder: Mapping[str, str] = field(default_factory=lambda: {"critical": THROTTLE, "warning": THROTTLE})
    plans: Mapping[str, str] = field(default_factory=dict)
    max_false_alarms_per_day: float = 0.1
    requests_per_minute: int = 2
    person_expires_s: float = 86_400
    lift_holds_s: float = 604_800
    allow: frozenset[str] = frozenset()
    max_accounts: int = 50_000
    max_lag_s: float = 3_600


class Proposal(NamedTuple):
    """A limit as the topic has it; `written_at` is the wall clock of its writer, `cause` where it stands."""

    limit: Limit
    written_at: int
    cause: str


class AlertFacts(NamedTuple):
    """What counts of an alert."""

    severity: str
    false_alarm_rate: float
    accounts: tuple[str, ...] = ()


class Word(NamedTuple):
    """What a person said last about an account or an alert; the higher `order` is the later."""

    action: str
    author: str
    said_at: int
    order: int
    alert_id: str
    reason: str
    cause: str


class Standing(NamedTuple):
    """A limit in force."""

    account_id: str
    action: str
    requests_per_minute: int | None
    mode: str
    alert_id: str
    reason: str
    issued_at: int
    expires_at: int
    author: str | None
    cause: str


class Refusal(NamedTuple):
    """A limit that is not in force, and why."""

    reason: str
    cause: str
    alert_id: str
    author: str | None = None


class Case(NamedTuple):
    """All that is known when one account is judged."""

    account_id: str
    proposal: Proposal | None
    alert: AlertFacts | None
    word: Word | None
    confirmed: bool
    written_while_stopped: bool


Verdict = Standing | Refusal | None


def judge(case: Case, policy: LimitPolicy, now_ms: int) -> Verdict:
    """Say what holds for an account; None where there is nothing to judge, or its alert is still awaited."""
    word = case.word
    if word is not None and now_ms >= word_ends(word, policy):
        word = None
    if word is None and case.proposal is None:
        return None
    if word is not None and word.action in ("lift", "dismiss"):
        return _refused(LIFTED, case, word) if case.proposal is not None else None
    if case.account_id in policy.allow:
        return _refused(ALLOW_LIST, case, word)
    if word is not None:
        return _by_person(case.account_id, word, policy)
    return _by_detector(case, policy, now_ms)


def word_ends(word: Word, policy: LimitPolicy) -> int:
    """When what a person said no longer counts."""
    holds_s = policy.lift_holds_s if word.action in ("lift", "dismiss") else policy.person_expires_s
    return word.said_at + round(holds_s * 1000)


def _by_person(account_id: str, word: Word, policy: LimitPolicy) -> Standing:
    block = word.action == BLOCK
    return Standing(
        account_id=account_id,
        action=BLOCK if block else THROTTLE,
        requests_per_minute=None if block else policy.requests_per_minute,
        mode=policy.mode,
        alert_id=word.alert_id,
        reason=word.reason or f"{word.action} by {word.author}",
        issued_at=word.said_at,
        expires_at=word_ends(word, policy),
        author=word.author,
        cause=word.cause,
    )


def _by_detector(case: Case, policy: LimitPolicy, now_ms: int) -> Verdict:
    proposal = case.proposal
    if proposal is None:
        return None
    why = _why_not(case, proposal, policy, now_ms)
    if why is not None:
        awaited = why == UNKNOWN_ALERT and now_ms < proposal.written_at + WAIT_MS
        return None if awaited else _refused(why, case)
    limit = proposal.limit
    # Whatever a record asks for: only a person blocks.
    return Standing(
        account_id=case.account_id,
        action=THROTTLE,
        requests_per_minute=limit.requests_per_minute or policy.requests_per_minute,
        mode=ENFORCE if limit.mode == policy.mode == ENFORCE else SHADOW,
        alert_id=limit.alert_id,
        reason=limit.reason,
        issued_at=limit.issued_at,
        expires_at=limit.expires_at,
        author=None,
        cause=proposal.cause,
    )


def _why_not(case: Case, proposal: Proposal, policy: LimitPolicy, now_ms: int) -> str | None:
    limit, alert = proposal.limit, case.alert
    severity = alert.severity if alert is not None else ""
    certain = case.confirmed or (alert is not None and alert.false_alarm_rate <= policy.max_false_alarms_per_day)
    reasons = (
        (EXPIRED, limit.expires_at <= now_ms),
        (STOPPED, case.written_while_stopped),
        (LAGGING, proposal.written_at - limit.issued_at > policy.max_lag_s * 1000),
        (UNKNOWN_ALERT, alert is None),
        (LADDER, RUNGS.index(policy.ladder.get(severity, RUNGS[0])) < RUNGS.index(THROTTLE)),
        (UNCERTAIN, not certain),
    )
    return next((reason for reason, applies in reasons if applies), None)


def _refused(reason: str, case: Case, word: Word | None = None) -> Refusal:
    if case.proposal is not None:
        cause, alert_id = case.proposal.cause, case.proposal.limit.alert_id
    else:
        cause, alert_id = (word.cause, word.alert_id) if word is not None else ("", "")
    return Refusal(reason, cause, alert_id, word.author if word is not None else None)
