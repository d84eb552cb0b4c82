"""Builds the Faust application: one agent for each stage, and what keeps their partitions."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import faust
from faust.types import TP

from streamer.stream.driver import PartitionDriver
from streamer.stream.log_reader import LogReader
from streamer.stream.messages import Position
from streamer.stream.partitions import Partitions
from streamer.stream.ports import Intervals, Ports
from streamer.stream.sender import KafkaSender
from streamer.stream.state_log import StateLog
from streamer.stream.transport import FetchTransport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from streamer.metrics import Metrics
    from streamer.stream.settings import StreamSettings
    from streamer.stream.tasks import Task

logger = logging.getLogger(__name__)
TICK_S = 0.5
COMMIT_TIMEOUT_S = 30.0
UNUSED_PORT = 6066  # Faust insists on a port even when it serves nothing


@dataclass(frozen=True, slots=True)
class StageSpec:
    """One stage on Kafka: where it reads, where its state lies, and how the object on one partition is made."""

    name: str
    source_topic: str
    state_topic: str
    build: Callable[[int], Task]
    intervals: Intervals


class Runtime:
    """What the agents of one worker share: the partitions held, and their ways to Kafka."""

    def __init__(
        self,
        app: faust.App,
        settings: StreamSettings,
        specs: Sequence[StageSpec],
        metrics: Metrics,
        clock: Callable[[], float],
    ) -> None:
        self.metrics = metrics
        self.ticked_at = clock()
        self.partitions = Partitions(self._build_driver, app.crash)
        self._app = app
        self._settings = settings
        self._specs = {spec.source_topic: spec for spec in specs}
        self._clock = clock
        self._sender = KafkaSender(settings.bootstrap_servers)
        self._source = LogReader(settings.bootstrap_servers, "read_uncommitted")
        self._states = LogReader(settings.bootstrap_servers, "read_committed")

    def assigned(self, assigned: Iterable[TP]) -> None:
        """Take over the partitions of our topics."""
        self.partitions.assign(self._positions(assigned))

    async def revoked(self, revoked: Iterable[TP]) -> None:
        """Let go of the partitions of our topics."""
        await self.partitions.revoke(self._positions(revoked))

    async def take(self, event: Any) -> None:  # noqa: ANN401 - Faust ships no types
        """Hand what one of Faust's events carries to its partition: the records of a fetch."""
        message = event.message
        await self.partitions.take(Position(message.topic, message.partition), message.value)

    async def tick(self) -> None:
        """Let every partition do what time alone brings, and look how far behind it is."""
        await self.partitions.tick()
        self.ticked_at = self._clock()
        for driver in self.partitions:
            driver.measure(self._app.consumer.highwater(TP(*driver.position)))

    async def stop(self) -> None:
        """Write a last checkpoint of everything and close all connections."""
        await self.partitions.close()
        for connection in (self._sender, self._source, self._states):
            await connection.stop()

    def _positions(self, found: Iterable[TP]) -> list[Position]:
        return [Position(each.topic, each.partition) for each in sorted(found) if each.topic in self._specs]

    def _build_driver(self, position: Position) -> PartitionDriver:
        spec = self._specs[position.topic]
        state = Position(spec.state_topic, position.partition)
        log = StateLog(self._settings.bootstrap_servers, self._settings.application, state, self._states)
        ports = Ports(self._sender, self._source, self._commit, self._clock)
        metrics = self.metrics.partition(spec.name, position.partition)
        return PartitionDriver(position, spec.build(position.partition), log, ports, spec.intervals, metrics)

    async def _commit(self, position: Position, next_offset: int) -> None:
        # Only spares a restart some reading: the state itself knows its offset. So it may be left out, and Faust's
        # acknowledgements, which cost per message and stall at gaps, are not used.
        consumer = self._app.consumer
        if self._app.rebalancing or TP(*position) not in consumer.assignment():
            return
        try:
            await asyncio.wait_for(consumer._commit_offsets({TP(*position): next_offset}), COMMIT_TIMEOUT_S)  # noqa: SLF001
        except TimeoutError:
            logger.warning("committing offset %d of %s took more than %.0f s", next_offset, position, COMMIT_TIMEOUT_S)


def build_app(
    settings: StreamSettings, specs: Sequence[StageSpec], metrics: Metrics, clock: Callable[[], float]
) -> faust.App:
    """Make the application of one worker; nothing runs until a `faust.Worker` starts it.

    `clock` tells wall time in seconds, for idleness and the pace of checkpoints only.
    """
    app = faust.App(
        settings.application,
        broker=settings.faust_broker,
        autodiscover=False,
        store="memory://",
        topic_disable_leader=True,
        topic_allow_declare=False,
        value_serializer="raw",
        key_serializer="raw",
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=settings.max_fetch_bytes,
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=settings.session_timeout_s / 3,
        broker_max_poll_records=settings.max_poll_messages,
        stream_buffer_maxsize=settings.buffered_fetches,
        stream_wait_empty=False,
        web_enabled=settings.web_port is not None,
        web_port=settings.web_port or UNUSED_PORT,
        web_bind=settings.web_host,
        worker_redirect_stdouts=False,
    )
    app.transport = FetchTransport(app.conf.broker_consumer, app)
    app._create_directories = lambda: None  # noqa: SLF001 - they are for tables, and there are none
    runtime = Runtime(app, settings, specs, metrics, clock)
    app.runtime = runtime
    for spec in specs:
        _add_agent(app, spec, runtime)
    _connect(app, runtime)
    return app


def _add_agent(app: faust.App, spec: StageSpec, runtime: Runtime) -> None:
    # Without acknowledgements Faust also keeps no record of offsets it did not see.
    topic = app.topic(spec.source_topic, key_serializer="raw", value_serializer="raw", internal=False, acks=False)

    async def agent(stream: Any) -> None:  # noqa: ANN401 - Faust ships no types
        try:
            async for event in stream.noack().events():
                await runtime.take(event)
        except Exception as error:
            logger.exception("the %s stage failed", spec.name)
            await app.crash(error)  # Faust would start the agent again behind the message that broke it
            raise

    app.agent(topic, name=f"streamer.{spec.name}")(agent)


def _connect(app: faust.App, runtime: Runtime) -> None:
    async def assigned(_app: faust.App, partitions: set[TP], **_: object) -> None:
        runtime.assigned(partitions)

    async def revoked(_app: faust.App, partitions: set[TP], **_: object) -> None:
        await runtime.revoked(partitions)

    async def shutdown(_app: faust.App, **_: object) -> None:
        await runtime.stop()

    async def keep_time() -> None:
        while not app.should_stop:
            await runtime.tick()
            await app.sleep(TICK_S)

    app.on_partitions_assigned.connect(assigned, weak=False)
    app.on_partitions_revoked.connect(revoked, weak=False)
    app.on_before_shutdown.connect(shutdown, weak=False)
    app.task(keep_time)
