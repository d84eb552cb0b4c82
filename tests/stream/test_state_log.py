from __future__ import annotations

import asyncio
import contextlib
import gc
import random
from typing import TYPE_CHECKING

import pytest
from aiokafka import AIOKafkaProducer

from streamer.stream.log_reader import LogReader
from streamer.stream.messages import Position, Stored
from streamer.stream.state_log import FencedError, Sections, StateError, StateLog, pack
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.kafka_fixture import KafkaCluster


def test_sections_put_together_the_newest_of_each() -> None:
    sections = Sections(Position("state", 0))
    large = random.Random(1).randbytes(2_000_000)
    messages = [*pack("a", 0, large), *pack("b", 0, b"old"), *pack("a", 1, b"small"), *pack("b", 2, large)]
    for offset, (key, value) in enumerate(messages):
        sections.add(Stored(offset, key, value))
    assert sections.unpacked() == {"a": b"small", "b": large}
    assert sections.newest == 2


def test_another_layout_and_a_missing_chunk_are_named() -> None:
    sections = Sections(Position("state", 3))
    with pytest.raises(StateError, match="state, partition 3: layout version 9 at offset 5"):
        sections.add(Stored(5, b"a/0", b"\x09" + bytes(30)))
    key, value = pack("a", 4, random.Random(1).randbytes(2_000_000))[0]
    sections.add(Stored(6, key, value))
    with pytest.raises(StateError, match="section 'a' of checkpoint 4 has 1 of 3 chunks"):
        sections.unpacked()


@contextlib.asynccontextmanager
async def opened(kafka: KafkaCluster, topic: str, owners: int) -> AsyncIterator[list[StateLog]]:
    reader = LogReader(kafka.servers, "read_committed")
    logs = [StateLog(kafka.servers, topic, Position(topic, 0), reader) for _ in range(owners)]
    try:
        yield logs
    finally:
        for each in (*logs,):
            await each.close()
        await reader.stop()


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Have what aiokafka never awaits of a fenced transaction reported here, and not within another test."""
    yield
    gc.collect()


@pytest.fixture
def topic(kafka: KafkaCluster) -> str:
    name = kafka.unique("state")
    kafka.create({name: 1}, {name: {"cleanup.policy": "compact"}})
    return name


@pytest.mark.kafka
def test_the_next_owner_finds_whole_checkpoints_and_the_last_can_write_no_more(kafka: KafkaCluster, topic: str) -> None:
    async def scenario() -> None:
        async with opened(kafka, topic, 3) as (first, second, third):
            assert (await first.claim()).sections == {}
            await first.write({"a": b"1", "b": b"1"})
            await first.write({"b": b"2"})
            restored = await second.claim()
            assert (restored.sequence, restored.sections) == (1, {"a": b"1", "b": b"2"})
            with pytest.raises(FencedError):
                await first.write({"a": b"zombie"})
            await second.write({"a": b"3"})
            assert (await third.claim()).sections == {"a": b"3", "b": b"2"}

    asyncio.run(scenario())


@pytest.mark.kafka
def test_a_checkpoint_half_written_when_its_worker_died_is_not_there(kafka: KafkaCluster, topic: str) -> None:
    async def scenario() -> None:
        async with opened(kafka, topic, 2) as (first, second):
            await first.claim()
            await first.write({"a": b"1"})
            await first.close()
            dying = AIOKafkaProducer(bootstrap_servers=kafka.servers, transactional_id=f"{topic}-{topic}-0")
            await dying.start()
            await dying.begin_transaction()
            key, value = pack("a", 1, b"half")[0]
            await dying.send_and_wait(topic, value, key=key, partition=0)
            restored = await asyncio.wait_for(second.claim(), PATIENCE_S)
            assert restored.sections == {"a": b"1"}
            await second.write({"a": b"2"})
            with contextlib.suppress(Exception):
                await dying.stop()

    asyncio.run(scenario())
