"""What is answered at once is what would be answered by way of ASGI, whatever a client sends and however."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from streamer.limits.asgi import Caller, DecisionApp
from streamer.limits.decision import Decider
from streamer.limits.metrics import LimitMetrics
from streamer.limits.policy import LimitPolicy, Standing
from streamer.limits.protocol import DecisionProtocol
from streamer.limits.serve import build_server, listening, serve
from streamer.limits.share import TrafficShare
from tests.limits.handmade import HOUR, NOW
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Iterator

STANDINGS = {
    "blocked": Standing("blocked", "block", None, "enforce", "a-1", "why", NOW, NOW + HOUR, "ada", "feedback/0@1"),
    "shadow": Standing("shadow", "block", None, "shadow", "a-2", "why", NOW, NOW + HOUR, "ada", "feedback/0@2"),
    "slow": Standing("slow", "throttle", 1, "enforce", "a-3", "why", NOW, NOW + HOUR, None, "limits/0@1"),
}


class Counted(DecisionProtocol):
    """Counts what is answered past ASGI."""

    at_once = 0

    def on_message_complete(self) -> None:
        type(self).at_once += self._reply is not None
        super().on_message_complete()


def app() -> DecisionApp:
    share = TrafficShare(1.0, 1, 300.0, 0.0)
    decider = Decider(LimitPolicy(mode="enforce"), share, lambda: 0.0, lambda: NOW)
    decider.follow(STANDINGS)
    decider.open_reason = None
    metrics = LimitMetrics(CollectorRegistry())
    caller = Caller("x-account-id", "authorization", "x-plan", None)
    return DecisionApp(decider, caller, metrics, live=lambda: None, ready=lambda: "not yet")


@contextlib.contextmanager
def served(protocol: type[HttpToolsProtocol]) -> Iterator[int]:
    """A server in a thread; yields its port."""
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    listener = listening("127.0.0.1", 0)
    server = build_server(app(), protocol)

    def run() -> None:
        loop.run_until_complete(serve(server, listener, [], stop))
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        listener.close()


def exchange(port: int, *parts: bytes) -> bytes:
    """All that comes back for what is sent piece by piece, until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Who is answered and closed before the rest was sent gets the same answer; what was sent too late breaks or
        # resets the connection, after the answer.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for part in parts:
                connection.sendall(part)
        found = b""
        with contextlib.suppress(ConnectionResetError):
            while more := connection.recv(65_536):
                found += more
    return found


def request(path: str, *headers: str, method: str = "GET", version: str = "1.1", body: str = "") -> bytes:
    lines = [f"{method} {path} HTTP/{version}", "Host: gateway", *headers, "", body]
    return "\r\n".join(lines).encode()


def asked(account: str, *headers: str, path: str = "/decide") -> bytes:
    return request(path, f"X-Account-Id: {account}", *headers)


LAST = "Connection: close"
EXCHANGES = {
    "passes": [asked("free", LAST)],
    "blocked": [asked("blocked", LAST)],
    "blocked, for nginx": [asked("blocked", LAST, path="/nginx")],
    "shadow": [asked("shadow", LAST, path="/decide/v1/chat?stream=1")],
    "throttled the second time": [asked("slow"), asked("slow", LAST)],
    "by key": [request("/decide", "Authorization: Bearer sk-1", LAST)],
    "nobody": [request("/nginx", LAST)],
    "many on one connection": [asked("free") * 5 + asked("blocked") + asked("free", LAST)],
    "in pieces": [asked("blocked", LAST)[:30], asked("blocked", LAST)[30:]],
    "a body": [request("/decide", "X-Account-Id: blocked", "Content-Length: 5", LAST, method="POST", body="hello")],
    "a body in chunks": [
        request("/decide", "X-Account-Id: blocked", "Transfer-Encoding: chunked", LAST, method="POST"),
        b"5\r\nhello\r\n",
        b"0\r\n\r\n",
    ],
    "HEAD": [request("/decide", "X-Account-Id: blocked", LAST, method="HEAD")],
    "HTTP/1.0": [request("/decide", "X-Account-Id: blocked", version="1.0")],
    "HTTP/1.0 that would stay": [request("/decide", "X-Account-Id: blocked", "Connection: keep-alive", version="1.0")],
    "other pages and back": [request("/ready") + asked("blocked") + request("/nothing", LAST)],
    "an upgrade": [request("/decide", "X-Account-Id: blocked", "Connection: upgrade, close", "Upgrade: websocket")],
    "not HTTP": [b"\x16\x03\x01 hello\r\n\r\n"],
    "escaped": [asked("blocked", LAST, path="/%64ecide")],
    "no path": [asked("blocked", LAST, path="*")],
}


@pytest.mark.parametrize("parts", EXCHANGES.values(), ids=EXCHANGES)
def test_it_is_the_answer_that_asgi_gives(parts: list[bytes]) -> None:
    with served(HttpToolsProtocol) as plain, served(DecisionProtocol) as quick:
        assert exchange(quick, *parts) == exchange(plain, *parts)


def test_a_connection_stays_open_and_is_answered_at_once() -> None:
    with served(Counted) as port, socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as connection:
        for account, status in (("free", 200), ("blocked", 403), ("free", 200)):
            connection.sendall(asked(account))
            assert connection.recv(65_536).startswith(f"HTTP/1.1 {status} ".encode())
    assert Counted.at_once == 3


def flood(connection: socket.socket) -> None:
    """Send a gigabyte, and read nothing."""
    many, sent = asked("blocked") * 1_000, 0
    while sent < 1 << 30:
        sent += connection.send(many)


def test_whoever_sends_without_reading_is_held_back() -> None:
    with (
        served(DecisionProtocol) as port,
        socket.create_connection(("127.0.0.1", port), timeout=0.5) as connection,
        pytest.raises(TimeoutError),
    ):
        flood(connection)
