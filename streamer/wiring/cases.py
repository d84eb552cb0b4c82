"""Objects of the verbs that explain, export and answer alerts."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from streamer.config import StreamerConfig, TopicNames
from streamer.sinks.encode import Message, rfc3339
from streamer.sinks.feedback import Feedback, FeedbackAction, feedback_message
from streamer.wiring.settings import wall_clock_ms

if TYPE_CHECKING:
    from streamer.cases.case import Case
    from streamer.cases.explanation import Explanation
    from streamer.cases.following import CaseTopics
    from streamer.cases.records import AlertRecord
    from streamer.cases.store import CaseStore
    from streamer.stream.sender import KafkaSender

ExportFormat = Literal["csv", "stix"]


def explain(config: StreamerConfig, name: str, directory: Path | None) -> Explanation:
    """Why this account, cluster or alert."""
    from streamer.cases.explanation import explain as explain_case

    return explain_case(_cases(config, directory), name)


def export(config: StreamerConfig, name: str, export_format: ExportFormat, directory: Path | None) -> str:
    """Members and indicators of a case, as a text to hand on."""
    from streamer.cases.explanation import one_case

    return exporters(config)[export_format](one_case(_cases(config, directory), name))


def alerts(directory: Path) -> list[AlertRecord]:
    """The alerts of a replay's directory: those that fire first, the most severe first."""
    from streamer.cases.files import read_alerts

    return read_alerts(directory)


def feedback(
    config: StreamerConfig, alert_id: str, action: FeedbackAction, *, author: str, reason: str, directory: Path | None
) -> dict[str, Any]:
    """Write down what a person says about an alert; gives the record."""
    from streamer.cases.explanation import require_alert
    from streamer.cases.files import append_feedback

    require_alert(_cases(config, directory), alert_id)
    said = Feedback(
        feedback_id=uuid.uuid4().hex,
        action=action,
        author=author,
        created_at=rfc3339(wall_clock_ms()),
        alert_id=alert_id,
        reason=reason,
    )
    if directory is not None:
        append_feedback(directory, said)
    else:
        asyncio.run(_send_once(config, [feedback_message(said, config.kafka.topics.feedback)]))
    return {name: getattr(said, name) for name in said.__struct_fields__}


def exporters(config: StreamerConfig) -> dict[str, Callable[[Case], str]]:
    """Every way to hand a case on, by its name."""
    pseudonymized = config.privacy.pseudonymize

    def csv(case: Case) -> str:
        from streamer.cases.export_csv import as_csv

        return as_csv(case, pseudonymized=pseudonymized)

    def stix(case: Case) -> str:
        from streamer.cases.export_stix import as_stix

        return as_stix(case, pseudonymized=pseudonymized)

    return {"csv": csv, "stix": stix}


def case_topics(names: TopicNames) -> CaseTopics:
    """The topics that cases are made of."""
    from streamer.cases.following import CaseTopics

    return CaseTopics(names.alerts, names.members, names.limits, names.feedback)


async def send_all(sender: KafkaSender, messages: Iterable[Message]) -> None:
    """Send records to their topics."""
    from streamer.stream.messages import Outgoing

    await sender.send([Outgoing(each.topic, each.key, each.value) for each in messages])


def _cases(config: StreamerConfig, directory: Path | None) -> CaseStore:
    if directory is not None:
        from streamer.cases.files import read_cases

        return read_cases(directory)
    from streamer.cases.following import read_once
    from streamer.cases.store import CaseStore
    from streamer.stream.servers import require_servers

    require_servers(config.kafka.bootstrap_servers)
    store = CaseStore()
    asyncio.run(read_once(config.kafka.bootstrap_servers, case_topics(config.kafka.topics), store))
    return store


async def _send_once(config: StreamerConfig, messages: Iterable[Message]) -> None:
    from streamer.stream.sender import KafkaSender

    sender = KafkaSender(config.kafka.bootstrap_servers)
    try:
        await send_all(sender, messages)
    finally:
        await sender.stop()
