from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from streamer.errors import BrokerError
from streamer.sources.batch import Batch, Reject
from streamer.sources.decode import Decoder
from streamer.sources.event import RequestEvent
from streamer.stream.pace import Pace, Speed
from streamer.stream.packing import Packer, partition_of
from streamer.stream.produce import Produced, TopicWriter, partition_count, topic_producer
from tests.stream_tools.reading import everything

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.kafka_fixture import KafkaCluster

NOW_MS = 1_793_000_000_000
EVENTS = [
    RequestEvent(event_id=f"ev-{at}", timestamp=NOW_MS + at, account_id=f"acct-{at % 50}", model="large-1")
    for at in range(5000)
]


def write(
    kafka: KafkaCluster,
    topic: str,
    *,
    batch_events: int,
    speed: Speed | None = None,
    sleep: Callable[[float], object] = time.sleep,
) -> Produced:
    batches = [Batch(EVENTS[at : at + 700]) for at in range(0, 5000, 700)]
    batches[0].rejects.append(Reject("not_json", "", b"broken", 6))
    with topic_producer(kafka.servers, 1 << 20) as producer:
        partitions = partition_count(producer, topic)
        packer = Packer(topic, partitions, batch_events=batch_events, max_bytes=1 << 20)
        return TopicWriter(producer, packer, Pace(speed or Speed(), time.monotonic), sleep).write(batches)


@pytest.mark.kafka
@pytest.mark.parametrize("batch_events", [1, 100])
def test_everything_arrives_in_order_on_the_partition_of_its_account(kafka: KafkaCluster, batch_events: int) -> None:
    topic = kafka.unique("requests")
    kafka.create({topic: 6})
    produced = write(kafka, topic, batch_events=batch_events)
    records = everything(kafka.servers, topic)
    assert (produced.events, produced.messages, produced.rejected) == (5000, len(records), 1)
    assert produced.as_record()["reasons"] == {"not_json": 1}
    seen: dict[str, list[RequestEvent]] = {}
    for record in records:
        for event in Decoder().decode(record.value).events:
            assert record.partition == partition_of(event.account_id.encode(), 6)
            assert record.key == (event.account_id.encode() if batch_events == 1 else None)
            seen.setdefault(event.account_id, []).append(event)
    assert seen == {f"acct-{at}": EVENTS[at::50] for at in range(50)}


@pytest.mark.kafka
def test_a_pause_lets_what_is_not_full_go_out_first(kafka: KafkaCluster) -> None:
    topic = kafka.unique("requests")
    kafka.create({topic: 1})
    pauses: list[float] = []
    produced = write(kafka, topic, batch_events=4000, speed=Speed(times=1e-3), sleep=pauses.append)
    assert len(pauses) == 4999
    assert produced.messages == 5000


@pytest.mark.kafka
def test_a_topic_that_is_not_there_is_named(kafka: KafkaCluster) -> None:
    topic = kafka.unique("absent")
    with (
        topic_producer(kafka.servers, 1 << 20, answer_ms=1000) as producer,
        pytest.raises(BrokerError, match="no such topic"),
    ):
        partition_count(producer, topic)


@pytest.mark.kafka
def test_a_message_the_broker_refuses_fails(kafka: KafkaCluster) -> None:
    topic = kafka.unique("requests")
    kafka.create({topic: 1}, {topic: {"max.message.bytes": "2000"}})
    with pytest.raises(BrokerError, match="was not taken"):
        write(kafka, topic, batch_events=4000)
