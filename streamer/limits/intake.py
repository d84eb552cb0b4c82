"""From the messages of the topics to what the gate takes in."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

import msgspec

from streamer.detection.records import Limit
from streamer.limits.gate import Change, LimitGate
from streamer.limits.policy import AlertFacts, Word
from streamer.sinks.feedback import Feedback

logger = logging.getLogger(__name__)


class LimitTopics(NamedTuple):
    """The topics that say what is to be limited."""

    alerts: str
    feedback: str
    limits: str


class Read(NamedTuple):
    """A message as it was read; `written_at` is the wall clock of its writer in milliseconds."""

    topic: str
    partition: int
    offset: int
    written_at: int
    key: bytes | None
    value: bytes | None


class _LimitRecord(msgspec.Struct):
    account_id: str
    action: str
    requests_per_minute: int | None
    mode: str
    alert_id: str
    reason: str
    issued_at: datetime
    expires_at: datetime


class _AlertRecord(msgspec.Struct):
    alert_id: str
    severity: str
    false_alarm_rate: float
    accounts: tuple[str, ...] = ()


class Intake:
    """Hands messages to a gate, those about alerts and by people first, so that limits are judged by what is known."""

    def __init__(self, gate: LimitGate, topics: LimitTopics) -> None:
        self._gate = gate
        self._topics = topics
        self._limit = msgspec.json.Decoder(_LimitRecord).decode
        self._alert = msgspec.json.Decoder(_AlertRecord).decode
        self._feedback = msgspec.json.Decoder(Feedback).decode
        self.said: list[tuple[Feedback, Read]] = []

    def take(self, messages: Iterable[Read], now_ms: int) -> list[Change]:
        """Take messages in; what people said among them is in `said` until the next call. Gives what changed."""
        self.said = []
        changes: list[Change] = []
        ways = {self._topics.alerts: self._take_alert, self._topics.feedback: self._take_feedback}
        for message in sorted(messages, key=lambda each: (self._topics.index(each.topic), each.partition, each.offset)):
            try:
                changes += ways.get(message.topic, self._take_limit)(message, now_ms)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                logger.warning("%s cannot be used and is passed over: %s", place(message), error)
        return changes

    def _take_limit(self, message: Read, now_ms: int) -> list[Change]:
        if message.value is None:
            return self._gate.withdraw((message.key or b"").decode(), place(message), now_ms)
        found = self._limit(message.value)
        limit = Limit(
            found.account_id,
            found.action,
            found.requests_per_minute,
            found.mode,
            found.alert_id,
            found.reason,
            _ms(found.issued_at),
            _ms(found.expires_at),
        )
        return self._gate.propose(limit, message.written_at, place(message), now_ms)

    def _take_alert(self, message: Read, now_ms: int) -> list[Change]:
        if message.value is None:
            return []
        found = self._alert(message.value)
        facts = AlertFacts(found.severity, found.false_alarm_rate, found.accounts)
        return self._gate.alert(found.alert_id, facts, place(message), now_ms)

    def _take_feedback(self, message: Read, now_ms: int) -> list[Change]:
        if message.value is None:
            return []
        said = self._feedback(message.value)
        self.said.append((said, message))
        if said.action in ("stop", "start"):
            stop = said.action == "stop"
            return self._gate.switched(stop=stop, at_ms=message.written_at, cause=place(message), now_ms=now_ms)
        alert_id = said.alert_id or ""
        word = Word(said.action, said.author, message.written_at, message.offset, alert_id, said.reason, place(message))
        if said.account_id is not None and said.action in ("limit", "block", "lift"):
            return self._gate.said_of_account(said.account_id, word, now_ms)
        return self._gate.said_of_alert(word, now_ms) if alert_id else []


def place(message: Read) -> str:
    """Where a message stands."""
    return f"{message.topic}/{message.partition}@{message.offset}"


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
