"""The records that are judged, and the truth, as far as judging needs them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from streamer.errors import StreamerError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_Record = TypeVar("_Record", bound=msgspec.Struct)


class EvidenceRecord(msgspec.Struct, frozen=True, gc=False):
    """One finding of an alert: its family, and how improbable it is."""

    family: str
    log10_p: float = 0.0


class LinkRecord(msgspec.Struct, frozen=True, gc=False):
    """A value that binds a cluster, as far as it is counted: its kind."""

    kind: str


class AlertRevision(msgspec.Struct, frozen=True, gc=False):
    """One revision of an alert."""

    alert_id: str
    status: str
    kind: str
    severity: str
    updated_at: datetime
    accounts: list[str]
    cluster_id: str | None = None
    revision: int = 1
    detected_at: datetime | None = None
    account_count: int | None = None
    false_alarm_rate: float | None = None
    evidence: list[EvidenceRecord] = []
    links: list[LinkRecord] = []


class MembershipRecord(msgspec.Struct, frozen=True, gc=False):
    """An account in a cluster, or no longer."""

    account_id: str
    cluster_id: str
    since: datetime
    status: str = "member"
    evidence: list[str] = []


class LimitRecord(msgspec.Struct, frozen=True, gc=False):
    """A limit on an account, or the end of one that was there before."""

    account_id: str
    action: str


class TruthRecord(msgspec.Struct, frozen=True, gc=False):
    """Whose an account is: `campaign:<name>` or `benign:<class>`."""

    account_id: str
    actor: str


class Span(msgspec.Struct, frozen=True, gc=False):
    """First and last event time of a run, from its summary."""

    first_timestamp: datetime | None = None
    last_timestamp: datetime | None = None


def to_ms(moment: datetime) -> int:
    """Milliseconds since the Unix epoch; a time without an offset is taken as UTC."""
    known = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (known - _EPOCH) // timedelta(milliseconds=1)


def read(path: Path, kind: type[_Record]) -> Iterator[_Record]:
    """The records of a .jsonl file. Raises `StreamerError` naming the line that is not one."""
    decoder = msgspec.json.Decoder(kind)
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    try:
                        yield decoder.decode(line)
                    except msgspec.MsgspecError as problem:
                        raise StreamerError(
                            f"{path}:{number}", f"{problem}", "give the file as it was written"
                        ) from None
    except OSError as problem:
        raise UsageError(str(path), f"cannot be read ({problem.strerror})", "name what `streamer` wrote") from None


def read_span(path: Path) -> Span:
    """The span of a run, from summary.json; empty where there is none."""
    if not path.is_file():
        return Span()
    try:
        return msgspec.json.decode(path.read_bytes(), type=Span)
    except msgspec.MsgspecError as problem:
        raise StreamerError(str(path), f"{problem}", "give the file as it was written") from None
