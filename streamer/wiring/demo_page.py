"""The page of `streamer demo`, served beside it."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from streamer.demo.screen import Screen
    from streamer.sinks.encode import Message
    from streamer.web.board import Board
    from streamer.web.desk import Desk


def new_token() -> str:
    """What lets whoever reads the terminal press the buttons of the page."""
    return secrets.token_urlsafe(12)


def keeping(directory: Path) -> Callable[[Iterable[Message]], Awaitable[None]]:
    """What takes the records of the page where there is no Kafka: feedback goes to a file, as a replay has it."""
    from streamer.cases.files import FEEDBACK

    async def keep(messages: Iterable[Message]) -> None:
        with (directory / FEEDBACK).open("ab") as file:
            file.writelines(message.value + b"\n" for message in messages if message.value)

    return keep


@contextlib.contextmanager
def shown_page(
    screen: Screen,
    board: Board,
    desk: Desk,
    token: str,
    beside: Callable[[], Coroutine[Any, Any, None]] | None = None,
) -> Iterator[str]:
    """Serve while inside, with what keeps the cases up to date `beside` it; yields the address."""
    from prometheus_client import CollectorRegistry

    from streamer.demo.page import served
    from streamer.web.server import build_web

    pages = build_web(
        CollectorRegistry(),
        live=lambda: None,
        ready=lambda: None,
        desk=desk,
        figures=lambda: board.figures,
        title="streamer demo",
    )
    with served(pages, "127.0.0.1", 0, beside) as port:
        url = f"http://127.0.0.1:{port}"
        screen.say(f"  to look at while it runs: {url}/?refresh=5 (token for its buttons: {token})")
        yield url
