"""Takes every revision of every alert to a receiver, in order, at least once, however long it is away."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import CommitFailedError, IllegalStateError

from streamer.notify.backoff import Backoff
from streamer.notify.metrics import NotifyMetrics
from streamer.notify.records import AlertRecord, read

logger = logging.getLogger(__name__)
POLL_MS = 500

Outcome = Literal["ok", "failed", "refused"]
Deliver = Callable[[bytes, AlertRecord], Awaitable[Outcome]]
"""Hands a record over, as it came and as it was understood; `refused` is for one that will never be taken."""


class _Moved(Exception):  # noqa: N818 - no error: another worker may have the partition now
    """The group was rearranged while a record waited."""


class Delivery:
    """One receiver. A consumer group of its own makes one of all workers deliver, and keeps how far it came."""

    def __init__(
        self,
        target: str,
        place: tuple[str, str, str],
        deliver: Deliver,
        metrics: NotifyMetrics,
        backoff: Backoff,
        clock_s: Callable[[], float],
    ) -> None:
        """`place` is the servers, the topic of alerts and the group."""
        self._target = target
        self._servers, self._topic, self._group = place
        self._deliver = deliver
        self._metrics = metrics
        self._backoff = backoff
        self._clock_s = clock_s

    async def run(self) -> None:
        """Deliver until cancelled; a Kafka that fails raises."""
        while True:
            consumer = AIOKafkaConsumer(
                self._topic,
                bootstrap_servers=self._servers,
                client_id=f"streamer-{self._target}",
                group_id=self._group,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
            )
            try:
                await consumer.start()
                await self._consume(consumer)
            except (_Moved, CommitFailedError, IllegalStateError):
                logger.info("the group of %s was rearranged; going on from what it noted", self._target)
            finally:
                await consumer.stop()

    async def _consume(self, consumer: AIOKafkaConsumer) -> None:
        while True:
            found = await consumer.getmany(timeout_ms=POLL_MS)
            for partition, messages in found.items():
                for message in messages:
                    outcome = await self._bring(consumer, partition, message)
                    await consumer.commit({partition: message.offset + 1})
                    self._note(outcome)

    async def _bring(self, consumer: AIOKafkaConsumer, partition: Any, message: Any) -> Outcome:  # noqa: ANN401
        record = read(message.value, AlertRecord) if message.value is not None else None
        if record is None:
            logger.warning("offset %d of %s holds no alert", message.offset, self._topic)
            return "refused"
        while (outcome := await self._deliver(message.value, record)) == "failed":
            self._metrics.undelivered(self._target)
            self._metrics.failing.labels(self._target).set(1)
            await self._wait(consumer, partition)
        return outcome

    def _note(self, outcome: Outcome) -> None:
        self._backoff.succeeded()
        self._metrics.failing.labels(self._target).set(0)
        if outcome == "ok":
            self._metrics.delivered(self._target, self._clock_s())
        else:
            self._metrics.undelivered(self._target, refused=True)

    async def _wait(self, consumer: AIOKafkaConsumer, partition: Any) -> None:  # noqa: ANN401
        """Wait as a member of the group that is alive: who does not ask for messages is taken for dead."""
        consumer.pause(*consumer.assignment())
        found = await consumer.getmany(timeout_ms=round(self._backoff.failed() * 1000))
        if found or partition not in consumer.assignment():
            raise _Moved
        consumer.resume(*consumer.assignment())
