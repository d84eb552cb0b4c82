"""The decision API: a bare ASGI application that answers from memory.

`/decide` and everything below it answers 200, 429 or 403, as Envoy's `ext_authz` and most gateways take it. `/nginx`
answers 200 or 403 only, as `auth_request` knows no other refusal, and tells the status to give in `X-Streamer-Status`.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from streamer.limits.decision import Decider
from streamer.limits.metrics import LimitMetrics
from streamer.limits.replies import Headers, Replies, Reply

logger = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Check = Callable[[], str | None]
"""Says what is wrong, or None when nothing is."""

DECIDE, NGINX = "/decide", "/nginx"
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
        found = dict(headers)
        name, plan = found.get(self._account), found.get(self._plan)
        account = name.decode("utf-8", "replace") if name else None
        if account is None and (key := found.get(self._api_key)):
            account = hashed_key(key)
        if account is not None and self._pseudonym is not None:
            account = self._pseudonym(account)
        return account, None if plan is None else plan.decode("utf-8", "replace")


def hashed_key(value: bytes) -> str:
    """The SHA-256 of an API key, as LiteLLM names keys; `Bearer` before it does not count."""
    scheme, _, rest = value.partition(b" ")
    return hashlib.sha256(rest.strip() if scheme.lower() == b"bearer" else value).hexdigest()


class DecisionApp:
    """Answers whether a request may pass. Whatever goes wrong in here, it may."""

    def __init__(self, decider: Decider, caller: Caller, metrics: LimitMetrics, *, live: Check, ready: Check) -> None:
        self._caller = caller
        self._registry = metrics.registry
        self._replies = Replies(decider, metrics.decided)
        self._pages: dict[str, Callable[[], tuple[int, bytes, bytes]]] = {
            "/metrics": self._exposition,
            "/live": lambda: _health(live()),
            "/ready": lambda: _health(ready()),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        """Serve one request; its body is of no interest."""
        if scope["type"] != "http":
            return
        path: str = scope["path"]
        if path.startswith((DECIDE, NGINX)):
            reply = self.reply(scope["headers"], plainly=path.startswith(NGINX))
            await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
            await send(_EMPTY)
            return
        page = self._pages.get(path)
        status, kind, body = page() if page is not None else (404, b"text/plain", b"")
        headers = [(b"content-length", str(len(body)).encode()), (b"content-type", kind)]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def reply(self, headers: Headers, *, plainly: bool) -> Reply:
        """What a request for a decision is answered; `plainly` as nginx understands it."""
        try:
            return self._replies.to(*self._caller(headers), plainly=plainly)
        except Exception:
            logger.exception("a decision failed, and the request passes")
            return self._replies.failed()

    def _exposition(self) -> tuple[int, bytes, bytes]:
        return 200, CONTENT_TYPE_LATEST.encode(), generate_latest(self._registry)


def _health(wrong: str | None) -> tuple[int, bytes, bytes]:
    return (503 if wrong else 200), b"text/plain; charset=utf-8", f"{wrong or 'ok'}\n".encode()
