"""The process of `streamer limits serve`: the decision API on uvicorn, and what keeps it up to date beside it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
from collections.abc import Coroutine, Iterator, Sequence
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from streamer.errors import StreamerError
from streamer.limits.ending import end

GC_THRESHOLDS = (100_000, 20, 1_000)
BACKLOG = 2_048


class Server(uvicorn.Server):
    """Uvicorn without signal handlers of its own: whoever starts it ends it, by `should_exit`."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


def build_server(app: Any, protocol: type[HttpToolsProtocol] = HttpToolsProtocol) -> Server:  # noqa: ANN401 - ASGI
    """A server as lean as it gets: every header that nobody reads costs."""
    config = uvicorn.Config(
        app,
        http=protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=5,
    )
    return Server(config)


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens there; port 0 takes any free one."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
        listener.setblocking(False)  # noqa: FBT003 - the standard library's signature
    except OSError as error:
        found = f"found {host}:{port}, cannot listen there: {error.strerror or error}"
        raise StreamerError("limits.port", found, "name a free port; 0 takes any") from error
    return listener


async def serve(
    server: Server, listener: socket.socket, beside: Sequence[Coroutine[Any, Any, None]], stop: asyncio.Event
) -> None:
    """Serve until `stop` is set, with the coroutines `beside` it; if one of those fails, all of it does."""
    # What is long-lived here is free of cycles: looking through it over and again would only hold answers up.
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(each) for each in beside]
        serving = group.create_task(server.serve(sockets=[listener]))
        await stop.wait()
        server.should_exit = True
        await serving
        await end(*tasks)
