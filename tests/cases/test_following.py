"""Cases follow the topics of a running system: what was there before they began, and what comes after."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

import msgspec
import pytest
from aiokafka import AIOKafkaProducer

from streamer.cases.following import CaseTopics, follow, read_once
from streamer.cases.records import MemberRecord
from streamer.cases.store import CaseStore
from streamer.errors import BrokerError
from tests.cases.made_up import ALERT_ID, CLUSTER_ID, alert, limit, said
from tests.kafka_fixture import KafkaCluster
from tests.patience import PATIENCE_S, meanwhile

pytestmark = pytest.mark.kafka


@pytest.fixture
def topics(kafka: KafkaCluster) -> CaseTopics:
    names = CaseTopics(*(kafka.unique(name) for name in CaseTopics._fields))
    kafka.create(dict.fromkeys(names, 1))
    return names


@contextlib.asynccontextmanager
async def following(servers: str, topics: CaseTopics, store: CaseStore) -> AsyncIterator[None]:
    ready = asyncio.Event()
    task = asyncio.create_task(follow(servers, topics, store, ready.set))
    try:
        await asyncio.wait_for(ready.wait(), PATIENCE_S)
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def test_what_was_there_and_what_comes(
    kafka: KafkaCluster, topics: CaseTopics, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> CaseStore:
        producer = AIOKafkaProducer(bootstrap_servers=kafka.servers)
        await producer.start()
        store = CaseStore()
        try:
            for topic, key, value in (
                (topics.alerts, "a", msgspec.json.encode(alert())),
                (topics.alerts, "a", b"\xff not an alert"),
                (topics.members, "acct_1", msgspec.json.encode(MemberRecord("acct_1", CLUSTER_ID))),
                (topics.limits, "acct_1", msgspec.json.encode(limit("acct_1"))),
                (topics.limits, "acct_1", None),
                (topics.feedback, ALERT_ID, msgspec.json.encode(said("confirm"))),
            ):
                await producer.send_and_wait(topic, value, key=key.encode())
            async with following(kafka.servers, topics, store):
                assert store.case(ALERT_ID) is not None
                await producer.send_and_wait(topics.alerts, msgspec.json.encode(alert("a-later")))
                await meanwhile(lambda: store.case("a-later"), "the later one comes")
        finally:
            await producer.stop()
        return store

    with caplog.at_level(logging.WARNING):
        store = asyncio.run(run())
    case = store.case(ALERT_ID)
    assert case is not None
    assert [member.account_id for member in case.members] == ["acct_1"]
    assert case.limits["acct_1"].state == "lifted"
    assert case.verdict == "confirmed"
    assert f"{topics.alerts} holds what is no record of ours" in caplog.text


def test_what_fails_is_tried_again(kafka: KafkaCluster, caplog: pytest.LogCaptureFixture) -> None:
    topics = CaseTopics(*(kafka.unique(name) for name in CaseTopics._fields))
    kafka.create(dict.fromkeys(topics[:3], 1))

    async def run() -> None:
        ready = asyncio.Event()
        task = asyncio.create_task(follow(kafka.servers, topics, CaseStore(), ready.set, again_s=0.2))
        try:
            await meanwhile(lambda: caplog.records, "it says what fails")
            assert not ready.is_set()
            await asyncio.to_thread(kafka.create, {topics.feedback: 1})
            await asyncio.wait_for(ready.wait(), PATIENCE_S)
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    with caplog.at_level(logging.WARNING, logger="streamer.cases.following"):
        asyncio.run(run())
    assert f"no topic {topics.feedback}" in caplog.text


def test_read_once_ends_and_names_a_topic_that_is_missing(kafka: KafkaCluster, topics: CaseTopics) -> None:
    store = CaseStore()
    asyncio.run(read_once(kafka.servers, topics, store))
    assert len(store) == 0
    with pytest.raises(BrokerError, match=r"no topic not-there; make it with `streamer topics`"):
        asyncio.run(read_once(kafka.servers, topics._replace(members="not-there"), store))
