"""What runs on one partition: a detection stage with its way in, its way out and its state. No Kafka in here."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from streamer.stream.account_index import AccountIndex, merge_records
from streamer.stream.state_log import StateError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from streamer.stream.messages import Incoming, Outgoing, Position

HEAD = "head"
HEAD_VERSION = 1


class Head(msgspec.Struct, frozen=True):
    """What a checkpoint says of itself. `next_offset` is that of the first source message not yet in the state."""

    version: int
    next_offset: int
    stage: dict[Any, Any]


class Task(Protocol):
    """What the driver of a partition drives."""

    def take(self, run: Sequence[Incoming]) -> Sequence[Outgoing]:
        """Take source messages, which follow each other; give what is now to be sent."""

    def is_over(self) -> bool:
        """Whether nothing that arrives from now on could belong to what is still open."""

    def drain(self) -> Sequence[Outgoing]:
        """The partition is idle: give what only waited for later events."""

    def save(self, sequence: int, next_offset: int) -> dict[str, bytes]:
        """Give the sections that checkpoint `sequence` must write."""

    def load(self, sections: Mapping[str, bytes]) -> int | None:
        """Take over the state in `sections`; give the offset to go on from, None when there is no state."""

    def measure(self) -> None:
        """Tell the metrics what is held; called now and then."""


class AccountStage(Protocol):
    """The parts of the account stage that a task needs."""

    @property
    def watermark_ms(self) -> int | None:
        """Event time that no event is expected to be behind."""

    def observe_all(self, requests: Sequence[Any]) -> None:
        """Take requests, which are whatever the decoder gives."""

    def advance(self, watermark_ms: int) -> list[Any]:
        """Close the windows behind the watermark."""

    def drain(self) -> list[Any]:
        """Close every window."""

    def snapshot(self) -> dict[Any, Any]:
        """Give the partition's head."""

    def take_changed(self) -> dict[str, bytes]:
        """Give the packed records changed since the last call."""

    def record(self, account_id: str) -> bytes | None:
        """Give the packed record of one account, None if it is not remembered."""

    def restore(self, head: dict[Any, Any], accounts: Iterable[tuple[str, bytes]]) -> None:
        """Take over what `snapshot` and `take_changed` gave."""


class BarrierStage(Protocol):
    """The parts of the link and the cluster stage that a task needs."""

    def observe(self, report: Any) -> None:  # noqa: ANN401 - whatever the decoder gives
        """Take one report of a source partition."""

    def advance(self) -> list[Any]:
        """Close what every source has reported."""

    def snapshot(self) -> dict[Any, Any]:
        """Give the whole state."""

    def restore(self, state: dict[Any, Any]) -> None:
        """Take over what `snapshot` gave."""


class AccountTask:
    """Requests in, window reports out; state is the stage's head and one packed record per account.

    `decode` gives the requests of messages and what is to be sent for the unusable ones; `route` gives the messages
    that carry reports.
    """

    def __init__(
        self,
        stage: AccountStage,
        decode: Callable[[Sequence[Incoming]], tuple[Sequence[Any], list[Outgoing]]],
        route: Callable[[list[Any]], list[Outgoing]],
        position: Position,
        measure: Callable[[Any], None] = lambda _: None,
        is_over: Callable[[Any], bool] = lambda _: True,
    ) -> None:
        self.stage = stage
        self._decode = decode
        self._route = route
        self._position = position
        self._is_over = is_over
        self._index = AccountIndex()
        self._measure = measure

    def take(self, run: Sequence[Incoming]) -> Sequence[Outgoing]:
        """Observe every request of the messages; give rejects and the reports of windows that closed."""
        stage = self.stage
        requests, outgoing = self._decode(run)
        stage.observe_all(requests)
        watermark_ms = stage.watermark_ms
        reports = stage.advance(watermark_ms) if watermark_ms is not None else None
        return [*outgoing, *self._route(reports)] if reports else outgoing

    def is_over(self) -> bool:
        """Whether the stage's open windows are past; silence alone does not say so where requests are rare."""
        return self._is_over(self.stage)

    def drain(self) -> Sequence[Outgoing]:
        """Give the reports of all windows still open; the last says that the partition is idle."""
        return self._route(self.stage.drain())

    def save(self, sequence: int, next_offset: int) -> dict[str, bytes]:
        """Give the head, the changed accounts and one bucket of all."""
        stage = self.stage
        records = self._index.sections(sequence, stage.take_changed(), stage.record)
        return records | pack_head(next_offset, stage.snapshot())

    def load(self, sections: Mapping[str, bytes]) -> int | None:
        """Restore head and accounts."""
        head = unpack_head(sections, self._position)
        if head is None:
            self.measure()
            return None
        with written_by_this_version(self._position):
            accounts = merge_records(sections)
            self._index.load(accounts)
            self.stage.restore(head.stage, accounts.items())
        self.measure()
        return head.next_offset

    def measure(self) -> None:
        """Tell the metrics about the stage."""
        self._measure(self.stage)


