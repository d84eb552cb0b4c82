"""Cases from the records of a replay."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from streamer.cases.records import AlertRecord, decode_alert, decode_limit, decode_member
from streamer.cases.store import Bounds, CaseStore
from streamer.detection.names import SEVERITIES
from streamer.errors import StreamerError, UsageError
from streamer.sinks.feedback import Feedback
from streamer.sinks.files import ALERTS, LIMITS, MEMBERS

if TYPE_CHECKING:
    from typing import TypeVar

    _Record = TypeVar("_Record")

FEEDBACK: Final = "feedback.jsonl"
EVERYTHING: Final = Bounds(alerts=100_000, revisions=10_000, members=5_000_000, limits=5_000_000, feedback=1_000_000)


def read_cases(directory: Path) -> CaseStore:
    """All cases of a replay's directory; only the alerts must be there.

    Raises:
        StreamerError: a line is no record, or there are no alerts to read.
    """
    store = CaseStore(EVERYTHING)
    alerts = directory / ALERTS
    if not alerts.is_file():
        raise UsageError(str(alerts), "no such file", "name a directory that `streamer replay --out` wrote")
    for alert in _records(alerts, decode_alert):
        store.alert(alert)
    for member in _records(directory / MEMBERS, decode_member):
        store.member(member)
    for limit in _records(directory / LIMITS, decode_limit):
        if limit.action == "lift":
            store.lift(limit.account_id)
        else:
            store.limit(limit)
    for feedback in _records(directory / FEEDBACK, msgspec.json.Decoder(Feedback).decode):
        store.feedback(feedback)
    return store


def read_alerts(directory: Path) -> list[AlertRecord]:
    """What each alert of a replay's directory says last: those that fire first, the most severe first, then the latest.

    Raises:
        StreamerError: a line is no record.
    """
    latest: dict[str, AlertRecord] = {}
    for alert in _records(directory / ALERTS, decode_alert):
        known = latest.get(alert.alert_id)
        if known is None or alert.revision > known.revision:
            latest[alert.alert_id] = alert
    found = sorted(latest.values(), key=lambda alert: alert.updated_at or "", reverse=True)
    return sorted(found, key=lambda alert: (alert.status != "firing", -_rank(alert.severity)))


def append_feedback(directory: Path, feedback: Feedback) -> None:
    """Add what a person said to the directory."""
    line = msgspec.json.encode(feedback) + b"\n"
    with (directory / FEEDBACK).open("ab") as file:
        file.write(line)


def _rank(severity: str) -> int:
    return SEVERITIES.index(severity) if severity in SEVERITIES else -1


def _records(path: Path, decode: Callable[[bytes], _Record]) -> Iterator[_Record]:
    if not path.is_file():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                yield decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                found = f"not a record ({error})"
                raise StreamerError(f"{path}:{number}", found, "read what a replay wrote, unchanged") from error
