"""Posts notices to every Alertmanager of a cluster, each at its own pace: one that is down holds up no other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

import aiohttp

from streamer.notify.backoff import Backoff
from streamer.notify.metrics import NotifyMetrics
from streamer.notify.notices import RESEND_ENDED_MS, Labels, Notices, calls

logger = logging.getLogger(__name__)
SETTLE_S = 0.3
PATH = "/api/v2/alerts"
BAD_REQUEST = 400
TARGET = "alertmanager"


@dataclass(frozen=True, slots=True)
class AlertmanagerSettings:
    """Where to post and how often."""

    urls: tuple[str, ...]
    resend_interval_s: float
    ends_after_s: float
    timeout_s: float
    token: str = ""


@dataclass(slots=True)
class Receiver:
    """One Alertmanager: what has to reach it still, and how it went so far."""

    url: str
    backoff: Backoff
    told: dict[tuple[Labels, int | None], int] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    is_failing: bool = False


class AlertmanagerSender:
    """Sends the state, not changes: what fires is posted again and again, what ended until it was taken.

    So nothing is lost while an Alertmanager is away, and nothing doubled when it is back: the same label set is the
    same alert to it.
    """

    def __init__(
        self,
        settings: AlertmanagerSettings,
        notices: Notices,
        metrics: NotifyMetrics,
        clock_ms: Callable[[], int],
        backoff: Callable[[], Backoff],
    ) -> None:
        self._settings = settings
        self._notices = notices
        self._metrics = metrics
        self._clock_ms = clock_ms
        self._receivers = [Receiver(url.rstrip("/"), backoff()) for url in settings.urls]

    def wake(self) -> None:
        """Something changed: post soon."""
        for receiver in self._receivers:
            receiver.changed.set()

    async def run(self) -> None:
        """Post until cancelled."""
        headers = {"Authorization": f"Bearer {self._settings.token}"} if self._settings.token else {}
        timeout = aiohttp.ClientTimeout(total=self._settings.timeout_s)
        async with aiohttp.ClientSession(timeout=timeout, headers=headers) as session, asyncio.TaskGroup() as group:
            for receiver in self._receivers:
                group.create_task(self._serve(session, receiver))

    async def _serve(self, session: aiohttp.ClientSession, receiver: Receiver) -> None:
        while True:
            receiver.changed.clear()
            if await self._post_all(session, receiver):
                receiver.backoff.succeeded()
                wait_s = self._settings.resend_interval_s
            else:
                wait_s = receiver.backoff.failed()
            await self._wait(receiver, wait_s)

    async def _wait(self, receiver: Receiver, wait_s: float) -> None:
        if receiver.is_failing:
            await asyncio.sleep(wait_s)  # news do not make a dead receiver answer sooner
            return
        try:
            await asyncio.wait_for(receiver.changed.wait(), wait_s)
        except TimeoutError:
            return
        await asyncio.sleep(SETTLE_S)  # a cluster and its members are written one after the other

    async def _post_all(self, session: aiohttp.ClientSession, receiver: Receiver) -> bool:
        now_ms = self._clock_ms()
        ended = self._notices.ended(now_ms)
        due = [notice for notice in ended if receiver.told.get(notice.ending, now_ms) > now_ms - RESEND_ENDED_MS]
        well = True
        for body in calls(self._notices.firing(), due, now_ms, round(self._settings.ends_after_s * 1000)):
            well = await self._post(session, receiver, body) and well
        if well:
            told = {notice.ending: now_ms for notice in due} | receiver.told
            receiver.told = {notice.ending: told[notice.ending] for notice in ended}
        self._note(receiver, well=well)
        return well

    async def _post(self, session: aiohttp.ClientSession, receiver: Receiver, body: list[dict[str, object]]) -> bool:
        try:
            async with session.post(receiver.url + PATH, json=body) as answer:
                if answer.status < BAD_REQUEST:
                    self._metrics.delivered(TARGET, self._clock_ms() / 1000)
                    return True
                refused = answer.status < BAD_REQUEST + 100
                reason = f"status {answer.status}: {(await answer.text())[:300]}"
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            refused, reason = False, f"{type(error).__name__}: {error}"
        self._metrics.undelivered(TARGET, refused=refused)
        if refused or not receiver.is_failing:
            logger.warning("%s does not take alerts (%s); trying again", receiver.url, reason)
        return False

    def _note(self, receiver: Receiver, *, well: bool) -> None:
        if receiver.is_failing and well:
            logger.warning("%s takes alerts again", receiver.url)
        receiver.is_failing = not well
        self._metrics.failing.labels(TARGET).set(sum(each.is_failing for each in self._receivers))
