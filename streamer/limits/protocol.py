"""Uvicorn's HTTP protocol, which answers decisions at once: no task, no cycle of messages, one write.

Whatever is not the plain case goes the way of every ASGI application: other paths, requests that come before the last
one was answered, clients that do not read what they are sent.
"""

from __future__ import annotations

from typing import Any, Protocol, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from streamer.limits.asgi import DECIDE, NGINX
from streamer.limits.replies import Headers, Reply

_DECIDE, _NGINX = DECIDE.encode(), NGINX.encode()
_PATHS = (_DECIDE, _NGINX)
_CLOSE = (b"connection", b"close")


class Deciding(Protocol):
    """The application, as far as it is asked past ASGI."""

    def reply(self, headers: Headers, *, plainly: bool) -> Reply:
        """What a request for a decision is answered."""


class DecisionProtocol(HttpToolsProtocol):
    """One connection of a gateway."""

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - as uvicorn passes them on
        super().__init__(*arguments, **named)
        self._deciding = cast("Deciding", self.config.app)
        self._reply: Reply | None = None

    def on_headers_complete(self) -> None:
        """Decide, where that is all there is to do."""
        if not self.url.startswith(_PATHS) or self._is_busy():
            super().on_headers_complete()
            return
        self._reply = self._deciding.reply(self.headers, plainly=self.url.startswith(_NGINX))

    def on_body(self, body: bytes) -> None:
        """Leave the body of what is decided alone: nobody reads it."""
        if self._reply is None:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Answer."""
        reply, self._reply = self._reply, None
        if reply is None:
            super().on_message_complete()
            return
        if self.parser.get_http_version() == "1.1" and self.parser.should_keep_alive():
            self.transport.write(reply.wire)
            self.on_response_complete()
        else:
            self.transport.write(reply.and_then(*_CLOSE).wire)
            self.on_response_complete()
            self.transport.close()

    def _is_busy(self) -> bool:
        unanswered = self.cycle is not None and not self.cycle.response_complete
        return unanswered or self.flow.write_paused or self.expect_100_continue or self.parser.should_upgrade()
