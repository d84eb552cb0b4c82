"""Pages and health, over real HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, Counter

from streamer.errors import StreamerError
from streamer.metrics import Metrics
from streamer.web.board import Board
from streamer.web.figures import figures_of
from streamer.web.server import build_web, serving


def alert(alert_id: str = "a-1", revision: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "alert_id": alert_id,
        "revision": revision,
        "severity": "critical",
        "status": "firing",
        "summary": "60 accounts look driven by one hand",
        "account_count": 60,
        "detected_at": "2026-03-04T07:10:00.000Z",
        "evidence": [{"family": "evenness", "statement": "used alike"}],
        **more,
    }


async def fetch(board: Board, *paths: str, live: str | None = None, ready: str | None = None) -> list[tuple[int, str]]:
    registry = CollectorRegistry()
    Counter("streamer_things", "Things", registry=registry).inc(3)
    pages = build_web(registry, board, live=lambda: live, ready=lambda: ready, title="my <streamer>")
    found = []
    async with serving(pages, "127.0.0.1", 0) as port, aiohttp.ClientSession() as session:
        for path in paths:
            async with session.get(f"http://127.0.0.1:{port}{path}") as answer:
                found.append((answer.status, await answer.text()))
    return found


def test_metrics_are_those_of_the_registry() -> None:
    ((status, text),) = asyncio.run(fetch(Board(), "/metrics"))
    assert status == 200
    assert "streamer_things_total 3.0" in text


def test_live_and_ready_are_different_questions() -> None:
    assert asyncio.run(fetch(Board(), "/live", "/ready")) == [(200, "ok\n"), (200, "ok\n")]
    found = asyncio.run(fetch(Board(), "/live", "/ready", ready="restoring 2 partitions"))
    assert found == [(200, "ok\n"), (503, "restoring 2 partitions\n")]
    found = asyncio.run(fetch(Board(), "/live", "/ready", live="stuck"))
    assert found == [(503, "stuck\n"), (200, "ok\n")]


def test_the_page_shows_alerts_and_figures_and_escapes_what_others_wrote() -> None:
    board = Board()
    board.figure("lag", "1,234")
    board.alert(alert(summary="<script>alert(1)</script>"))
    ((status, text),) = asyncio.run(fetch(board, "/"))
    assert status == 200
    assert "1,234" in text
    assert "used alike" in text
    assert "<script>" not in text
    assert "my &lt;streamer&gt;" in text


def test_the_page_sums_up_the_metrics() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.count_requests({"used": 1200, "late": 3})
    for partition in ("0", "1"):
        metrics.accounts.labels(partition).set(10)
    figures = figures_of(registry)
    assert (figures["requests used"], figures["late"], figures["accounts held"]) == ("1,200", "3", "20")


def test_a_port_that_is_taken_is_named() -> None:
    async def twice() -> None:
        pages = [build_web(CollectorRegistry(), Board(), live=lambda: None, ready=lambda: None) for _ in range(2)]
        async with serving(pages[0], "127.0.0.1", 0) as port, serving(pages[1], "127.0.0.1", port):
            pass

    with pytest.raises(StreamerError, match=r"web\.port: found 127\.0\.0\.1:\d+, cannot listen there"):
        asyncio.run(twice())


def test_a_board_keeps_the_latest_revision_of_the_latest_alerts() -> None:
    board = Board(max_alerts=2)
    for record in (alert("a-1", 2), alert("a-1", 1), alert("a-2"), alert("a-3"), alert("a-2", 2)):
        board.alert(record)
    assert [(each["alert_id"], each["revision"]) for each in board.alerts] == [("a-2", 2), ("a-3", 1)]
