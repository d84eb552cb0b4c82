"""The component beside the workers: follows the topics, and while it has the lead, tells Alertmanager."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from aiokafka.errors import KafkaError

from streamer.notify.alertmanager import AlertmanagerSender
from streamer.notify.backoff import Backoff
from streamer.notify.follow import Follower
from streamer.notify.lead import Lead
from streamer.notify.metrics import NotifyMetrics

logger = logging.getLogger(__name__)


class Notifier:
    """Follows for the gauges on every worker; on the one that has the lead it also sends."""

    def __init__(
        self, follower: Follower, sender: AlertmanagerSender | None, lead: Lead, metrics: NotifyMetrics
    ) -> None:
        self._follower = follower
        self._sender = sender
        self._lead = lead
        self._metrics = metrics
        self.is_current = False

    async def run(self) -> None:
        """Work until cancelled; a Kafka that fails raises."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follower.run())
            group.create_task(self._become_current())
            if self._sender is not None:
                group.create_task(self._lead.run(self._send))

    async def _become_current(self) -> None:
        await self._follower.catch_up()
        self.is_current = True

    async def _send(self) -> None:
        if self._sender is None:
            return
        # Another may have spoken until now: read all that it knew first.
        await self._follower.catch_up()
        self._metrics.leads.set(1)
        try:
            await self._sender.run()
        finally:
            self._metrics.leads.set(0)


async def persistent(attempt: Callable[[], Awaitable[None]], backoff: Backoff, name: str) -> None:
    """Try again whenever Kafka fails, until cancelled; anything else is a defect and is raised.

    What was read stays known, and reading it again changes nothing.
    """
    while True:
        failed: BaseExceptionGroup[KafkaError] | None = None
        try:
            await attempt()
        except* KafkaError as group:
            failed = group
        if failed is None:
            return
        wait_s = backoff.failed()
        reasons = ", ".join(sorted({type(error).__name__ for error in failed.exceptions}))
        logger.warning("%s lost Kafka (%s); again in %.0f s", name, reasons, wait_s)
        await asyncio.sleep(wait_s)
