"""A page of alerts over real HTTP, with what it sends kept."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
from collections.abc import AsyncIterator, Iterable, Iterator

from prometheus_client import CollectorRegistry

from streamer.cases.store import CaseStore
from streamer.config import StreamerConfig
from streamer.sinks.encode import Message
from streamer.web.access import Access
from streamer.web.desk import Desk, Ports
from streamer.web.server import build_web, serving
from streamer.wiring.cases import exporters

TOKEN = "a token long enough"
NOW_MS = 1_793_000_000_007


class Site:
    """Cases, and the records that buttons sent. `down` makes sending fail."""

    def __init__(self, token: str = TOKEN) -> None:
        self.store = CaseStore()
        self.sent: list[Message] = []
        self.down = False
        self.now_s = 1_793_000_000.0
        numbers = itertools.count(1)
        ports = Ports(
            send=self._send,
            clock_ms=lambda: NOW_MS,
            new_id=lambda: f"id-{next(numbers)}",
            exporters=exporters(StreamerConfig()),
            feedback_topic="feedback",
            limits_topic="limits",
        )
        self.desk = Desk(self.store, Access(token, lambda: self.now_s), ports)

    async def _send(self, messages: Iterable[Message]) -> None:
        if self.down:
            raise ConnectionError("nobody there")
        self.sent += messages

    @contextlib.asynccontextmanager
    async def served(self) -> AsyncIterator[str]:
        """Serve while inside; yields the address."""
        application = build_web(
            CollectorRegistry(),
            live=lambda: None,
            ready=lambda: None,
            desk=self.desk,
            figures=lambda: {"lag": "1,234"},
            title="my <streamer>",
        )
        async with serving(application, "127.0.0.1", 0) as port:
            yield f"http://127.0.0.1:{port}"

    @contextlib.contextmanager
    def running(self) -> Iterator[str]:
        """Serve in a thread while inside; yields the address."""
        loop = asyncio.new_event_loop()
        found: list[str] = []
        stop, ready = asyncio.Event(), threading.Event()

        async def serve() -> None:
            async with self.served() as url:
                found.append(url)
                ready.set()
                await stop.wait()

        def work() -> None:
            try:
                loop.run_until_complete(serve())
            finally:
                ready.set()
                loop.close()

        thread = threading.Thread(target=work)
        thread.start()
        ready.wait()
        try:
            yield found[0]
        finally:
            if found:
                loop.call_soon_threadsafe(stop.set)
            thread.join()