class BarrierTask:
    """Reports of source partitions in, what the stage makes of them out; state is one snapshot."""

    def __init__(
        self,
        stage: BarrierStage,
        decode: Callable[[Incoming], Iterable[Any]],
        route: Callable[[list[Any]], list[Outgoing]],
        position: Position,
        measure: Callable[[Any], None] = lambda _: None,
    ) -> None:
        self.stage = stage
        self._decode = decode
        self._route = route
        self._position = position
        self._measure = measure

    def take(self, run: Sequence[Incoming]) -> Sequence[Outgoing]:
        """Observe every report of the messages; give what became certain with each."""
        results: list[Any] = []
        for message in run:
            for report in self._decode(message):
                self.stage.observe(report)
            results += self.stage.advance()
        return self._route(results) if results else ()

    def is_over(self) -> bool:
        """Say yes: this stage holds nothing that waits for time to pass."""
        return True

    def drain(self) -> Sequence[Outgoing]:
        """Give nothing: idleness comes from the sources, in their reports."""
        return ()

    def save(self, sequence: int, next_offset: int) -> dict[str, bytes]:  # noqa: ARG002 - every checkpoint is whole
        """Give the whole state."""
        return pack_head(next_offset, self.stage.snapshot())

    def load(self, sections: Mapping[str, bytes]) -> int | None:
        """Restore the whole state."""
        head = unpack_head(sections, self._position)
        if head is None:
            return None
        with written_by_this_version(self._position):
            self.stage.restore(head.stage)
        return head.next_offset

    def measure(self) -> None:
        """Tell the metrics about the stage."""
        self._measure(self.stage)


def pack_head(next_offset: int, stage: dict[Any, Any]) -> dict[str, bytes]:
    """Give the section every checkpoint has."""
    return {HEAD: msgspec.msgpack.encode(Head(HEAD_VERSION, next_offset, stage))}


def unpack_head(sections: Mapping[str, bytes], position: Position) -> Head | None:
    """Read the section that `pack_head` gave; None where nothing was ever written.

    Raises:
        StateError: it is of another version.
    """
    data = sections.get(HEAD)
    if data is None:
        return None
    try:
        head = msgspec.msgpack.decode(data, type=Head, strict=False)
        version: object = head.version
    except msgspec.ValidationError as error:
        head, version = None, error
    if head is None or version != HEAD_VERSION:
        where = f"state of {position.topic}, partition {position.partition}"
        raise StateError(where, f"head of version {version}", str(HEAD_VERSION))
    return head


@contextlib.contextmanager
def written_by_this_version(position: Position) -> Iterator[None]:
    """Say what to do where a stage cannot make sense of what it is given."""
    try:
        yield
    except (ValueError, LookupError, TypeError, msgspec.MsgspecError) as error:
        where = f"state of {position.topic}, partition {position.partition}"
        raise StateError(where, str(error) or repr(error), "what this version writes") from error
