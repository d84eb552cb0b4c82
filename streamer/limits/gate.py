"""Between the detector and the gateways: what was proposed and said, and what is in force because of it.

What holds depends only on the newest record of each account, the alerts and what people said, in whatever order these
arrived, so that everyone who reads the topics comes to the same limits.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from streamer.detection.records import Limit
from streamer.limits.policy import (
    CAP,
    EXPIRED,
    STOPPED,
    WAIT_MS,
    AlertFacts,
    Case,
    LimitPolicy,
    Proposal,
    Refusal,
    Standing,
    Word,
    judge,
    word_ends,
)
from streamer.limits.switch import Switch
from streamer.limits.words import Words

MAX_ALERTS = 20_000
SET, RENEWED, REFUSED, ENDED, RAN_OUT = "set", "renewed", "refused", "lifted", "expired"
WITHDRAWN = "withdrawn"


class Change(NamedTuple):
    """What became of an account's limit. `standing` is what holds now, or held until now.

    `cause` is the record that the limit rests on, `trigger` the one that was read when it changed.
    """

    event: str
    account_id: str
    reason: str
    cause: str
    alert_id: str
    author: str | None
    standing: Standing | None
    trigger: str


class LimitGate:
    """Holds everything that was read and keeps `standings` up to date; every method gives what changed.

    Until `start` it only takes in. Times are milliseconds of the wall clock, and none is read here.
    """

    def __init__(self, policy: LimitPolicy) -> None:
        self.policy = policy
        self.standings: dict[str, Standing] = {}
        self.switch = Switch()
        self._started = False
        self._proposals: dict[str, Proposal] = {}
        self._accounts_of: dict[str, dict[str, None]] = {}
        self._alerts: OrderedDict[str, AlertFacts] = OrderedDict()
        self._words = Words()
        self._refused: dict[str, Refusal] = {}
        self._over_cap: dict[str, None] = {}
        self._due: list[tuple[int, str, str]] = []

    @property
    def stopped(self) -> bool:
        """Whether a person has switched all limits off."""
        return self.switch.stopped

    def start(self, now_ms: int) -> list[Change]:
        """Judge everything taken in so far, and from now on whatever comes, at once."""
        self._started = True
        for alert_id in self._words.alerts():
            self._list_accounts(alert_id)
        return self._judge_all(now_ms)

    def propose(self, limit: Limit, written_at: int, cause: str, now_ms: int) -> list[Change]:
        """Take a limit of the topic."""
        account_id = limit.account_id
        self._forget(account_id)
        self._proposals[account_id] = Proposal(limit, written_at, cause)
        self._accounts_of.setdefault(limit.alert_id, {})[account_id] = None
        return self._judge([account_id], now_ms, cause)

    def withdraw(self, account_id: str, cause: str, now_ms: int) -> list[Change]:
        """Take a tombstone of the topic."""
        self._forget(account_id)
        self._refused.pop(account_id, None)
        return self._judge([account_id], now_ms, cause)

    def alert(self, alert_id: str, facts: AlertFacts, cause: str, now_ms: int) -> list[Change]:
        """Take a revision of an alert."""
        self._alerts[alert_id] = facts
        self._alerts.move_to_end(alert_id)
        while len(self._alerts) > MAX_ALERTS:
            self._alerts.popitem(last=False)
        return self._judge([*self._about(alert_id), *self._list_accounts(alert_id)], now_ms, cause)

    def said_of_account(self, account_id: str, word: Word, now_ms: int) -> list[Change]:
        """Take what a person said about an account."""
        self._words.about_account(account_id, word)
        self._wait_for(word_ends(word, self.policy), "account", account_id)
        return self._judge([account_id], now_ms, word.cause)

    def said_of_alert(self, word: Word, now_ms: int) -> list[Change]:
        """Take what a person said about all accounts of an alert."""
        alert_id = word.alert_id
        self._words.about_alert(word)
        if word.action != "confirm":
            self._wait_for(word_ends(word, self.policy), "alert", alert_id)
        return self._judge([*self._about(alert_id), *self._list_accounts(alert_id)], now_ms, word.cause)

    def switched(self, *, stop: bool, at_ms: int, cause: str, now_ms: int) -> list[Change]:
        """Take the kill switch: while it is on nothing is in force, and what is written meanwhile never will be."""
        self.switch.turn(stop=stop, at_ms=at_ms)
        if not self._started:
            return []
        return self._judge_all(now_ms, cause)

    def advance(self, now_ms: int) -> list[Change]:
        """Let time pass: what has run out ends, and what was held back for a time is judged again."""
        accounts: dict[str, None] = {}
        while self._due and self._due[0][0] <= now_ms:
            _, kind, name = heapq.heappop(self._due)
            accounts.update(dict.fromkeys(self._about(name) if kind == "alert" else [name]))
        return self._judge(accounts, now_ms, "time") if accounts else []

    def proposals_of(self, alert_id: str) -> list[str]:
        """The accounts for which this alert proposed a limit."""
        return sorted(self._accounts_of.get(alert_id, ()))

    def knows_alert(self, alert_id: str) -> bool:
        """Whether there is an alert of that id, as far back as the topics go, or a limit that it proposed."""
        return alert_id in self._alerts or alert_id in self._accounts_of

    def knows_account(self, account_id: str) -> bool:
        """Whether a limit of the account was proposed, by an alert or by a person, and has not been withdrawn."""
        return account_id in self._proposals or account_id in self.standings or account_id in self._refused

    def refusals(self) -> Mapping[str, Refusal]:
        """What was proposed and is not in force."""
        return self._refused

    def _about(self, alert_id: str) -> list[str]:
        return [*self._accounts_of.get(alert_id, ()), *self._words.listed(alert_id)]

    def _list_accounts(self, alert_id: str) -> Sequence[str]:
        return self._words.list_accounts(alert_id, self._alerts.get(alert_id)) if self._started else ()

    def _forget(self, account_id: str) -> None:
        old = self._proposals.pop(account_id, None)
        if old is not None:
            accounts = self._accounts_of[old.limit.alert_id]
            del accounts[account_id]
            if not accounts:
                del self._accounts_of[old.limit.alert_id]

    def _wait_for(self, due_ms: int, kind: str, name: str) -> None:
        heapq.heappush(self._due, (due_ms, kind, name))

    def _judge_all(self, now_ms: int, cause: str = "") -> list[Change]:
        everyone = dict.fromkeys([*self._proposals, *self._words.accounts(), *self.standings])
        return self._judge(everyone, now_ms, cause)

    def _judge(self, accounts: Iterable[str], now_ms: int, cause: str) -> list[Change]:
        if not self._started:
            return []
        changes = [change for account in dict.fromkeys(accounts) for change in self._judge_one(account, now_ms, cause)]
        free = self.policy.max_accounts - len(self.standings)
        if free > 0 and self._over_cap:
            for account in list(self._over_cap)[:free]:
                changes += self._judge_one(account, now_ms, cause)
        return changes

    def _judge_one(self, account_id: str, now_ms: int, cause: str) -> list[Change]:
        held = self.standings.get(account_id)
        self._over_cap.pop(account_id, None)
        case = self._case(account_id)
        verdict = _while_stopped(case) if self.stopped else judge(case, self.policy, now_ms)
        if isinstance(verdict, Standing):
            if held is None and len(self.standings) >= self.policy.max_accounts:
                self._over_cap[account_id] = None
                verdict = Refusal(CAP, verdict.cause, verdict.alert_id)
            else:
                return self._stands(held, verdict, cause)
        elif verdict is None and case.proposal is not None and case.alert is None:
            self._wait_for(case.proposal.written_at + WAIT_MS, "account", account_id)
        return self._falls(account_id, held, verdict, now_ms, cause)

    def _stands(self, held: Standing | None, new: Standing, cause: str) -> list[Change]:
        self._refused.pop(new.account_id, None)
        if held == new:
            return []
        self.standings[new.account_id] = new
        self._wait_for(new.expires_at, "account", new.account_id)
        same = held is not None and (held.action, held.mode, held.alert_id) == (new.action, new.mode, new.alert_id)
        event = RENEWED if same else SET
        return [Change(event, new.account_id, new.reason, new.cause, new.alert_id, new.author, new, cause)]

    def _falls(
        self, account_id: str, held: Standing | None, refusal: Refusal | None, now_ms: int, cause: str
    ) -> list[Change]:
        if refusal is None:
            self._refused.pop(account_id, None)
        known = self._refused.get(account_id)
        if refusal is not None:
            self._refused[account_id] = refusal
        if held is not None:
            del self.standings[account_id]
            over = held.expires_at <= now_ms
            reason = "stopped" if self.stopped else refusal.reason if refusal is not None else WITHDRAWN
            author = refusal.author if refusal is not None else None
            event, why = (RAN_OUT, EXPIRED) if over else (ENDED, reason)
            return [Change(event, account_id, why, held.cause, held.alert_id, author, held, cause)]
        if refusal is None or refusal == known or refusal.reason == EXPIRED:
            return []
        return [
            Change(REFUSED, account_id, refusal.reason, refusal.cause, refusal.alert_id, refusal.author, None, cause)
        ]

    def _case(self, account_id: str) -> Case:
        proposal = self._proposals.get(account_id)
        alert_id = proposal.limit.alert_id if proposal is not None else ""
        return Case(
            account_id,
            proposal,
            self._alerts.get(alert_id),
            self._words.last(account_id, alert_id),
            self._words.confirmed(alert_id),
            proposal is not None and self.switch.was_stopped(proposal.written_at),
        )


def _while_stopped(case: Case) -> Refusal | None:
    if case.proposal is None or not case.written_while_stopped:
        return None
    return Refusal(STOPPED, case.proposal.cause, case.proposal.limit.alert_id)
