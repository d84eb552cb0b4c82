"""An Alertmanager that is away for an hour, by a clock that is moved by hand."""

from __future__ import annotations

import asyncio
import contextlib
import random
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client import CollectorRegistry

from streamer.notify.alertmanager import AlertmanagerSender, AlertmanagerSettings
from streamer.notify.backoff import LONGEST_S, Backoff
from streamer.notify.metrics import NotifyMetrics
from streamer.notify.reach import unreachable
from tests.notify.programs import Inbox
from tests.notify.records import alert
from tests.notify.test_notices import NOW_MS, Desk
from tests.patience import PATIENCE_S, meanwhile

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

HOUR_MS = 3_600_000


class Sending:
    """A sender to one or more inboxes, and a clock."""

    def __init__(self, *urls: str, token: str = "") -> None:
        self.now_ms = NOW_MS + 60_000
        self.desk = Desk()
        self.registry = CollectorRegistry()
        settings = AlertmanagerSettings(urls, 0.1, 300.0, 5.0, token)

        def backoff() -> Backoff:
            return Backoff(random.Random(1), 0.05, 0.1)

        metrics = NotifyMetrics(self.registry)
        self.sender = AlertmanagerSender(settings, self.desk.notices, metrics, lambda: self.now_ms, backoff)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.ensure_future(self.sender.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def failed(self) -> float:
        labels = {"target": "alertmanager", "outcome": "failed"}
        return self.registry.get_sample_value("streamer_notify_deliveries_total", labels) or 0.0


async def posted(inbox: Inbox, wanted: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
    """The next call that is as wanted, among the next hundred."""
    for _ in range(100):
        body: list[dict[str, Any]] = await asyncio.to_thread(inbox.next)
        if wanted(body):
            return body
    raise AssertionError("no such call")


def ends(body: dict[str, Any]) -> int:
    return round(datetime.fromisoformat(body["endsAt"]).timestamp() * 1000)


def test_an_hour_without_it_loses_nothing_and_what_it_took_is_not_repeated_for_ever() -> None:
    async def story(inbox: Inbox) -> None:
        sending = Sending(inbox.url)
        desk = sending.desk
        desk.take(alert("a-1"), alert("a-2"))
        async with sending.running():
            (first, second) = await posted(inbox, lambda body: len(body) == 2)
            assert {ends(first), ends(second)} == {sending.now_ms + 300_000}
            inbox.answer = 503
            await meanwhile(sending.failed, "a call fails")
            desk.take(alert("a-1", 2, status="resolved"), alert("a-3"))
            sending.now_ms += HOUR_MS
            before = sending.failed()
            await meanwhile(lambda: sending.failed() > before + 2, "more calls fail")
            inbox.answer = 200
            late = await posted(inbox, lambda body: len(body) == 3)
            over = {body["labels"]["alert_id"]: ends(body) <= sending.now_ms for body in late}
            assert over == {"a-1": True, "a-2": False, "a-3": False}
            # Said again for a quarter of an hour, should the first have been lost after all, and then no more.
            sending.now_ms += 10 * 60_000
            await posted(inbox, lambda body: len(body) == 3)
            sending.now_ms += 6 * 60_000
            rest = await posted(inbox, lambda body: len(body) == 2)
            assert {body["labels"]["alert_id"] for body in rest} == {"a-2", "a-3"}

    with Inbox() as inbox:
        asyncio.run(story(inbox))


def test_what_ended_a_day_ago_is_forgotten_even_if_nobody_took_it() -> None:
    desk = Desk()
    desk.take(alert("a-1"), alert("a-1", 2, status="resolved"))
    assert len(desk.notices.ended(NOW_MS + 23 * HOUR_MS)) == 1
    assert desk.notices.ended(NOW_MS + 25 * HOUR_MS) == []
    assert desk.notices.ended(NOW_MS) == [], "forgotten is forgotten"


def test_one_that_is_down_holds_up_no_other_and_the_token_is_sent() -> None:
    async def story(well: Inbox, down: str) -> None:
        sending = Sending(down, well.url, token="let-me-in")
        sending.desk.take(alert("a-1"))
        async with sending.running():
            headers, _ = await asyncio.to_thread(well.posts.get, timeout=PATIENCE_S)
            assert headers["authorization"] == "Bearer let-me-in"
            await meanwhile(sending.failed, "a call fails")
            assert sending.registry.get_sample_value("streamer_notify_failing", {"target": "alertmanager"}) == 1

    with Inbox() as gone:
        down = gone.url
    with Inbox() as well:
        asyncio.run(story(well, down))


def test_waits_double_up_to_a_minute_and_begin_anew_after_a_success() -> None:
    backoff = Backoff(random.Random(3))
    waits = [backoff.failed() for _ in range(10)]
    assert all(0.5 * 2**at <= wait <= 2**at for at, wait in enumerate(waits[:6]))
    assert all(LONGEST_S / 2 <= wait <= LONGEST_S for wait in waits[6:])
    backoff.succeeded()
    assert backoff.failed() <= 1.0


@pytest.mark.parametrize("listens", [True, False])
def test_who_does_not_answer_is_named(listens: bool) -> None:  # noqa: FBT001
    with Inbox() as inbox:
        if listens:
            found = asyncio.run(unreachable((), inbox.url, 5.0))
            assert found == []
    if not listens:
        found = asyncio.run(unreachable((inbox.url.rstrip("/"),), inbox.url, 5.0))
        assert [problem.where for problem in found] == ["alertmanager.urls", "webhook.url"]
