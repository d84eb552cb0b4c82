from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from aiokafka import AIOKafkaProducer
from kafka.admin import KafkaAdminClient

from streamer.errors import BrokerError
from streamer.sources.decode import Decoder
from streamer.sources.formats import mapping_of
from streamer.sources.privacy import Pseudonymizer
from streamer.stream.ingest import Ingest, IngestCounts, IngestSettings
from streamer.stream.packing import partition_of
from tests.sources.examples import line, numbered
from tests.stream_tools.reading import everything

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streamer.sources.batch import Batch
    from streamer.sources.event import RequestEvent
    from tests.kafka_fixture import KafkaCluster


def decoder(name: str) -> Decoder:
    return Decoder(max_message_bytes=1_000_000, mapping=mapping_of(name))


class Setup:
    """Three topics, and what a gateway wrote to the first."""

    def __init__(self, kafka: KafkaCluster, written: Sequence[bytes | None], *, compression: str | None = None) -> None:
        self.kafka = kafka
        self.written = written
        self.source, self.target, self.rejects = (kafka.unique(name) for name in ("gateway", "requests", "rejects"))
        large = {"max.message.bytes": str(16 << 20)}
        kafka.create({self.source: 2, self.target: 6, self.rejects: 1}, {self.source: large, self.rejects: large})
        asyncio.run(self.write(compression))

    async def write(self, compression: str | None) -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=self.kafka.servers, max_request_size=16 << 20, compression_type=compression
        )
        async with producer:
            for at, value in enumerate(self.written):
                await producer.send(self.source, value, key=b"key-%d" % at, partition=at % 2)

    def settings(self, **changes: Any) -> IngestSettings:
        return IngestSettings(self.kafka.servers, self.source, self.target, self.rejects, self.source, **changes)

    def run(self, *, change: Callable[[RequestEvent], RequestEvent] | None = None, **changes: Any) -> IngestCounts:
        """Work until everything that was written was read."""
        stop = asyncio.Event()
        read: list[Batch] = []

        def observe(batch: Batch) -> None:
            read.append(batch)
            if len(read) == len(self.written):
                stop.set()

        return asyncio.run(Ingest(self.settings(**changes), decoder, change, observe).run(stop))

    def events(self) -> list[RequestEvent]:
        found = []
        for record in everything(self.kafka.servers, self.target):
            batch = Decoder().decode(record.value)
            assert not batch.rejects
            assert {partition_of(event.account_id.encode(), 6) for event in batch.events} == {record.partition}
            found += batch.events
        return found


@pytest.mark.kafka
def test_single_events_are_packed_and_broken_ones_set_aside_unchanged(kafka: KafkaCluster) -> None:
    good = numbered(3000)
    huge = line(user_agent="x" * 5_000_000)
    broken = [b"broken", b"\xff", b"{}", huge, None]
    setup = Setup(kafka, [*good[:1000], *broken, *good[1000:]])
    counts = setup.run()
    assert (counts.messages, counts.events, counts.rejected) == (3005, 3000, 5)
    assert sorted(event.event_id for event in setup.events()) == sorted(f"ev-{at}" for at in range(3000))
    assert len(everything(kafka.servers, setup.target)) < 300
    rejects = {record.value: record for record in everything(kafka.servers, setup.rejects)}
    assert set(rejects) == {b"broken", b"\xff", b"{}", huge, b""}
    for at, value in enumerate(broken, 1000):
        record = rejects[value or b""]
        headers = {name: text.decode() for name, text in record.headers}
        assert (headers["topic"], headers["partition"]) == (setup.source, str(at % 2))
        assert (headers["offset"], record.key) == (str(at // 2), b"key-%d" % at)
    reasons = [dict(rejects[value].headers)["reason"] for value in (b"broken", b"\xff", b"{}", huge)]
    assert reasons == [b"not_json", b"not_utf8", b"missing_field", b"too_large"]


@pytest.mark.kafka
@pytest.mark.parametrize("compression", ["gzip", "lz4", "snappy", "zstd"])
def test_whatever_a_gateway_compresses_with_is_read(kafka: KafkaCluster, compression: str) -> None:
    setup = Setup(kafka, numbered(100), compression=compression)
    assert setup.run().events == 100
    assert len(setup.events()) == 100


@pytest.mark.kafka
def test_offsets_are_committed_so_that_nothing_is_read_twice(kafka: KafkaCluster) -> None:
    setup = Setup(kafka, numbered(50))
    setup.run(linger_ms=20)
    admin = KafkaAdminClient(bootstrap_servers=kafka.servers)
    try:
        [offsets] = admin.list_group_offsets([setup.source]).values()
    finally:
        admin.close()
    assert sorted(position.offset for position in offsets.values()) == [25, 25]
    assert len(setup.events()) == 50


@pytest.mark.kafka
def test_a_round_that_could_not_be_sent_is_read_again(kafka: KafkaCluster) -> None:
    setup = Setup(kafka, numbered(50))

    def fail(event: RequestEvent) -> RequestEvent:
        if event.event_id == "ev-40":
            raise ZeroDivisionError
        return event

    with pytest.raises(ZeroDivisionError):
        setup.run(change=fail)
    setup.run()
    assert {event.event_id for event in setup.events()} == {f"ev-{at}" for at in range(50)}


@pytest.mark.kafka
def test_what_a_gateway_writes_is_normalized_and_pseudonymized(kafka: KafkaCluster) -> None:
    records = [
        {
            "start_time": "2026-10-26T07:33:20.250Z",
            "response_code": 200,
            "x-request-id": str(at),
            "gen_ai.request.model": "large-1",
            "x-account-id": f"acct-{at % 3}",
        }
        for at in range(30)
    ]
    written: list[bytes | None] = [b"broken", *(json.dumps(record).encode() for record in records)]
    setup = Setup(kafka, written)
    names = Pseudonymizer(b"a secret of sixteen or more bytes")
    counts = setup.run(change=names.event, batch_events=7)
    assert (counts.events, counts.rejected) == (30, 1)
    found = setup.events()
    assert {event.account_id for event in found} == {names.identifier("account_id", f"acct-{at}") for at in range(3)}
    assert {event.event_id for event in found} == {str(at) for at in range(30)}


@pytest.mark.kafka
def test_a_reject_its_topic_does_not_take_is_cut_and_stops_nothing(kafka: KafkaCluster) -> None:
    huge = line(user_agent="x" * 3_000_000)
    setup = Setup(kafka, [huge, *numbered(9)])
    small = kafka.unique("rejects")
    kafka.create({small: 1}, {small: {"max.message.bytes": "1048588"}})
    setup.rejects = small
    assert setup.run().events == 9
    [reject] = everything(kafka.servers, small)
    assert huge.startswith(reject.value)
    assert dict(reject.headers)["bytes"] == str(len(huge)).encode()
    assert len(setup.events()) == 9


def test_without_a_broker_that_is_what_is_said() -> None:
    settings = IngestSettings("127.0.0.1:1", "gateway", "requests", "rejects", "group")
    with pytest.raises(BrokerError, match="no Kafka answers"):
        asyncio.run(Ingest(settings, decoder).run(asyncio.Event()))
