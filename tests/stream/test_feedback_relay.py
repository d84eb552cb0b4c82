"""What people said goes from its topic to the stage that decides; what cannot be read keeps nothing back."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from hypothesis import given
from hypothesis import strategies as st

from streamer.detection.cluster_stage import ClusterStage
from streamer.detection.evidence import LeadReport, Saying
from streamer.sinks.feedback import Feedback, feedback_message
from streamer.stream.codec import ReportDecoder
from streamer.stream.feedback_relay import as_messages, relay_feedback, sayings_of
from streamer.stream.messages import Outgoing, Stored
from streamer.stream.sender import KafkaSender
from tests.detection.handmade import default_settings, leads

if TYPE_CHECKING:
    from tests.kafka_fixture import KafkaCluster

PATIENCE_S = 30


def record(**fields: Any) -> bytes:
    said = {
        "feedback_id": "f-1",
        "action": "dismiss",
        "author": "ann",
        "created_at": "2026-06-01T10:00:00Z",
        "alert_id": "a-1",
        "reason": "a class of mine",
        **fields,
    }
    return msgspec.json.encode({name: value for name, value in said.items() if value is not None})


def decoded(messages: list[Outgoing]) -> list[LeadReport]:
    decode = ReportDecoder(LeadReport, "suspects")
    return [report for offset, sent in enumerate(messages) for report in decode(Stored(offset, sent.key, sent.value))]


def test_what_is_said_of_an_alert_is_taken_as_it_was_said() -> None:
    assert sayings_of([record(), record(feedback_id="f-2", action="confirm", reason=None)]) == [
        Saying("f-1", "dismiss", "a-1", "ann", "a class of mine"),
        Saying("f-2", "confirm", "a-1", "ann", ""),
    ]


def test_what_the_page_writes_can_be_read() -> None:
    said = Feedback(
        feedback_id="f-1", action="confirm", author="bob", created_at="2026-06-01T10:00:00Z", alert_id="a-7"
    )
    assert sayings_of([feedback_message(said, "feedback").value]) == [Saying("f-1", "confirm", "a-7", "bob", "")]


@pytest.mark.parametrize("action", ["limit", "block", "lift", "stop", "start"])
def test_what_is_about_limits_is_passed_over_without_a_word(action: str, caplog: pytest.LogCaptureFixture) -> None:
    assert sayings_of([record(action=action), record(action=action, account_id="x", alert_id=None)]) == []
    assert caplog.messages == []


@pytest.mark.parametrize("missing", ["", None])
def test_a_verdict_about_no_alert_is_passed_over(missing: str | None) -> None:
    assert sayings_of([record(alert_id=missing), record(alert_id=missing, account_id="x")]) == []


BROKEN = [
    None,
    b"",
    b"\xff\xfe",
    b"dismiss",
    b"{",
    b"[]",
    b"null",
    record(feedback_id=None),
    record(author=None),
    record(author=7),
    record(action="praise"),
    record(alert_id=["a-1"]),
    pytest.param(
        record().replace(b"ann", b"\xff"),
        marks=pytest.mark.xfail(
            raises=UnicodeDecodeError, strict=False, reason="text that is not UTF-8 within sound JSON ends the relay"
        ),
    ),
]


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_record_costs_itself_alone_and_is_told(broken: bytes | None, caplog: pytest.LogCaptureFixture) -> None:
    found = sayings_of([record(), broken, record(feedback_id="f-2")])
    assert [saying.saying_id for saying in found] == ["f-1", "f-2"]
    (message,) = caplog.messages
    assert "passed over" in message


@given(st.lists(st.binary(max_size=30)))
def test_whatever_lies_in_the_topic_is_passed_over(values: list[bytes]) -> None:
    found = sayings_of([*values, record()])
    assert [saying.saying_id for saying in found] == ["f-1"]


texts = st.text(max_size=20)
sayings = st.lists(st.builds(Saying, texts, st.sampled_from(["confirm", "dismiss"]), texts, texts, texts), max_size=5)


@given(sayings)
def test_sayings_travel_as_they_are(said: list[Saying]) -> None:
    messages = as_messages(said, "suspects")
    assert {(sent.topic, sent.key, sent.partition) for sent in messages} == {("suspects", None, 0)}
    (report,) = decoded(messages)
    assert report.sayings == said
    assert (report.leads, report.last, report.idle) == ([], False, False)


def test_what_was_said_is_taken_in_and_is_nobodys_progress() -> None:
    stage = ClusterStage(default_settings(), 2)
    stage.observe(leads(100))
    (report,) = decoded(as_messages([Saying("f-1", "dismiss", "a-1", "ann", "")], "suspects"))
    before = stage.snapshot()
    stage.observe(report)
    after = stage.snapshot()
    assert after["said"] == [["f-1", "dismiss", "a-1", "ann", ""]]
    assert after["barrier"] == before["barrier"]
    assert stage.advance() == []
    assert stage.closed_through == -1
    stage.observe(leads(100, partition=1))
    stage.advance()
    assert stage.closed_through == 100


async def through_kafka(kafka: KafkaCluster, feedback: str, suspects: str, values: list[bytes]) -> list[Saying]:
    """Write records while the relay runs; give what reaches the other topic, up to the last of them."""
    sender = KafkaSender(kafka.servers)
    producer = AIOKafkaProducer(bootstrap_servers=kafka.servers)
    consumer = AIOKafkaConsumer(suspects, bootstrap_servers=kafka.servers, auto_offset_reset="earliest")
    decode = ReportDecoder(LeadReport, suspects)
    relay = asyncio.create_task(relay_feedback(kafka.servers, f"{feedback}-relay", feedback, suspects, sender))
    found: list[Saying] = []
    try:
        await producer.start()
        await consumer.start()
        for value in values:
            await producer.send_and_wait(feedback, value)
        async with asyncio.timeout(PATIENCE_S):
            while not found or found[-1].saying_id != "last":
                arrived = decode(await consumer.getone())
                found += [saying for report in arrived for saying in report.sayings]
    finally:
        relay.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await relay
        await consumer.stop()
        await producer.stop()
        await sender.stop()
    return found


@pytest.mark.kafka
def test_what_is_written_to_the_feedback_topic_reaches_the_topic_of_suspects(kafka: KafkaCluster) -> None:
    feedback, suspects = kafka.unique("feedback"), kafka.unique("suspects")
    kafka.create({feedback: 1, suspects: 1})
    first = [record(), b"broken", record(action="block"), record(feedback_id="last", action="confirm")]
    found = asyncio.run(through_kafka(kafka, feedback, suspects, first))
    assert [(saying.saying_id, saying.action) for saying in found] == [("f-1", "dismiss"), ("last", "confirm")]
