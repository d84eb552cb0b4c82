"""One finished LLM API request, as the contract describes it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)

Moment: TypeAlias = Annotated[datetime, Meta(tz=True)] | int
Identifier: TypeAlias = Annotated[str, Meta(min_length=1, max_length=128)]
AccountId: TypeAlias = Annotated[str, Meta(min_length=1, max_length=256)]
ModelName: TypeAlias = Annotated[str, Meta(max_length=128)]
Count: TypeAlias = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Asn: TypeAlias = Annotated[int, Meta(ge=0, le=2**32 - 1)]
HttpStatus: TypeAlias = Annotated[int, Meta(ge=0, le=999)]
Duration: TypeAlias = Annotated[float, Meta(ge=0, le=1e12)]


def to_ms(moment: datetime | int) -> int:
    """Milliseconds since the Unix epoch, rounded down."""
    return moment if isinstance(moment, int) else (moment - EPOCH) // MILLISECOND


class RequestEvent(Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """One request. Only the first four fields are always there; None means that the gateway did not say.

    `system_prompt` and `prompt` are None in every event a decoder hands out: raw text is hashed on entry.
    """

    event_id: Identifier
    timestamp: Moment
    account_id: AccountId
    model: ModelName

    organization_id: str | None = None
    api_key_id: str | None = None
    end_user_id: str | None = None
    session_id: str | None = None
    account_created_at: Moment | None = None
    plan: str | None = None

    client_ip: str | None = None
    asn: Asn | None = None
    country: str | None = None
    user_agent: str | None = None
    tls_fingerprint: str | None = None
    device_id: str | None = None
    payment_fingerprint: str | None = None
    email_domain: str | None = None

    operation: str | None = None
    status: HttpStatus | None = None
    stream: bool | None = None
    max_tokens: Count | None = None
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    cache_read_tokens: Count | None = None
    reasoning_tokens: Count | None = None
    duration_ms: Duration | None = None

    system_prompt_hash: str | None = None
    prompt_simhash: str | None = None
    tools_hash: str | None = None
    tool_count: Count | None = None
    capability: str | None = None
    language: str | None = None

    system_prompt: str | None = None
    prompt: str | None = None

    @property
    def timestamp_ms(self) -> int:
        """When the request arrived, in milliseconds since the Unix epoch."""
        timestamp = self.timestamp
        return timestamp if isinstance(timestamp, int) else (timestamp - EPOCH) // MILLISECOND

    @property
    def account_created_ms(self) -> int | None:
        """When the account was created, in milliseconds since the Unix epoch."""
        created = self.account_created_at
        return created if created is None or isinstance(created, int) else (created - EPOCH) // MILLISECOND
