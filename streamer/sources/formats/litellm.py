"""LiteLLM's StandardLoggingPayload, as its callbacks get it and its loggers write it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streamer.sources.formats.reading import elapsed_ms, first, number, section, texts_of, time_ms, tools_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Requests made with the proxy's master key carry this name in place of a key's hash.
MASTER_KEY = "litellm_proxy_master_key"
_DEFAULT_USER = "default_user_id"
_OK = 200
_FAILED = 500
_OPERATIONS = {
    "completion": "chat",
    "responses": "chat",
    "anthropic_messages": "chat",
    "text_completion": "text_completion",
    "embedding": "embeddings",
}


class LiteLLM:
    """The account is the API key (its hash).

    The master key is no account but the whole proxy, and would hide everyone behind it: requests made with it count
    for the end user they name, else the user, else the team, and only if there is none of these for the proxy itself.
    """

    name = "litellm"

    def matches(self, record: Mapping[str, Any]) -> bool:
        """Whether `record` is such a payload."""
        return "startTime" in record and ("litellm_call_id" in record or "call_type" in record)

    def events(self, record: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """The one request in it."""
        metadata = section(record, "metadata")
        parameters = section(record, "model_parameters")
        usage = section(metadata, "usage_object")
        key = first(metadata, ("user_api_key_hash",))
        end_user = first(record, ("end_user",)) or first(metadata, ("user_api_key_end_user_id",))
        address = first(record, ("requester_ip_address",)) or first(metadata, ("requester_ip_address",))
        stream = parameters.get("stream")
        values = {
            "event_id": first(record, ("id", "litellm_call_id")),
            "timestamp": time_ms(record.get("startTime")),
            "account_id": key if key not in (None, MASTER_KEY) else _behind_master_key(metadata, end_user, key),
            # What the client asked for; `model` is the deployment that the router chose.
            "model": first(record, ("model_group", "model")),
            "organization_id": first(metadata, ("user_api_key_org_id", "user_api_key_team_id")),
            "api_key_id": key if key != MASTER_KEY else None,
            "end_user_id": end_user,
            "session_id": first(record, ("session_id",)) or section(metadata, "requester_metadata").get("session_id"),
            "client_ip": address.split(",")[0].strip() if isinstance(address, str) else address,
            "user_agent": first(record, ("user_agent",)) or first(metadata, ("user_agent",)),
            "operation": _operation(record.get("call_type")),
            "status": _status(record),
            "stream": record.get("stream") if stream is None else stream,
            "max_tokens": first(parameters, ("max_tokens", "max_completion_tokens", "max_output_tokens")),
            "input_tokens": record.get("prompt_tokens"),
            "output_tokens": record.get("completion_tokens"),
            "cache_read_tokens": section(usage, "prompt_tokens_details").get("cached_tokens"),
            "reasoning_tokens": section(usage, "completion_tokens_details").get("reasoning_tokens"),
            "duration_ms": elapsed_ms(record.get("startTime"), record.get("endTime")),
        }
        if "model_parameters" in record:
            values |= tools_of(parameters.get("tools", []))
        yield values | texts_of(record.get("messages"))


def _behind_master_key(metadata: Mapping[str, Any], end_user: object, key: object) -> object:
    user = first(metadata, ("user_api_key_user_id",))
    team = first(metadata, ("user_api_key_team_id",))
    return end_user or (user if user != _DEFAULT_USER else None) or team or user or key


def _operation(call_type: object) -> object:
    if not isinstance(call_type, str):
        return call_type
    return next((_OPERATIONS[name] for name in (call_type, call_type[1:]) if name in _OPERATIONS), call_type)


def _status(record: Mapping[str, Any]) -> object:
    code = number(first(section(record, "error_information"), ("error_code",)))
    if isinstance(code, int):
        return code
    status = record.get("status")
    return _OK if status == "success" else _FAILED if status == "failure" else None
