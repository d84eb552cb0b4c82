"""Whether the receivers that a configuration names answer."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import aiohttp

from streamer.errors import StreamerError

WELL = 300
PORTS = {"http": 80, "https": 443}


async def unreachable(alertmanagers: tuple[str, ...], webhook: str, timeout_s: float) -> list[StreamerError]:
    """Every Alertmanager that is not ready, and the webhook where nobody listens; nothing is sent to either."""
    asked = [_alertmanager(url, timeout_s) for url in alertmanagers]
    if webhook:
        asked.append(_webhook(webhook, timeout_s))
    return [problem for problem in await asyncio.gather(*asked) if problem is not None]


async def _alertmanager(url: str, timeout_s: float) -> StreamerError | None:
    timeout = aiohttp.ClientTimeout(total=timeout_s)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"{url.rstrip('/')}/-/ready") as answer,
        ):
            if answer.status < WELL:
                return None
            found = f"answers with status {answer.status}"
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        found = f"does not answer ({type(error).__name__})"
    return StreamerError("alertmanager.urls", f"found {url}, which {found}", "start it, or correct the address")


async def _webhook(url: str, timeout_s: float) -> StreamerError | None:
    parts = urlsplit(url)
    try:
        port = parts.port or PORTS[parts.scheme]
        _, writer = await asyncio.wait_for(asyncio.open_connection(parts.hostname, port), timeout_s)
    except (OSError, ValueError, TimeoutError) as error:
        found = f"found {url}, where nobody listens ({type(error).__name__})"
        return StreamerError("webhook.url", found, "start the receiver, or correct the address")
    writer.close()
    return None
