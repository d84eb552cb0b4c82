"""Keeps a board up to date with the alerts of all workers, whoever sent them."""

from __future__ import annotations

import json
import logging

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from streamer.web.board import Board

logger = logging.getLogger(__name__)
RECENT = 300


async def follow_alerts(servers: str, topic: str, board: Board) -> None:
    """Read the latest alerts and then every new one, until cancelled. A Kafka that fails ends the reading, no more."""
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=servers, client_id="streamer-page", group_id=None, auto_offset_reset="earliest"
    )
    try:
        await consumer.start()
        await _seek_recent(consumer)
        async for message in consumer:
            if message.value is not None:
                _take(message.value, board)
    except KafkaError as error:
        logger.warning("the status page no longer follows %s (%s)", topic, type(error).__name__)
    finally:
        await consumer.stop()


async def _seek_recent(consumer: AIOKafkaConsumer) -> None:
    partitions = consumer.assignment()
    first, end = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
    for partition in partitions:
        consumer.seek(partition, max(first[partition], end[partition] - RECENT))


def _take(value: bytes, board: Board) -> None:
    try:
        board.alert(json.loads(value))
    except (ValueError, KeyError, TypeError) as error:
        logger.warning("not an alert: %s", error)
