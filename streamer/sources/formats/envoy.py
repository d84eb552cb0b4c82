"""JSON access logs of Envoy AI Gateway: the fields its documentation has one configure, and Envoy's own."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from streamer.sources.formats.reading import first, number, time_ms

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_TEXT: Mapping[str, tuple[str, ...]] = {
    "event_id": ("x-request-id", "x_request_id", "request_id"),
    "model": ("gen_ai.request.model", "genai_model_name", "x-ai-eg-model", "gen_ai.response.model"),
    # An access log knows an account only where a header was mapped to one of these.
    "account_id": ("account_id", "x-account-id", "user.id", "x-user-id", "enduser.id", "x-tenant-id", "x-consumer-id"),
    "organization_id": ("organization_id", "x-organization-id"),
    "api_key_id": ("api_key_id", "x-api-key-id"),
    "session_id": ("gen_ai.conversation.id", "session.id", "x-session-id"),
    "user_agent": ("user-agent", "user_agent"),
    "tls_fingerprint": ("ja4", "tls_ja4", "ja3", "tls_ja3"),
    "operation": ("gen_ai.operation.name",),
}
_NUMBERS: Mapping[str, tuple[str, ...]] = {
    "status": ("response_code",),
    "duration_ms": ("duration",),
    "input_tokens": ("gen_ai.usage.input_tokens", "genai_tokens_input"),
    "output_tokens": ("gen_ai.usage.output_tokens", "genai_tokens_output"),
    "cache_read_tokens": ("gen_ai.usage.cached_input_tokens", "gen_ai.usage.cache_read.input_tokens"),
    "reasoning_tokens": ("gen_ai.usage.reasoning.output_tokens",),
}
_OPERATIONS = {"/chat/completions": "chat", "/messages": "chat", "/responses": "chat", "/embeddings": "embeddings"}


class Envoy:
    """The account is a header mapped into the log: `account_id`, `x-account-id`, `user.id` and the like.

    `-` is how Envoy writes that there is nothing.
    """

    name = "envoy"

    def matches(self, record: Mapping[str, Any]) -> bool:
        """Whether `record` is a line of such a log."""
        return "response_code" in record and "start_time" in record

    def events(self, record: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """The one request in it."""
        values = {name: first(record, names) for name, names in _TEXT.items()}
        values |= {name: number(first(record, names)) for name, names in _NUMBERS.items()}
        values["timestamp"] = time_ms(first(record, ("start_time",)))
        values["client_ip"] = _client(record)
        if values["operation"] is None:
            path = str(first(record, ("path", "x-envoy-origin-path", ":path")) or "").partition("?")[0]
            values["operation"] = next((name for end, name in _OPERATIONS.items() if path.endswith(end)), None)
        yield values


def _client(record: Mapping[str, Any]) -> str | None:
    """The address of the client: the last public one that a proxy added.

    What stands further to the left in `x-forwarded-for` is whatever the client chose to send.
    """
    forwarded = first(record, ("x-forwarded-for", "x_forwarded_for"))
    remote = first(record, ("downstream_remote_address", "downstream_remote_address_without_port"))
    texts = str(forwarded).split(",") if forwarded else []
    if remote:
        texts.append(str(remote))
    known = [address for text in texts if (address := _address(text.strip()))]
    public = [address for address in known if address.is_global]
    return str((public or known)[-1]) if known else None


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    for candidate in (text, text.rpartition(":")[0].strip("[]")):
        try:
            return ipaddress.ip_address(candidate)
        except ValueError:
            continue
    return None
