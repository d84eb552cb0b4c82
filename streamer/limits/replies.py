"""What a gateway is answered: made once for each verdict, ready to be written.

There is no body: what a refused client reads is for the gateway to say.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import NamedTuple

from streamer.limits.decision import ALLOWED, BLOCKED, FAILED, OUTCOMES, SHADOWED, THROTTLED, Answer, Decider
from streamer.limits.policy import Standing

Headers = list[tuple[bytes, bytes]]

MAX_KNOWN = 200_000
_STATUSES = {THROTTLED: 429, BLOCKED: 403}


class Reply(NamedTuple):
    """A whole answer: its parts, and as it is written into a connection that stays open."""

    status: int
    headers: Headers
    wire: bytes

    def and_then(self, name: bytes, value: bytes) -> Reply:
        """The same with one more header."""
        wire = b"%b%b: %b\r\n\r\n" % (self.wire[:-2], name, value)
        return Reply(self.status, [*self.headers, (name, value)], wire)


def reply_of(status: int, headers: Headers) -> Reply:
    """An answer without a body; header values must be clean."""
    headers = [(b"content-length", b"0"), *headers]
    lines = b"".join(b"%b: %b\r\n" % pair for pair in headers)
    phrase = HTTPStatus(status).phrase.encode()
    return Reply(status, headers, b"HTTP/1.1 %d %b\r\n%b\r\n" % (status, phrase, lines))


class Replies:
    """Decides and finds the answer; `count` is told every outcome.

    All but the time to wait for is the same for every request under one limit, and is remembered.
    """

    def __init__(self, decider: Decider, count: Callable[[str], None]) -> None:
        self._decider = decider
        self._count = count
        self._passes = {outcome: reply_of(200, _outcome(outcome)) for outcome in OUTCOMES}
        self._known: dict[tuple[str, str, bool], Reply] = {}

    def to(self, account_id: str | None, plan: str | None, *, plainly: bool) -> Reply:
        """Answer one request; `plainly` as nginx understands it."""
        answer = self._decider.decide(account_id, plan)
        outcome, standing = answer.outcome, answer.standing
        self._count(outcome)
        if standing is None or outcome == ALLOWED:
            return self._passes[outcome]
        return self._limited(answer, standing, plainly=plainly)

    def failed(self) -> Reply:
        """What is answered when that went wrong: the request passes."""
        self._count(FAILED)
        return self._passes[FAILED]

    def _limited(self, answer: Answer, standing: Standing, *, plainly: bool) -> Reply:
        key = (standing.cause, answer.outcome, plainly)
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            found = self._known[key] = _described(answer.outcome, standing, plainly=plainly)
        if answer.retry_after_s and answer.outcome != SHADOWED:
            return found.and_then(b"retry-after", b"%d" % answer.retry_after_s)
        return found


def _described(outcome: str, standing: Standing, *, plainly: bool) -> Reply:
    per_minute = "" if standing.requests_per_minute is None else f"; requests_per_minute={standing.requests_per_minute}"
    limit = f"{standing.action}; mode={standing.mode}{per_minute}; alert={standing.alert_id}"
    headers = [*_outcome(outcome), (b"x-streamer-limit", _safe(limit))]
    status = _STATUSES.get(outcome)
    if status is None:
        return reply_of(200, headers)
    headers.append((b"x-streamer-status", str(status).encode()))
    return reply_of(403 if plainly else status, headers)


def _outcome(outcome: str) -> Headers:
    return [(b"x-streamer-outcome", outcome.encode())]


def _safe(text: str) -> bytes:
    """What may stand in a header: a server writes it as it is."""
    return "".join(each for each in text[:200] if " " <= each <= "~").encode()
