"""Values as gateways write them: times in any unit, numbers as text, messages in one of several shapes."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from streamer.sources.event import to_ms
from streamer.sources.simhash import hash_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# Above which a bare number cannot be seconds (but milliseconds), milliseconds (but microseconds), and so on.
_UNITS = ((10**17, 10**6, 1), (10**14, 10**3, 1), (10**11, 1, 1), (0, 1, 1000))
_LATEST = 2**63
_REDACTED = "redacted-by-litellm"
_SYSTEM_ROLES = ("system", "developer")


def first(record: Mapping[str, Any], names: Iterable[str]) -> Any:  # noqa: ANN401 - whatever the gateway wrote
    """The first of these fields that is there and not empty; None if none is."""
    for name in names:
        value = record.get(name)
        if value not in (None, "", "-"):
            return value
    return None


def section(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The object in the field `name`; an empty one if there is none."""
    value = record.get(name)
    return value if isinstance(value, dict) else {}


def number(value: object) -> object:
    """A number written as text as a number; anything else as it is, for the strict check to judge."""
    if not isinstance(value, str):
        return value
    try:
        return int(value)
    except ValueError:
        try:
            return float(value)
        except ValueError:
            return value


def time_ms(value: object) -> object:
    """Milliseconds of a time in seconds, milliseconds, microseconds or nanoseconds, by its size; text as it is."""
    value = number(value)
    if isinstance(value, datetime):
        return to_ms(value) if value.tzinfo is not None else value
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LATEST:
        return value
    _, divisor, factor = next(unit for unit in _UNITS if value >= unit[0])
    return int(value) * factor // divisor if isinstance(value, int) else int(round(value * factor, 3) // divisor)


def elapsed_ms(start: object, end: object) -> object:
    """How long it took between two times, both as text or in the same unit; None if that cannot be said."""
    start, end = number(start), number(end)
    if isinstance(start, str) and isinstance(end, str):
        try:
            took = datetime.fromisoformat(end) - datetime.fromisoformat(start)
        except (ValueError, TypeError):
            return None
        return round(took.total_seconds() * 1000, 3)
    if not isinstance(start, int | float) or not isinstance(end, int | float) or not 0 <= start <= end <= _LATEST:
        return None
    _, divisor, factor = next(unit for unit in _UNITS if start >= unit[0])
    return round((end - start) * factor / divisor, 3)


def parsed(value: object) -> object:
    """JSON kept in a string, parsed; anything else as it is."""
    if isinstance(value, str) and value[:1] in ("[", "{"):
        try:
            return msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError, ValueError):
            return value
    return value


def tools_of(tools: object) -> dict[str, Any]:
    """`tools_hash` and `tool_count` of a list of tool definitions; nothing if it is none."""
    tools = parsed(tools)
    if not isinstance(tools, list):
        return {}
    names = sorted({name for tool in tools if (name := _tool_name(tool))})
    return {"tool_count": len(tools), "tools_hash": hash_text("\n".join(names)) if names else None}


def texts_of(messages: object, instructions: object = None) -> dict[str, Any]:
    """`system_prompt` and `prompt`, the last user turn, of a conversation; nothing where it was redacted."""
    messages, system = parsed(messages), _text(parsed(instructions))
    prompt = ""
    if isinstance(messages, str):
        prompt = messages
    for message in messages if isinstance(messages, list) else ():
        if not isinstance(message, dict):
            continue
        role = message.get("role")
        text = _text(message.get("content", message.get("parts")))
        if role in _SYSTEM_ROLES:
            system = f"{system}\n{text}" if system else text
        elif role == "user" and text:
            prompt = text
    return {
        "system_prompt": None if _REDACTED in system else system or None,
        "prompt": None if _REDACTED in prompt else prompt or None,
    }


def _tool_name(tool: object) -> str:
    if not isinstance(tool, dict):
        return ""
    inner = tool.get("function")
    name = inner.get("name") if isinstance(inner, dict) else tool.get("name", tool.get("type"))
    return name if isinstance(name, str) else ""


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, dict):
        return _text(content.get("text", content.get("content")))
    if isinstance(content, list):
        return "\n".join(text for part in content if (text := _text(part)))
    return ""
