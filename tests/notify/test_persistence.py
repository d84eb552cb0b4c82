"""A Kafka that is away is waited for; a defect is not hidden behind that."""

from __future__ import annotations

import asyncio
import random

import pytest
from aiokafka.errors import KafkaConnectionError, NodeNotReadyError
from prometheus_client import CollectorRegistry

from streamer.config import KafkaConfig, StreamerConfig
from streamer.notify.backoff import Backoff
from streamer.notify.notifier import persistent
from streamer.wiring.demonstration import free_port
from streamer.wiring.notify import notifiers


def test_kafka_is_tried_again_however_its_failure_comes() -> None:
    left: list[BaseException] = [
        KafkaConnectionError(),
        ExceptionGroup("tasks", [NodeNotReadyError(), ExceptionGroup("more", [KafkaConnectionError()])]),
    ]

    async def attempt() -> None:
        if left:
            raise left.pop()

    asyncio.run(persistent(attempt, Backoff(random.Random(1), 0.001, 0.001), "it"))
    assert left == []


def test_a_defect_ends_it() -> None:
    async def attempt() -> None:
        raise ExceptionGroup("tasks", [KafkaConnectionError(), ValueError("a defect")])

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(persistent(attempt, Backoff(random.Random(1), 0.001, 0.001), "it"))
    assert caught.group_contains(ValueError)
    assert not caught.group_contains(KafkaConnectionError)


@pytest.mark.filterwarnings("ignore:.*:ResourceWarning")
def test_without_a_kafka_everything_waits_and_stops_when_told() -> None:
    registry = CollectorRegistry()
    config = StreamerConfig(kafka=KafkaConfig(bootstrap_servers=f"127.0.0.1:{free_port()}"))
    works = notifiers(config, registry)

    async def run() -> None:
        tasks = [asyncio.ensure_future(each()) for each in works.runs]
        done, _ = await asyncio.wait(tasks, timeout=0.5)
        assert not done
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(run())
    assert not works.is_current()
    assert registry.get_sample_value("streamer_alerts_firing", {"kind": "cluster", "severity": "critical"}) == 0
