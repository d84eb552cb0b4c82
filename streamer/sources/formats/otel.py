"""OpenTelemetry GenAI spans and logs: OTLP JSON as collectors write it, single spans, or their attributes alone.

The names are still moving: the present ones are looked for first, then those they replaced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streamer.sources.formats.envoy import Envoy
from streamer.sources.formats.reading import elapsed_ms, first, number, parsed, section, texts_of, time_ms, tools_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Spans about something else than one request to a model: their tokens are counted in the spans below them.
_NOT_REQUESTS = ("execute_tool", "invoke_agent", "create_agent", "invoke_workflow")
_ERRORS = {"RateLimitError": 429, "rate_limit_exceeded": 429, "timeout": 408, "OverloadedError": 529}
_OK = 200
_FAILED = 500
_DOCUMENTS = ("resourceSpans", "resource_spans", "resourceLogs", "resource_logs")
_SCOPES = ("scopeSpans", "scope_spans", "instrumentationLibrarySpans", "scopeLogs", "scope_logs")
_RECORDS = ("spans", "logRecords", "log_records")
_ACCESS_LOG = Envoy()
_SPAN_ERROR = (2, "2", "STATUS_CODE_ERROR", "ERROR", "Error")

_TEXT: Mapping[str, tuple[str, ...]] = {
    "account_id": ("user.id", "enduser.pseudo.id", "enduser.id"),
    "model": ("gen_ai.request.model", "llm.request.model", "gen_ai.response.model"),
    "organization_id": ("organization.id", "tenant.id"),
    "session_id": ("gen_ai.conversation.id", "session.id"),
    "client_ip": ("client.address", "http.client_ip", "net.sock.peer.addr", "net.peer.ip"),
    "user_agent": ("user_agent.original", "http.user_agent"),
    "operation": ("gen_ai.operation.name", "llm.request.type"),
    "stream": ("gen_ai.request.stream", "llm.is_streaming"),
}
_NUMBERS: Mapping[str, tuple[str, ...]] = {
    "max_tokens": ("gen_ai.request.max_tokens", "llm.request.max_tokens"),
    "input_tokens": ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.usage.prompt_tokens"),
    "output_tokens": ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.usage.completion_tokens"),
    "cache_read_tokens": ("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens"),
    "reasoning_tokens": ("gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens"),
}
_START = ("startTimeUnixNano", "start_time_unix_nano", "start_time", "timestamp", "time", "timeUnixNano")
_END = ("endTimeUnixNano", "end_time_unix_nano", "end_time")


class OpenTelemetry:
    """The account is the span's user (or, failing that, its resource's).

    Spans that are no request to a model (databases, tools, agents) are passed over. A log record that holds a line of
    Envoy's access log is read as that line.
    """

    name = "otel"

    def matches(self, record: Mapping[str, Any]) -> bool:
        """Whether `record` is an OTLP document, a GenAI span, or the attributes of one."""
        if first(record, _DOCUMENTS) is not None:
            return True
        spread = {**record, **_attributes(record.get("attributes"))}
        return "response_code" not in record and any(name.startswith(("gen_ai.", "llm.")) for name in spread)

    def events(self, record: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """Each request to a model in it; a record that is a single span is taken to be one."""
        documents = first(record, _DOCUMENTS)
        if documents is None:
            resource = _attributes(section(record, "resource").get("attributes"))
            yield _event(record, {**resource, **record, **_attributes(record.get("attributes"))})
            return
        for span, around in _records(documents):
            attributes = {**around, **_body(span), **_attributes(span.get("attributes"))}
            if _ACCESS_LOG.matches(attributes):
                yield from _ACCESS_LOG.events(attributes)
                continue
            about_a_model = any(name.startswith(("gen_ai.", "llm.")) for name in attributes)
            if about_a_model and attributes.get("gen_ai.operation.name") not in _NOT_REQUESTS:
                yield _event(span, attributes)


def _event(span: Mapping[str, Any], attributes: Mapping[str, Any]) -> dict[str, Any]:
    start, end = first(span, _START), first(span, _END)
    values = {name: first(attributes, names) for name, names in _TEXT.items()}
    values |= {name: number(first(attributes, names)) for name, names in _NUMBERS.items()}
    values |= {
        "event_id": _event_id(span, attributes),
        "timestamp": time_ms(start),
        "duration_ms": elapsed_ms(start, end),
        "status": _status(span, attributes),
    }
    messages = first(attributes, ("gen_ai.input.messages", "gen_ai.prompt")) or _numbered(attributes)
    values |= tools_of(attributes.get("gen_ai.tool.definitions"))
    return values | texts_of(messages, attributes.get("gen_ai.system_instructions"))


def _event_id(span: Mapping[str, Any], attributes: Mapping[str, Any]) -> object:
    context = section(span, "context")
    trace = first(span, ("traceId", "trace_id")) or context.get("trace_id")
    own = first(span, ("spanId", "span_id")) or context.get("span_id")
    if own is None:
        return first(attributes, ("gen_ai.response.id", "event_id", "id"))
    return f"{trace}-{own}" if trace else own


def _status(span: Mapping[str, Any], attributes: Mapping[str, Any]) -> object:
    code = first(attributes, ("http.response.status_code", "http.status_code"))
    if code is not None:
        return number(code)
    error = first(attributes, ("error.type",))
    if error is not None:
        code = number(error)
        return code if isinstance(code, int) else _ERRORS.get(str(error), _FAILED)
    status = section(span, "status")
    return _FAILED if first(status, ("code", "status_code")) in _SPAN_ERROR else _OK


def _numbered(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Messages spread over `gen_ai.prompt.0.role`, `gen_ai.prompt.0.content` and so on."""
    messages: list[dict[str, Any]] = []
    while (role := attributes.get(f"gen_ai.prompt.{len(messages)}.role")) is not None:
        messages.append({"role": role, "content": attributes.get(f"gen_ai.prompt.{len(messages)}.content")})
    return messages


def _records(documents: object) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    for document in _objects(documents):
        resource = _attributes(section(document, "resource").get("attributes"))
        for scope in _objects(first(document, _SCOPES)):
            for record in _objects(first(scope, _RECORDS)):
                yield record, resource


def _body(record: Mapping[str, Any]) -> dict[str, Any]:
    """What a log record says in its body, where that is an object; spans have none."""
    body = parsed(_typed(record.get("body")))
    return body if isinstance(body, dict) else {}


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _attributes(value: object) -> dict[str, Any]:
    """Attributes as a dict, from the list of keys and typed values that OTLP makes of them, or a dict already."""
    if isinstance(value, dict):
        return value
    return {str(item.get("key")): _typed(item.get("value")) for item in _objects(value)}


def _typed(value: object) -> object:
    if not isinstance(value, dict) or len(value) != 1:
        return value
    kind, inner = next(iter(value.items()))
    if kind == "intValue":
        return number(inner)
    if kind == "arrayValue":
        return [_typed(item) for item in section(value, kind).get("values", ())]
    if kind == "kvlistValue":
        return _attributes(section(value, kind).get("values"))
    return inner
