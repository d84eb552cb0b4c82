"""The status page knows the alerts of all workers: those before it began, and those after."""

from __future__ import annotations

import asyncio
import contextlib
import json

import pytest
from aiokafka import AIOKafkaProducer

from streamer.web.board import Board
from streamer.web.follow import follow_alerts
from tests.kafka_fixture import KafkaCluster


class Noticing(Board):
    """A board on which one can wait for an alert."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: asyncio.Queue[str] = asyncio.Queue()

    def alert(self, record: object) -> None:
        assert isinstance(record, dict)
        super().alert(record)
        self.seen.put_nowait(record["alert_id"])


@pytest.mark.kafka
def test_alerts_before_and_after_it_began(kafka: KafkaCluster) -> None:
    topic = kafka.unique("alerts")
    kafka.create({topic: 1})

    async def follow() -> list[str]:
        board = Noticing()
        producer = AIOKafkaProducer(bootstrap_servers=kafka.servers)
        await producer.start()
        following = None
        try:
            await producer.send_and_wait(topic, json.dumps({"alert_id": "a-1", "revision": 1}).encode())
            await producer.send_and_wait(topic, b"\xff not an alert")
            following = asyncio.create_task(follow_alerts(kafka.servers, topic, board))
            found = [await asyncio.wait_for(board.seen.get(), 60)]
            await producer.send_and_wait(topic, json.dumps({"alert_id": "a-2", "revision": 1}).encode())
            return [*found, await asyncio.wait_for(board.seen.get(), 60)]
        finally:
            await producer.stop()
            if following is not None:
                following.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await following

    assert asyncio.run(follow()) == ["a-1", "a-2"]
