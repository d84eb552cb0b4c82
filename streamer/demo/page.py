"""The page of a demonstration, served from a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from typing import Any

from aiohttp import web

from streamer.web.server import serving


@contextlib.contextmanager
def served(
    application: web.Application, host: str, port: int, beside: Callable[[], Coroutine[Any, Any, None]] | None = None
) -> Iterator[int]:
    """Serve while inside, with what keeps the pages up to date `beside` it; yields the port."""
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    listening: Future[int] = Future()

    async def serve() -> None:
        try:
            async with serving(application, host, port) as found:
                listening.set_result(found)
                task = loop.create_task(beside()) if beside is not None else None
                await stop.wait()
                if task is not None:
                    task.cancel()
                    await asyncio.wait([task])
        except BaseException as error:
            if not listening.done():
                listening.set_exception(error)
            raise

    def work() -> None:
        with contextlib.suppress(Exception):
            loop.run_until_complete(serve())
        loop.close()

    thread = threading.Thread(target=work, name="status-page", daemon=True)
    thread.start()
    try:
        yield listening.result()
    finally:
        if thread.is_alive():
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(stop.set)
        thread.join()
