"""The records of a replay as files: what stands in a directory is whole, or not there yet."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, Self

import msgspec

from streamer.detection.records import Alert, Decision, Membership
from streamer.errors import UsageError
from streamer.sinks.encode import encoded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from types import TracebackType

ALERTS = "alerts.jsonl"
MEMBERS = "members.jsonl"
LIMITS = "limits.jsonl"
REJECTS = "rejects.jsonl"
SUMMARY = "summary.json"
_UNFINISHED = ".part"


class Rejected(Protocol):
    """A record that could not be used, as far as it is written down."""

    @property
    def reason(self) -> str:
        """A stable code."""

    @property
    def detail(self) -> str:
        """What was wrong, in words."""

    @property
    def raw(self) -> bytes:
        """The record as it came, perhaps only its beginning."""

    @property
    def size(self) -> int:
        """How many bytes it has in all."""

    @property
    def source(self) -> str:
        """Where it was."""

    @property
    def line(self) -> int:
        """And on which line of it."""


class FileSink:
    """Writes decisions and rejects to a directory, which it makes if need be.

    All files are there at the end, even empty ones. They get their names together when the `with` block ends well;
    if it does not, what was there before stays, and what was written is kept beside it as `*.part`. Until then the
    directory is locked, by the process: one that is killed leaves no lock.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._files: dict[str, BinaryIO] = {}
        self._stack = contextlib.ExitStack()
        self._lock = contextlib.ExitStack()
        self._summary: bytes | None = None

    def __enter__(self) -> Self:
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            self._lock.enter_context(_locked(self._directory))
            for name in (ALERTS, MEMBERS, LIMITS, REJECTS):
                self._files[name] = self._stack.enter_context(self._unfinished(name).open("wb"))
        except OSError as error:
            self._stack.close()
            self._lock.close()
            found = (error.strerror or str(error)).lower()
            raise UsageError(str(self._directory), found, "name a directory that can be written to") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._stack.close()
            if kind is None:
                self._give_names()

    def _give_names(self) -> None:
        names = list(self._files)
        if self._summary is not None:
            self._unfinished(SUMMARY).write_bytes(self._summary)
            names.append(SUMMARY)
        for name in names:
            self._unfinished(name).replace(self._directory / name)

    def write(self, decisions: Iterable[Decision]) -> None:
        """Append alerts, memberships and limits, each to its file."""
        for decision in decisions:
            name = ALERTS if isinstance(decision, Alert) else MEMBERS if isinstance(decision, Membership) else LIMITS
            self._files[name].write(encoded(decision) + b"\n")

    def write_rejects(self, rejects: Iterable[Rejected]) -> None:
        """Append what could not be used: why, where it was, and the record as it came.

        Bytes that are no text are shown with backslashes.
        """
        for reject in rejects:
            line = {
                "reason": reject.reason,
                "detail": reject.detail,
                "source": reject.source.encode("utf-8", "backslashreplace").decode(),
                "line": reject.line,
                "bytes": reject.size,
                "record": reject.raw.decode("utf-8", "backslashreplace"),
            }
            self._files[REJECTS].write(msgspec.json.encode(line) + b"\n")

    def write_summary(self, summary: Mapping[str, Any]) -> None:
        """Write summary.json; it is the last file to get its name."""
        self._summary = (json.dumps(summary, indent=2) + "\n").encode()

    def _unfinished(self, name: str) -> Path:
        return self._directory / (name + _UNFINISHED)


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Keep other replays out of a directory, where its file system can; what is open is locked, so it ends with us."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            opened = os.open(directory, os.O_RDONLY)
            stack.callback(os.close, opened)
            try:
                fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                found = "another replay is writing to it"
                raise UsageError(str(directory), found, "wait for it to end, or name another directory") from error
        yield
