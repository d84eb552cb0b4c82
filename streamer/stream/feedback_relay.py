"""Brings what people said to the stage that decides, by its own topic: so it is state like everything else."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import msgspec
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from streamer.detection.evidence import LeadReport, Saying
from streamer.sinks.feedback import Feedback
from streamer.stream.codec import pack_reports
from streamer.stream.messages import Outgoing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streamer.stream.sender import KafkaSender

OPINIONS = frozenset({"confirm", "dismiss"})
NOBODY = -1
POLL_MS = 1000
AGAIN_S = 5.0
_log = logging.getLogger(__name__)


def sayings_of(messages: Iterable[bytes | None]) -> list[Saying]:
    """Give the verdicts about alerts among feedback records; what is not readable, or about limits, is passed over."""
    found = []
    for value in messages:
        try:
            said = msgspec.json.decode(value or b"", type=Feedback)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            _log.warning("a feedback record cannot be read (%s); it is passed over", error)
            continue
        if said.action in OPINIONS and said.alert_id:
            found.append(Saying(said.feedback_id, said.action, said.alert_id, said.author, said.reason))
    return found


def as_messages(sayings: list[Saying], suspects_topic: str) -> list[Outgoing]:
    """Give the messages that carry sayings: reports of no partition and no window."""
    report = LeadReport(NOBODY, NOBODY, last=False, sayings=sayings)
    return [Outgoing(suspects_topic, None, value, 0) for value in pack_reports([report])]


async def relay_feedback(
    bootstrap_servers: str, group: str, feedback_topic: str, suspects_topic: str, sender: KafkaSender
) -> None:
    """Relay until cancelled. One worker of all does; what is sent twice after a crash counts once, by its id."""
    while True:
        consumer = AIOKafkaConsumer(
            feedback_topic,
            bootstrap_servers=bootstrap_servers,
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        try:
            await consumer.start()
            while True:
                fetched = await consumer.getmany(timeout_ms=POLL_MS)
                sayings = sayings_of(record.value for records in fetched.values() for record in records)
                if sayings:
                    await sender.send(as_messages(sayings, suspects_topic))
                if fetched:
                    await consumer.commit()
        except KafkaError as error:
            _log.warning("feedback cannot be read now (%s); trying again in %.0f s", error, AGAIN_S)
        finally:
            await consumer.stop()
        await asyncio.sleep(AGAIN_S)
