"""One finished API call, as much of it as the detector reads."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Request(Protocol):
    """What the detector reads of a request; any object with these attributes will do."""

    @property
    def event_id(self) -> str: ...
    @property
    def timestamp_ms(self) -> int: ...
    @property
    def account_id(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def plan(self) -> str | None: ...
    @property
    def organization_id(self) -> str | None: ...
    @property
    def account_created_ms(self) -> int | None: ...
    @property
    def client_ip(self) -> str | None: ...
    @property
    def user_agent(self) -> str | None: ...
    @property
    def tls_fingerprint(self) -> str | None: ...
    @property
    def device_id(self) -> str | None: ...
    @property
    def payment_fingerprint(self) -> str | None: ...
    @property
    def email_domain(self) -> str | None: ...
    @property
    def system_prompt_hash(self) -> str | None: ...
    @property
    def prompt_simhash(self) -> str | None: ...
    @property
    def output_tokens(self) -> int | None: ...
    @property
    def status(self) -> int | None: ...
    @property
    def session_id(self) -> str | None: ...
    @property
    def input_tokens(self) -> int | None: ...
    @property
    def max_tokens(self) -> int | None: ...
    @property
    def capability(self) -> str | None: ...
    @property
    def language(self) -> str | None: ...
    @property
    def asn(self) -> int | None: ...
    @property
    def country(self) -> str | None: ...
    @property
    def tools_hash(self) -> str | None: ...


class RequestRecord(NamedTuple):
    """A request as plain data: what is kept of one that has to wait, and what a test writes by hand.

    >>> RequestRecord("e1", 1_767_225_600_000, "acct-1", "large").account_id
    'acct-1'
    """

    event_id: str
    timestamp_ms: int
    account_id: str
    model: str
    plan: str | None = None
    organization_id: str | None = None
    account_created_ms: int | None = None
    client_ip: str | None = None
    user_agent: str | None = None
    tls_fingerprint: str | None = None
    device_id: str | None = None
    payment_fingerprint: str | None = None
    email_domain: str | None = None
    system_prompt_hash: str | None = None
    prompt_simhash: str | None = None
    output_tokens: int | None = None
    status: int | None = None
    session_id: str | None = None
    input_tokens: int | None = None
    max_tokens: int | None = None
    capability: str | None = None
    language: str | None = None
    asn: int | None = None
    country: str | None = None
    tools_hash: str | None = None


def record_of(request: Request) -> RequestRecord:
    """Copy what the detector reads out of any request."""
    return RequestRecord(*(getattr(request, name) for name in RequestRecord._fields))
