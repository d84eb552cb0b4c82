"""One process of all that serve keeps the audit and the deliveries; who that is, Kafka decides."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError

from streamer.limits.audit import AuditLog, Noted, entry_of_change, entry_of_feedback
from streamer.limits.delivery import Courier
from streamer.limits.ending import end
from streamer.limits.follow import Clocks, Source
from streamer.limits.gate import Change, LimitGate
from streamer.limits.intake import Intake, Read
from streamer.limits.metrics import LimitMetrics
from streamer.limits.reader import Poll, StartedAgainError

logger = logging.getLogger(__name__)

RETRY_S = 1.0
POLL_MS = 5_000


class Keeper:
    """Reads the topics once more, from where the audit ends, and tells audit and couriers what changes."""

    def __init__(
        self, source: Source, audit: AuditLog, couriers: Sequence[Courier], metrics: LimitMetrics, clocks: Clocks
    ) -> None:
        self._source = source
        self._audit = audit
        self._couriers = couriers
        self._metrics = metrics
        self._clocks = clocks
        self._well = True

    async def keep(self) -> None:
        """Hold the office until cancelled; what fails is begun anew from what is certain."""
        try:
            while True:
                try:
                    await self._term()
                except (KafkaError, StartedAgainError) as error:
                    self._metrics.delivered("audit", well=False)
                    if self._well:
                        logger.warning("the audit of limits is interrupted and will go on where it ended: %r", error)
                    self._well = False
                    await asyncio.sleep(RETRY_S)
        finally:
            self._metrics.keeper.set(0)
            for courier in self._couriers:
                courier.end()
            await self._audit.close()

    async def _term(self) -> None:
        noted = await self._audit.claim()
        self._well = True
        self._metrics.keeper.set(1)
        gate = LimitGate(self._source.policy)
        intake = Intake(gate, self._source.topics)
        waiting: list[Read] | None = []
        async for poll in self._source.reader.read():
            if waiting is None:
                await self._go_on(poll, gate, intake)
                continue
            waiting += poll.messages
            if poll.at_end:
                news = self._catch_up(waiting, noted, gate, intake)
                waiting = None
                for courier in self._couriers:
                    courier.begin(gate.standings)
                await self._go_on(poll._replace(messages=news), gate, intake)

    def _catch_up(self, messages: list[Read], noted: Noted, gate: LimitGate, intake: Intake) -> list[Read]:
        """Take in silently what is in the audit already; give the rest."""
        old: list[Read] = []
        news: list[Read] = []
        for message in messages:
            known = message.offset < noted.positions.get((message.topic, message.partition), 0)
            (old if known else news).append(message)
        intake.take(old, noted.at_ms)
        gate.start(noted.at_ms)
        return news

    async def _go_on(self, poll: Poll, gate: LimitGate, intake: Intake) -> None:
        now_ms = self._clocks.wall_ms()
        changes = gate.advance(now_ms) + intake.take(poll.messages, now_ms)
        accounts = dict.fromkeys(change.account_id for change in changes if change.standing is not None)
        for courier in self._couriers:
            courier.changed(accounts)
            if poll.at_end:
                courier.fresh()
        if changes or intake.said:
            await self._note(changes, intake, poll, now_ms)

    async def _note(self, changes: Sequence[Change], intake: Intake, poll: Poll, now_ms: int) -> None:
        entries = [entry_of_feedback(said, message, now_ms) for said, message in intake.said]
        entries += [entry_of_change(change, now_ms) for change in changes]
        await self._audit.write(entries, poll.positions, now_ms)
        self._metrics.delivered("audit", well=True)


class Election:
    """Lets one of all processes of a group work at a time: the one to which Kafka gives the partition of a topic."""

    def __init__(self, servers: str, group: str, topic: str, keeper: Keeper) -> None:
        self._servers = servers
        self._group = group
        self._topic = topic
        self._keeper = keeper
        self._working: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Stand for election, for ever."""
        try:
            while True:
                try:
                    await self._stand()
                except KafkaError as error:
                    logger.warning("no keeper of limits can be agreed on yet: %r", error)
                except Exception:
                    # Decisions go on without it.
                    logger.exception("the keeper of limits failed and begins anew")
                await self.stop()
                await asyncio.sleep(RETRY_S)
        finally:
            await self.stop()

    async def start(self) -> None:
        """Begin to work."""
        if self._working is None:
            self._working = asyncio.create_task(self._keeper.keep())

    async def stop(self) -> None:
        """Stop working, and return when that is done."""
        working, self._working = self._working, None
        if working is not None:
            await end(working)

    async def _stand(self) -> None:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._servers,
            client_id="streamer-limits-keeper",
            group_id=self._group,
            enable_auto_commit=False,
            session_timeout_ms=6_000,
            heartbeat_interval_ms=1_500,
        )
        consumer.subscribe([self._topic], listener=_Terms(self))
        try:
            await consumer.start()
            while self._working is None or not self._working.done():
                consumer.pause(*consumer.assignment())
                await consumer.getmany(timeout_ms=POLL_MS)
            await self._working
        finally:
            await consumer.stop()


class _Terms(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka ships no types
    def __init__(self, election: Election) -> None:
        self._election = election

    async def on_partitions_revoked(self, revoked: list[TopicPartition]) -> None:
        if revoked:
            await self._election.stop()

    async def on_partitions_assigned(self, assigned: list[TopicPartition]) -> None:
        if assigned:
            await self._election.start()
