"""What one account does in one window that is still open."""

from __future__ import annotations

from typing import Any

from streamer.detection.links import Identity
from streamer.detection.request import Request
from streamer.detection.statistics import log_steps


class AccountWindow:
    """What one account did in one open window: sums of integers and sets, so that order does not matter."""

    __slots__ = ("identities", "models", "output_steps", "output_tokens", "outputs", "templates", "times")

    def __init__(self) -> None:
        self.times: list[int] = []
        self.output_tokens = 0
        self.output_steps = 0
        self.outputs = 0
        self.identities: set[Identity] = set()
        self.templates: set[str] = set()
        self.models: set[str] = set()

    def add(self, request: Request, timestamp_ms: int) -> None:
        """Add one request."""
        self.times.append(timestamp_ms)
        tokens = request.output_tokens
        if tokens is not None:
            self.output_tokens += tokens
            self.output_steps += log_steps(tokens)
            self.outputs += 1
        self.identities.add(
            Identity(
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
        )
        if request.prompt_simhash is not None:
            self.templates.add(request.prompt_simhash)
        self.models.add(request.model)

    def snapshot(self) -> list[Any]:
        """Plain data; sets sorted."""
        identities = sorted((list(i) for i in self.identities), key=repr)
        tokens = [self.output_tokens, self.output_steps, self.outputs]
        return [sorted(self.times), *tokens, identities, sorted(self.templates), sorted(self.models)]

    @classmethod
    def restore(cls, state: list[Any]) -> AccountWindow:
        """Take over what `snapshot` gave."""
        self = cls()
        self.times, self.output_tokens, self.output_steps, self.outputs = list(state[0]), state[1], state[2], state[3]
        self.identities = {Identity(*identity) for identity in state[4]}
        self.templates, self.models = set(state[5]), set(state[6])
        return self
