"""/metrics, /live, /ready and the pages."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from streamer.errors import StreamerError
from streamer.web.desk import Desk
from streamer.web.figures import figures_of
from streamer.web.pages import Pages
from streamer.web.rendering import Renderer

Check = Callable[[], str | None]
"""Says what is wrong, or None when nothing is."""
MOST_FORM_BYTES = 64 << 10
SHUTDOWN_S = 2.0


def build_web(
    registry: CollectorRegistry,
    *,
    live: Check,
    ready: Check,
    desk: Desk | None = None,
    figures: Callable[[], Mapping[str, str]] = dict,
    title: str = "streamer",
) -> web.Application:
    """Metrics and health; pages too, where there is a desk. `figures` come beside those of the metrics.

    Live is progress, ready is work assigned and state restored; neither is the other.
    """

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def is_live(_: web.Request) -> web.Response:
        return _health(live())

    async def is_ready(_: web.Request) -> web.Response:
        return _health(ready())

    application = web.Application(client_max_size=MOST_FORM_BYTES)
    application.add_routes([web.get("/metrics", metrics), web.get("/live", is_live), web.get("/ready", is_ready)])
    if desk is not None:
        pages = Pages(desk, Renderer(title=title), lambda: {**figures_of(registry), **figures()})
        application.add_routes(pages.routes())
    return application


def _health(wrong: str | None) -> web.Response:
    return web.Response(text=f"{wrong or 'ok'}\n", status=503 if wrong else 200)


@contextlib.asynccontextmanager
async def serving(application: web.Application, host: str, port: int) -> AsyncIterator[int]:
    """Serve while inside; yields the port, which is a free one if `port` is 0."""
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as error:
            found = f"found {host}:{port}, cannot listen there: {error.strerror or error}"
            raise StreamerError("web.port", found, "name a free port; 0 takes any") from error
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()
