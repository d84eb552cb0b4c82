"""A bare ASGI answer on the server that the decision API runs on: decision_server.py PORT"""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import Any

from streamer.limits.serve import build_server, listening, serve
from streamer.wiring.running import run_loop

START = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]}
BODY = {"type": "http.response.body", "body": b""}


async def bare(_scope: Any, _receive: Any, send: Any) -> None:
    """Say yes."""
    await send(START)
    await send(BODY)


async def main(port: int) -> dict[str, Any]:
    """Serve until told to stop."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await serve(build_server(bare), listening("127.0.0.1", port), [], stop)
    return {}


if __name__ == "__main__":
    run_loop(main(int(sys.argv[1])))
