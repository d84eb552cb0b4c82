"""Ends tasks that run for ever."""

from __future__ import annotations

import asyncio
from typing import Any

AGAIN_S = 1.0


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks and return when they have ended, however.

    A cancellation can get lost: `asyncio.wait_for` of Python 3.11, which libraries use, drops one that comes at the
    very moment at which its own wait is over. So it is repeated.
    """
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=AGAIN_S)
