"""Metrics and health, over real HTTP."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, Counter

from streamer.errors import StreamerError
from streamer.metrics import Metrics
from streamer.web.figures import figures_of
from streamer.web.server import build_web, serving


async def fetch(*paths: str, live: str | None = None, ready: str | None = None) -> list[tuple[int, str]]:
    registry = CollectorRegistry()
    Counter("streamer_things", "Things", registry=registry).inc(3)
    pages = build_web(registry, live=lambda: live, ready=lambda: ready)
    found = []
    async with serving(pages, "127.0.0.1", 0) as port, aiohttp.ClientSession() as session:
        for path in paths:
            async with session.get(f"http://127.0.0.1:{port}{path}") as answer:
                found.append((answer.status, await answer.text()))
    return found


def test_metrics_are_those_of_the_registry() -> None:
    ((status, text),) = asyncio.run(fetch("/metrics"))
    assert status == 200
    assert "streamer_things_total 3.0" in text


def test_live_and_ready_are_different_questions() -> None:
    assert asyncio.run(fetch("/live", "/ready")) == [(200, "ok\n"), (200, "ok\n")]
    found = asyncio.run(fetch("/live", "/ready", ready="restoring 2 partitions"))
    assert found == [(200, "ok\n"), (503, "restoring 2 partitions\n")]
    found = asyncio.run(fetch("/live", "/ready", live="stuck"))
    assert found == [(503, "stuck\n"), (200, "ok\n")]


def test_without_a_desk_there_are_no_pages() -> None:
    assert [status for status, _ in asyncio.run(fetch("/", "/login"))] == [404, 404]


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
        pages = [build_web(CollectorRegistry(), live=lambda: None, ready=lambda: None) for _ in range(2)]
        async with serving(pages[0], "127.0.0.1", 0) as port, serving(pages[1], "127.0.0.1", port):
            pass

    with pytest.raises(StreamerError, match=r"web\.port: found 127\.0\.0\.1:\d+, cannot listen there"):
        asyncio.run(twice())
