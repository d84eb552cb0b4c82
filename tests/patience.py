"""How long tests wait for what must come: far longer than a slow machine takes, as only a fault never comes."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE_S = 240.0
PAUSE_S = 0.05


def until(wanted: Callable[[], Any], what: str | Callable[[], str]) -> Any:
    """What `wanted` gives as soon as it is true; `what` says what did not come."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := wanted()):
        assert time.monotonic() < deadline, _missing(what)
        time.sleep(PAUSE_S)
    return found


async def meanwhile(wanted: Callable[[], Any], what: str | Callable[[], str]) -> Any:
    """The same where other tasks must go on."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := wanted()):
        assert time.monotonic() < deadline, _missing(what)
        await asyncio.sleep(PAUSE_S)
    return found


def _missing(what: str | Callable[[], str]) -> str:
    return f"not so after {PATIENCE_S:.0f} s: {what if isinstance(what, str) else what()}"
