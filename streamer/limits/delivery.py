"""Brings limits to what is not asked but told: Redis, LiteLLM. What fails is made good, once, when it is back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import NamedTuple, Protocol

from streamer.errors import StreamerError
from streamer.limits.metrics import LimitMetrics
from streamer.limits.policy import Standing

logger = logging.getLogger(__name__)

BATCH = 500
PULSE_S = 1.0
RETRY_S = 1.0


class DeliveryError(StreamerError):
    """What is limited through cannot be reached, or refuses."""


class Reconciled(NamedTuple):
    """How many limits were missing or wrong, and how many were there that should not be."""

    set: int
    removed: int


class Delivery(Protocol):
    """Something that holds limits. Each method raises a `DeliveryError` if it is not certain to have worked."""

    @property
    def name(self) -> str:
        """What it is called in metrics."""

    async def reconcile(self, standings: Mapping[str, Standing]) -> Reconciled:
        """Make it hold these limits and no others of ours."""

    async def apply(self, changes: Mapping[str, Standing | None]) -> None:
        """Set or remove the limits of some accounts."""

    async def pulse(self) -> bool:
        """Say that limits are looked after; False if it has lost what it held."""

    async def reach(self) -> None:
        """See that it is there, and change nothing."""

    async def close(self) -> None:
        """Close the connection."""


class Courier:
    """Keeps one delivery at the limits in force: all of them at the start and after a failure, else what changed."""

    def __init__(self, delivery: Delivery, metrics: LimitMetrics) -> None:
        self._delivery = delivery
        self._metrics = metrics
        self._standings: Mapping[str, Standing] | None = None
        self._dirty: dict[str, None] = {}
        self._whole = False
        self._fresh = False
        self._wake = asyncio.Event()

    def begin(self, standings: Mapping[str, Standing]) -> None:
        """Look after these limits, which somebody else keeps up to date."""
        self._standings = standings
        self._whole, self._fresh = True, True
        self._wake.set()

    def end(self) -> None:
        """Somebody else looks after them now."""
        self._standings = None
        self._dirty.clear()

    def changed(self, accounts: Mapping[str, None]) -> None:
        """Bring what holds for these accounts now."""
        self._dirty |= accounts
        self._wake.set()

    def fresh(self) -> None:
        """The limits were just found to be what the topics say."""
        self._fresh = True

    async def run(self) -> None:
        """Work, for ever."""
        well = True
        try:
            while True:
                try:
                    if self._standings is not None:
                        await self._work(self._standings)
                        well = True
                except DeliveryError as error:
                    self._whole = True
                    self._metrics.delivered(self._delivery.name, well=False)
                    if well:
                        logger.warning("%s; limits will be made good there when it is back", error)
                    well = False
                    await asyncio.sleep(RETRY_S)
                await self._pause()
        finally:
            await self._delivery.close()

    async def _work(self, standings: Mapping[str, Standing]) -> None:
        name = self._delivery.name
        if self._whole:
            self._dirty.clear()
            put_right = await self._delivery.reconcile(dict(standings))
            self._whole = False
            self._metrics.delivered(name, well=True)
            self._metrics.reconciled.labels(name, "set").inc(put_right.set)
            self._metrics.reconciled.labels(name, "removed").inc(put_right.removed)
        while self._dirty:
            accounts = list(self._dirty)[:BATCH]
            for account in accounts:
                del self._dirty[account]
            await self._delivery.apply({account: standings.get(account) for account in accounts})
            self._metrics.delivered(name, well=True)
        self._metrics.pending.labels(name).set(len(self._dirty))
        if self._fresh:
            self._fresh = False
            if not await self._delivery.pulse():
                self._whole = True

    async def _pause(self) -> None:
        if not self._whole and not self._dirty:
            self._wake.clear()
        try:
            async with asyncio.timeout(PULSE_S):
                await self._wake.wait()
        except TimeoutError:
            return
