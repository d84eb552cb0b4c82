"""Which fields a gateway may not know."""

from __future__ import annotations

from typing import Final

_SIGNUP: Final = frozenset({"account_created_at", "plan", "payment_fingerprint", "email_domain", "device_id"})
_PROMPT: Final = frozenset(
    {"system_prompt_hash", "prompt_simhash", "tools_hash", "tool_count", "capability", "language"}
)
_OPTIONAL: Final = frozenset(
    {
        "organization_id",
        "api_key_id",
        "end_user_id",
        "session_id",
        "account_created_at",
        "plan",
        "client_ip",
        "asn",
        "country",
        "user_agent",
        "tls_fingerprint",
        "device_id",
        "payment_fingerprint",
        "email_domain",
        "operation",
        "status",
        "stream",
        "max_tokens",
        "input_tokens",
        "output_tokens",
        "cache_read_tokens",
        "reasoning_tokens",
        "duration_ms",
        "system_prompt_hash",
        "prompt_simhash",
        "tools_hash",
        "tool_count",
        "capability",
        "language",
    }
)
ABSENT: Final[dict[str, frozenset[str]]] = {
    "all": frozenset(),
    "metadata_only": _SIGNUP | _PROMPT,
    "no_signup": _SIGNUP,
    "no_prompt_features": _PROMPT,
    "required_only": _OPTIONAL,
}
