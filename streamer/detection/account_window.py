"""What one account does in one window that is still open."""

from __future__ import annotations

from typing import Any

from streamer.detection.links import Identity
from streamer.detection.request import Request
from streamer.detection.statistics import log_steps

Plain = tuple[str | int | None, ...]


class AccountWindow:
    """What one account did in one open window: sums of integers and sets, so that order does not matter."""

    __slots__ = ("_identity", "_model", "_more", "output_steps", "output_tokens", "outputs", "templates", "times")

    def __init__(self) -> None:
        self.times: list[int] = []
        self.output_tokens = 0
        self.output_steps = 0
        self.outputs = 0
        self.templates: list[str] = []
        self._identity: Plain | None = None
        self._model: str | None = None
        self._more: set[Plain | str] | None = None

    def add(self, request: Request, timestamp_ms: int) -> None:
        """Add one request."""
        self.times.append(timestamp_ms)
        tokens = request.output_tokens
        if tokens is not None:
            self.output_tokens += tokens
            self.output_steps += log_steps(tokens)
            self.outputs += 1
        identity = (
            request.client_ip,
            request.user_agent,
            request.tls_fingerprint,
            request.device_id,
            request.payment_fingerprint,
            request.email_domain,
            request.system_prompt_hash,
            request.account_created_ms,
            request.plan,
            request.organization_id,
        )
        # Nearly always the same as before: comparing costs half of what a set costs.
        if identity != self._identity:
            if self._identity is None:
                self._identity = identity
            else:
                self._also(identity)
        if request.model != self._model:
            if self._model is None:
                self._model = request.model
            else:
                self._also(request.model)
        simhash = request.prompt_simhash
        if simhash is not None:
            self.templates.append(simhash)

    def _also(self, other: Plain | str) -> None:
        if self._more is None:
            self._more = set()
        self._more.add(other)

    def identities(self) -> list[Identity]:
        """Give the distinct identities, in an order that does not depend on which came first."""
        first = Identity._make(self._identity or ())
        if self._more is None:
            return [first]
        others = {Identity._make(other) for other in self._more if isinstance(other, tuple)}
        return sorted({first, *others}, key=_order)

    def models(self) -> tuple[str, ...]:
        """Give the distinct models in order."""
        if self._more is None:
            return () if self._model is None else (self._model,)
        return tuple(sorted({self._model or "", *(other for other in self._more if isinstance(other, str))}))

    def simhashes(self) -> list[int]:
        """Give the distinct prompt hashes in order."""
        if len(self.templates) == 1:
            return [int(self.templates[0], 16)]
        return sorted({int(text, 16) for text in self.templates})

    def snapshot(self) -> list[Any]:
        """Plain data from which `restore` makes the same window."""
        tokens = [self.output_tokens, self.output_steps, self.outputs]
        identities = [list(identity) for identity in self.identities()]
        return [sorted(self.times), *tokens, identities, sorted(self.templates), list(self.models())]

    @classmethod
    def restore(cls, state: list[Any]) -> AccountWindow:
        """Take over what `snapshot` gave."""
        self = cls()
        self.times, self.output_tokens, self.output_steps, self.outputs = list(state[0]), state[1], state[2], state[3]
        identities, self.templates, models = state[4], list(state[5]), state[6]
        self._identity, self._model = tuple(identities[0]), models[0]
        for other in (*map(tuple, identities[1:]), *models[1:]):
            self._also(other)
        return self


def _order(identity: Identity) -> tuple[str, ...]:
    return tuple(map(str, identity))
