"""The audit: every limit set, renewed, refused, lifted or run out, and everything people asked for, each once.

Entries and the offsets they came from are one Kafka transaction: after a crash the next keeper goes on exactly there.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from streamer.limits.gate import Change
from streamer.limits.intake import Read, place
from streamer.sinks.encode import rfc3339
from streamer.sinks.feedback import Feedback

ASKED = "asked"
STOP_S = 5.0

Positions = Mapping[tuple[str, int], int]


class Noted(NamedTuple):
    """Up to where everything is in the audit, and when that was written."""

    positions: Positions
    at_ms: int


class AuditLog:
    """Appends to the audit. Who claims it last has it; whoever had it before is refused by the broker."""

    def __init__(self, servers: str, topic: str, application: str) -> None:
        self._servers = servers
        self._topic = topic
        self._group = f"{application}-limits-audit"
        self._producer: AIOKafkaProducer | None = None

    async def claim(self) -> Noted:
        """Take it over, and give how far it goes."""
        await self.close()
        self._producer = AIOKafkaProducer(
            bootstrap_servers=self._servers, transactional_id=self._group, request_timeout_ms=10_000
        )
        await self._producer.start()
        admin = AIOKafkaAdminClient(bootstrap_servers=self._servers)
        try:
            await admin.start()
            found = await admin.list_consumer_group_offsets(self._group)
        finally:
            await admin.close()
        known = {(each.topic, each.partition): entry for each, entry in found.items() if entry.offset >= 0}
        at_ms = max((int(entry.metadata or 0) for entry in known.values()), default=0)
        return Noted({each: entry.offset for each, entry in known.items()}, at_ms)

    async def write(self, entries: Sequence[Mapping[str, Any]], positions: Positions, now_ms: int) -> None:
        """Append entries, and note up to where they tell everything: both or neither.

        Raises:
            KafkaError: it is not known to be written, or somebody else has the audit now.
        """
        if self._producer is None:
            raise KafkaError("the audit is not claimed")
        offsets = {TopicPartition(*each): (offset, str(now_ms)) for each, offset in positions.items()}
        async with self._producer.transaction():
            sent = [
                await self._producer.send(self._topic, msgspec.json.encode(entry), key=str(entry["audit_id"]).encode())
                for entry in entries
            ]
            await asyncio.gather(*sent)
            await self._producer.send_offsets_to_transaction(offsets, self._group)

    async def close(self) -> None:
        """Let go of it."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        try:
            async with asyncio.timeout(STOP_S):
                await producer.stop()
        except (KafkaError, TimeoutError):
            return  # fenced or unreachable: there is nothing left to say goodbye to


def entry_of_change(change: Change, now_ms: int) -> dict[str, Any]:
    """What became of an account's limit."""
    standing = change.standing
    return {
        "audit_id": _id(change.event, change.account_id, change.cause, change.trigger, change.reason),
        "at": rfc3339(now_ms),
        "event": change.event,
        "account_id": change.account_id,
        "alert_id": change.alert_id or None,
        "action": standing.action if standing else None,
        "requests_per_minute": standing.requests_per_minute if standing else None,
        "mode": standing.mode if standing else None,
        "issued_at": rfc3339(standing.issued_at) if standing else None,
        "expires_at": rfc3339(standing.expires_at) if standing else None,
        "reason": change.reason,
        "author": change.author,
        "cause": change.cause,
        "trigger": change.trigger,
    }


def entry_of_feedback(said: Feedback, message: Read, now_ms: int) -> dict[str, Any]:
    """What a person asked for."""
    return {
        "audit_id": _id(ASKED, said.account_id or said.alert_id or "", place(message), said.action),
        "at": rfc3339(now_ms),
        "event": ASKED,
        "account_id": said.account_id,
        "alert_id": said.alert_id,
        "action": said.action,
        "reason": said.reason,
        "author": said.author,
        "feedback_id": said.feedback_id,
        "cause": place(message),
    }


def _id(*parts: str) -> str:
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()
