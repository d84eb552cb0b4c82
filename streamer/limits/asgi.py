"""The decision API: a bare ASGI application that answers from memory.

`/decide` and everything below it answers 200, 429 or 403, as Envoy's `ext_authz` and most gateways take it. `/nginx`
answers 200 or 403 only, as `auth_request` knows no other refusal, and tells the status to give in `X-Streamer-Status`.
There is no body: what a refused client reads is for the gateway to say.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from streamer.limits.decision import ALLOWED, BLOCKED, FAILED, OUTCOMES, SHADOWED, THROTTLED, Answer, Decider
from streamer.limits.metrics import LimitMetrics
from streamer.limits.policy import Standing

logger = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]
Check = Callable[[], str | None]
"""Says what is wrong, or None when nothing is."""

MAX_KNOWN = 200_000
_EMPTY = {"type": "http.response.body", "body": b""}


class Caller:
    """Finds out from a request's headers whose it is: an account's name, or the SHA-256 of an API key.

    `pseudonym` turns the name into that under which the account is known to the detector.
    """

    def __init__(
        self, account_header: str, api_key_header: str, plan_header: str, pseudonym: Callable[[str], str] | None
    ) -> None:
        self._account = account_header.lower().encode()
        self._api_key = api_key_header.lower().encode()
        self._plan = plan_header.lower().encode()
        self._pseudonym = pseudonym

    def __call__(self, headers: Headers) -> tuple[str | None, str | None]:
        """Give account and plan, as far as they are told."""
        account = key = plan = None
        for name, value in headers:
            if name == self._account:
                account = value.decode("utf-8", "replace")
            elif name == self._plan:
                plan = value.decode("utf-8", "replace")
            elif name == self._api_key:
                key = value
        if not account and key:
            account = hashed_key(key)
        if account and self._pseudonym is not None:
            account = self._pseudonym(account)
        return account, plan


def hashed_key(value: bytes) -> str:
    """The SHA-256 of an API key, as LiteLLM names keys; `Bearer` before it does not count."""
    scheme, _, rest = value.partition(b" ")
    return hashlib.sha256(rest.strip() if scheme.lower() == b"bearer" else value).hexdigest()


class DecisionApp:
    """Answers whether a request may pass. Whatever goes wrong in here, it may."""

    def __init__(self, decider: Decider, caller: Caller, metrics: LimitMetrics, *, live: Check, ready: Check) -> None:
        self._decider = decider
        self._caller = caller
        self._metrics = metrics
        self._pages: dict[str, Callable[[], tuple[int, bytes, bytes]]] = {
            "/metrics": self._exposition,
            "/live": lambda: _health(live()),
            "/ready": lambda: _health(ready()),
        }
        self._limited = LimitedAnswers()
        self._passes = {outcome: _start(200, _outcome(outcome)) for outcome in OUTCOMES}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        """Serve one request; its body is of no interest."""
        if scope["type"] != "http":
            return
        path: str = scope["path"]
        if path.startswith(("/decide", "/nginx")):
            await send(self._decide(scope["headers"], plainly=path.startswith("/nginx")))
            await send(_EMPTY)
            return
        page = self._pages.get(path)
        status, kind, body = page() if page is not None else (404, b"text/plain", b"")
        await send(_start(status, [(b"content-type", kind)], len(body)))
        await send({"type": "http.response.body", "body": body})

    def _decide(self, headers: Headers, *, plainly: bool) -> dict[str, Any]:
        try:
            answer = self._decider.decide(*self._caller(headers))
            self._metrics.decided[answer.outcome]()
            if answer.standing is None or answer.outcome == ALLOWED:
                return self._passes[answer.outcome]
            return self._limited(answer, answer.standing, plainly=plainly)
        except Exception:
            logger.exception("a decision failed, and the request passes")
            self._metrics.decided[FAILED]()
            return self._passes[FAILED]

    def _exposition(self) -> tuple[int, bytes, bytes]:
        return 200, CONTENT_TYPE_LATEST.encode(), generate_latest(self._metrics.registry)


_STATUSES = {THROTTLED: 429, BLOCKED: 403}


class LimitedAnswers:
    """The answers about accounts that are limited; refused or not, the headers say how.

    All but the time to wait for is the same for every request under one limit, and is remembered.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, bool], tuple[int, Headers]] = {}

    def __call__(self, answer: Answer, standing: Standing, *, plainly: bool) -> dict[str, Any]:
        """Give the start of the response."""
        key = (standing.cause, answer.outcome, plainly)
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            found = self._known[key] = _described(answer.outcome, standing, plainly=plainly)
        status, headers = found
        if answer.retry_after_s and answer.outcome != SHADOWED:
            headers = [*headers, (b"retry-after", str(answer.retry_after_s).encode())]
        return {"type": "http.response.start", "status": status, "headers": headers}


def _described(outcome: str, standing: Standing, *, plainly: bool) -> tuple[int, Headers]:
    per_minute = "" if standing.requests_per_minute is None else f"; requests_per_minute={standing.requests_per_minute}"
    limit = f"{standing.action}; mode={standing.mode}{per_minute}; alert={standing.alert_id}"
    headers = [(b"content-length", b"0"), *_outcome(outcome), (b"x-streamer-limit", _safe(limit))]
    status = _STATUSES.get(outcome)
    if status is None:
        return 200, headers
    headers.append((b"x-streamer-status", str(status).encode()))
    return 403 if plainly else status, headers


def _outcome(outcome: str) -> Headers:
    return [(b"x-streamer-outcome", outcome.encode())]


def _start(status: int, headers: Headers, length: int = 0) -> dict[str, Any]:
    return {
        "type": "http.response.start",
        "status": status,
        "headers": [(b"content-length", str(length).encode()), *headers],
    }


def _safe(text: str) -> bytes:
    """What may stand in a header: a server writes it as it is."""
    return "".join(each for each in text[:200] if " " <= each <= "~").encode()


def _health(wrong: str | None) -> tuple[int, bytes, bytes]:
    return (503 if wrong else 200), b"text/plain; charset=utf-8", f"{wrong or 'ok'}\n".encode()
