"""What a person does about limits: looks at them, lifts them, switches them off and on."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from streamer.errors import StreamerError
from streamer.limits.gate import LimitGate
from streamer.limits.intake import Intake, LimitTopics
from streamer.limits.policy import EXPIRED, LimitPolicy, Standing
from streamer.limits.reader import TopicReader
from streamer.sinks.encode import Message, rfc3339
from streamer.sinks.feedback import Feedback, FeedbackAction, feedback_message
from streamer.stream.messages import Outgoing
from streamer.stream.sender import KafkaSender


class Person(NamedTuple):
    """Who asks, and why."""

    author: str
    reason: str = ""


class LimitDesk:
    """Reads what holds and writes what a person wants, both on the topics."""

    def __init__(
        self,
        policy: LimitPolicy,
        reader: TopicReader,
        topics: LimitTopics,
        sender: KafkaSender,
        clock_ms: Callable[[], int],
    ) -> None:
        self._policy = policy
        self._reader = reader
        self._topics = topics
        self._sender = sender
        self._clock_ms = clock_ms

    async def gate(self) -> LimitGate:
        """Everything that is on the topics now, judged."""
        gate = LimitGate(self._policy)
        intake = Intake(gate, self._topics)
        async for poll in self._reader.read():
            intake.take(poll.messages, self._clock_ms())
            if poll.at_end:
                break
        gate.start(self._clock_ms())
        return gate

    async def lift_account(self, account_id: str, person: Person) -> dict[str, Any]:
        """Free one account, and keep it free for the time that policy states; also one that nothing limits yet."""
        limited = (await self.gate()).knows_account(account_id)
        await self._say("lift", person, account_id=account_id)
        await self._withdraw([account_id])
        return {"account_id": account_id, "limited": limited, **self._promise()}

    async def lift_alert(self, alert_id: str, person: Person) -> dict[str, Any]:
        """Free all accounts of an alert, and keep them free from it.

        Raises:
            StreamerError: there is no such alert.
        """
        gate = await self.gate()
        if not gate.knows_alert(alert_id):
            remedy = "take the id from the alert's page, or see `streamer limits list`"
            raise StreamerError(f"--alert {alert_id}", "no alert of that id; nothing was lifted", remedy)
        accounts = gate.proposals_of(alert_id)
        await self._say("lift", person, alert_id=alert_id)
        await self._withdraw(accounts)
        return {"alert_id": alert_id, "accounts": len(accounts), **self._promise()}

    async def switch(self, *, stop: bool, person: Person) -> dict[str, Any]:
        """Switch all limits off, or on again."""
        await self._say("stop" if stop else "start", person)
        return {"limits": "stopped" if stop else "started"}

    def _promise(self) -> dict[str, Any]:
        return {"free_until": rfc3339(self._clock_ms() + round(self._policy.lift_holds_s * 1000))}

    async def _withdraw(self, accounts: Sequence[str]) -> None:
        await self._send([Message(self._topics.limits, account.encode(), None) for account in accounts])

    async def _say(
        self, action: FeedbackAction, person: Person, account_id: str | None = None, alert_id: str | None = None
    ) -> None:
        feedback = Feedback(
            feedback_id=uuid.uuid4().hex,
            action=action,
            author=person.author,
            created_at=rfc3339(self._clock_ms()),
            alert_id=alert_id,
            account_id=account_id,
            reason=person.reason,
        )
        await self._send([feedback_message(feedback, self._topics.feedback)])

    async def _send(self, messages: Sequence[Message]) -> None:
        await self._sender.send([Outgoing(*message) for message in messages])


def why_not(gate: LimitGate) -> dict[str, int]:
    """How many limits were proposed and are not in force, by reason; those that ran out do not count."""
    return dict(Counter(refusal.reason for refusal in gate.refusals().values() if refusal.reason != EXPIRED))


def row(standing: Standing) -> dict[str, Any]:
    """A limit in force, for people and programs."""
    return {
        "account_id": standing.account_id,
        "action": standing.action,
        "requests_per_minute": standing.requests_per_minute,
        "mode": standing.mode,
        "alert_id": standing.alert_id or None,
        "issued_at": rfc3339(standing.issued_at),
        "expires_at": rfc3339(standing.expires_at),
        "author": standing.author,
        "reason": standing.reason,
    }
