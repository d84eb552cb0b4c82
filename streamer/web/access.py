"""Who may act on the page: whoever knows the token. Nothing is kept; a cookie proves itself, on every worker."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import NamedTuple

COOKIE = "streamer_session"
LASTS_S = 12 * 3600
MOST_NAME = 60


class Visitor(NamedTuple):
    """A person who is logged in; `form_token` must come back with every form."""

    name: str
    form_token: str


class Access:
    """Hands out cookies for the token and reads them. An empty token lets nobody in. `clock` tells seconds."""

    def __init__(self, token: str, clock: Callable[[], float]) -> None:
        self._token = token.encode()
        self._clock = clock
        self._key = hashlib.blake2b(self._token, digest_size=32, person=b"streamer-page").digest()

    @property
    def possible(self) -> bool:
        """Whether anybody can log in at all."""
        return bool(self._token)

    def login(self, token: str, name: str) -> str | None:
        """A cookie for whoever knows the token; None for anybody else."""
        if not self._token or not hmac.compare_digest(token.encode("utf-8", "replace"), self._token):
            return None
        who = " ".join("".join(letter if letter.isprintable() else " " for letter in name).split())[:MOST_NAME]
        plain = json.dumps([who or "operator", int(self._clock()) + LASTS_S]).encode()
        body = base64.urlsafe_b64encode(plain).decode()
        return f"{body}.{self._seal('cookie', body)}"

    def visitor(self, cookie: str | None) -> Visitor | None:
        """Who a cookie belongs to; None if it is not ours, or has run out."""
        body, _, seal = (cookie or "").partition(".")
        if not self._token or not hmac.compare_digest(self._seal("cookie", body).encode(), seal.encode()):
            return None
        name, until = json.loads(base64.urlsafe_b64decode(body))
        return Visitor(name, self._seal("form", body)) if self._clock() < until else None

    def _seal(self, purpose: str, body: str) -> str:
        return hmac.new(self._key, f"{purpose}\0{body}".encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def is_from_our_form(visitor: Visitor, form_token: object) -> bool:
    """Whether a form was sent from a page that we gave to this visitor."""
    return isinstance(form_token, str) and hmac.compare_digest(
        visitor.form_token.encode(), form_token.encode("utf-8", "replace")
    )
