"""Keeps decisions in step with the topics, and lets everybody pass when that is not possible."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass

from streamer.limits.decision import STALE, STARTING, SWITCHED_OFF, Decider
from streamer.limits.gate import LimitGate
from streamer.limits.intake import Intake, LimitTopics
from streamer.limits.metrics import LimitMetrics
from streamer.limits.policy import LimitPolicy
from streamer.limits.reader import Poll, StartedAgainError, TopicReader
from streamer.limits.share import TrafficShare

logger = logging.getLogger(__name__)

TICK_S = 0.5
RETRY_S = 1.0
FORGET_EVERY_TICKS = 120


@dataclass(frozen=True, slots=True)
class Clocks:
    """A steady clock in seconds, and the wall clock in milliseconds."""

    steady_s: Callable[[], float]
    wall_ms: Callable[[], int]


@dataclass(frozen=True, slots=True)
class Source:
    """Where limits come from, and by what policy they are judged."""

    reader: TopicReader
    topics: LimitTopics
    policy: LimitPolicy


class Follower:
    """Reads the topics into a gate of its own, by which `decider` decides."""

    def __init__(
        self,
        source: Source,
        decider: Decider,
        share: TrafficShare,
        metrics: LimitMetrics,
        clocks: Clocks,
        stale_after_s: float,
    ) -> None:
        self._source = source
        self._decider = decider
        self._share = share
        self._metrics = metrics
        self._clocks = clocks
        self._stale_after_s = stale_after_s
        self._gate = LimitGate(source.policy)
        self._started = False
        self._at_end_at = -math.inf
        self._newest_ms: int | None = None
        self._ticked_at = clocks.steady_s()

    def live_problem(self) -> str | None:
        """Say why this process does not get on, None when it does."""
        quiet_s = self._clocks.steady_s() - self._ticked_at
        return f"nothing was looked after for {quiet_s:.0f} s" if quiet_s > self._stale_after_s else None

    def ready_problem(self) -> str | None:
        """Say why limits are not looked at yet, None when they are."""
        return None if self._started else "reading the topics of the limits"

    async def follow(self) -> None:
        """Read, for ever."""
        while True:
            self._gate, self._started = LimitGate(self._source.policy), False
            self._judge_openness()
            intake = Intake(self._gate, self._source.topics)
            try:
                async for poll in self._source.reader.read():
                    self._take(poll, intake)
            except StartedAgainError:
                logger.warning("the topics of the limits begin anew, and so does reading them")
            except Exception:
                logger.exception("the limits cannot be followed: everybody passes, and reading begins anew")
                await asyncio.sleep(RETRY_S)

    async def keep_time(self) -> None:
        """Let time pass, for ever."""
        ticks = 0
        while True:
            self._tick()
            ticks += 1
            if ticks % FORGET_EVERY_TICKS == 0:
                self._decider.forget_free()
            await asyncio.sleep(TICK_S)

    def _take(self, poll: Poll, intake: Intake) -> None:
        now_ms = self._clocks.wall_ms()
        changes = intake.take(poll.messages, now_ms)
        if poll.messages:
            self._newest_ms = max(message.written_at for message in poll.messages)
        if poll.at_end:
            self._at_end_at = self._clocks.steady_s()
            if not self._started:
                self._gate.start(now_ms)
                self._decider.follow(self._gate.standings)
                self._started = True
                self._metrics.changed([], self._gate.standings)
        if changes:
            self._metrics.changed(changes, self._gate.standings)
        self._judge_openness()

    def _tick(self) -> None:
        self._ticked_at = self._clocks.steady_s()
        changes = self._gate.advance(self._clocks.wall_ms()) if self._started else []
        if changes:
            self._metrics.changed(changes, self._gate.standings)
        self._decider.tick()
        self._judge_openness()
        metrics = self._metrics
        metrics.share.set(self._share.ratio)
        metrics.contact_age.set(self._ticked_at - self._at_end_at)
        if self._newest_ms is not None:
            metrics.record_age.set(max(0.0, (self._clocks.wall_ms() - self._newest_ms) / 1000))

    def _judge_openness(self) -> None:
        quiet_s = self._clocks.steady_s() - self._at_end_at
        reason = (
            STARTING
            if not self._started
            else STALE
            if quiet_s > self._stale_after_s
            else SWITCHED_OFF
            if self._gate.stopped
            else None
        )
        self._decider.open_reason = reason
        self._metrics.open.set(reason is not None)
        self._metrics.stopped.set(self._gate.stopped)
