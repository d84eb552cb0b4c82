"""What people said goes from its topic to the stage that decides; what cannot be read keeps nothing back."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
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
from tests.patience import PATIENCE_S

if TYPE_CHECKING:
    from tests.kafka_fixture import KafkaCluster


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
    record().replace(b"ann", b"\xff"),
    record().replace(b'"ann"', b'"ann", "more": ' + b"[" * 100_000 + b"]" * 100_000),
]


@pytest.mark.parametrize("broken", BROKEN, ids=itertools.count())
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


class Relayed:
    """Feedback on a real Kafka, the relay between its topic and that of suspects, and what has arrived there."""

    def __init__(self, kafka: KafkaCluster) -> None:
        self.feedback, self.suspects = kafka.unique("feedback"), kafka.unique("suspects")
        kafka.create({self.feedback: 1, self.suspects: 1})
        self._servers, self._written = kafka.servers, 0
        self._sender = KafkaSender(kafka.servers)
        self._decode = ReportDecoder(LeadReport, self.suspects)

    async def write(self, *values: bytes) -> None:
        self._written += len(values)
        await self._sender.send([Outgoing(self.feedback, None, value) for value in values])

    async def arriving(self, consumer: AIOKafkaConsumer, last: str) -> list[str]:
        """Let a relay run until what it brings is the `last`; then it is cancelled. Give all that it brought."""
        relay = asyncio.create_task(
            relay_feedback(self._servers, f"{self.feedback}-relay", self.feedback, self.suspects, self._sender)
        )
        found: list[str] = []
        try:
            async with asyncio.timeout(PATIENCE_S):
                while last not in found:
                    reports = self._decode(await consumer.getone())
                    found += [saying.saying_id for report in reports for saying in report.sayings]
                # What was relayed is committed after it was sent.
                while await self._committed() < self._written:
                    continue
        finally:
            relay.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await relay
        return found

    async def _committed(self) -> int:
        position = TopicPartition(self.feedback, 0)
        reader = AIOKafkaConsumer(
            bootstrap_servers=self._servers, group_id=f"{self.feedback}-relay", enable_auto_commit=False
        )
        await reader.start()
        try:
            reader.assign([position])
            return await reader.committed(position) or 0
        finally:
            await reader.stop()

    async def life(self) -> list[list[str]]:
        """What is written before the relay runs, and what is written while it is away."""
        consumer = AIOKafkaConsumer(self.suspects, bootstrap_servers=self._servers, auto_offset_reset="earliest")
        await consumer.start()
        try:
            await self.write(record(), b"broken", record(action="block"), record(feedback_id="f-2"))
            first = await self.arriving(consumer, "f-2")
            await self.write(record(feedback_id="f-3", action="confirm"))
            return [first, await self.arriving(consumer, "f-3")]
        finally:
            await consumer.stop()
            await self._sender.stop()


@pytest.mark.kafka
def test_what_is_written_to_the_feedback_topic_reaches_the_topic_of_suspects_once(kafka: KafkaCluster) -> None:
    assert asyncio.run(Relayed(kafka).life()) == [["f-1", "f-2"], ["f-3"]]
