"""What a person says about an alert or an account, as a record of the feedback topic."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from streamer.sinks.encode import Message

FeedbackAction: TypeAlias = Literal["confirm", "dismiss", "limit", "block", "lift", "stop", "start"]


class Feedback(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a person said.

    `confirm` and `dismiss` are about an alert, `stop` and `start` about all limits there are, the others about an
    account, or all of an alert's. `created_at` is when it was said, RFC 3339.
    """

    feedback_id: str
    action: FeedbackAction
    author: str
    created_at: str
    alert_id: str | None = None
    account_id: str | None = None
    reason: str = ""


def feedback_message(feedback: Feedback, topic: str) -> Message:
    """Give the Kafka message of a feedback, keyed by what it is about."""
    about = feedback.account_id or feedback.alert_id or ""
    return Message(topic, about.encode(), msgspec.json.encode(feedback))
