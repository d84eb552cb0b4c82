"""Event time of one stream: how far it has come, what is late and what is not to be believed yet."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median_low
from typing import Any, Generic, TypeVar

from streamer.detection.request import Request, RequestRecord, record_of

Item = TypeVar("Item")

CONFIRMATIONS = 8
MAX_HELD = 4096
DAY_MS = 86_400_000
NEVER_MS = 1 << 62


def _by_time(record: RequestRecord) -> tuple[int, str, str]:
    return record.timestamp_ms, record.account_id, record.event_id


def _same(one: RequestRecord, other: RequestRecord) -> bool:
    return one.event_id == other.event_id and one.account_id == other.account_id


class EventClock:
    """The newest time of a stream that can be believed, and the requests that are too far ahead of it.

    One wrong timestamp in the future must not make everything after it late. So a request further ahead than the
    lateness bound is held; only when `CONFIRMATIONS` different requests in a row are ahead are those believed that are
    not far beyond their median. The first requests of a stream are held likewise, with nothing to measure them against.
    """

    __slots__ = ("_ahead_run", "_held", "floor_ms", "horizon_ms", "lateness_ms", "newest_ms", "ripe_ms")

    def __init__(self, lateness_ms: int) -> None:
        self.lateness_ms = lateness_ms
        self.newest_ms: int | None = None
        self.floor_ms = 0
        self.horizon_ms = -1
        self.ripe_ms = NEVER_MS
        self._ahead_run = 0
        self._held: list[RequestRecord] = []

    @property
    def watermark_ms(self) -> int | None:
        """Nothing older than this is still expected; None before the stream has begun."""
        return None if self.newest_ms is None else self.newest_ms - self.lateness_ms

    @property
    def latest_ms(self) -> int | None:
        """The newest time of all, whether it is believed or not."""
        return max((record.timestamp_ms for record in self._held), default=self.newest_ms)

    @property
    def held(self) -> int:
        """How many requests wait for others to confirm their time."""
        return len(self._held)

    def _move(self, newest_ms: int) -> None:
        self.newest_ms = newest_ms
        self.floor_ms = newest_ms - self.lateness_ms
        self.horizon_ms = newest_ms + self.lateness_ms

    def confirm(self, timestamp_ms: int) -> None:
        """Take note of a request that is not ahead: it ends a run of those that are, and may be the newest."""
        self._ahead_run = 0
        if self.newest_ms is None or timestamp_ms > self.newest_ms:
            self._move(timestamp_ms)

    def takes(self, oldest_ms: int, newest_ms: int) -> bool:
        """Whether requests between two times are neither ahead nor late in any order, and make nothing held ripe."""
        if self.newest_ms is None or newest_ms > self.horizon_ms:
            return False
        then_ms = max(newest_ms, self.newest_ms)
        return then_ms - oldest_ms <= self.lateness_ms < self.ripe_ms - then_ms

    def hold(self, request: Request) -> tuple[list[RequestRecord], int]:
        """Keep a request that is ahead; return those that are now believed, and how many had to be given up."""
        record = record_of(request)
        self._ahead_run += not any(_same(record, other) for other in self._held[-CONFIRMATIONS:])
        self._held.append(record)
        self.ripe_ms = min(self.ripe_ms, record.timestamp_ms)
        given_up = 0
        if self._ahead_run >= CONFIRMATIONS:
            self._ahead_run = 0
            middle_ms = median_low(record.timestamp_ms for record in self._held[-CONFIRMATIONS:])
            believed = self._believed(middle_ms + self.lateness_ms)
            # A stray from long ago must not be where the stream begins: after the others it is late, as it should be.
            return sorted(believed, key=lambda record: record.timestamp_ms < middle_ms - DAY_MS), 0
        if len(self._held) > MAX_HELD:
            self._held.remove(max(self._held, key=lambda record: record.timestamp_ms))
            given_up = 1
        return [], given_up

    def ripe(self) -> list[RequestRecord]:
        """Give the held requests that the clock has caught up with; to be asked for while `ripe_ms` is in reach."""
        return self._believed(self.horizon_ms)

    def _believed(self, until_ms: int) -> list[RequestRecord]:
        believed = sorted((r for r in self._held if r.timestamp_ms <= until_ms), key=_by_time)
        self._held = [record for record in self._held if record.timestamp_ms > until_ms]
        self.ripe_ms = min((record.timestamp_ms for record in self._held), default=NEVER_MS)
        return believed

    def finish(self) -> tuple[list[RequestRecord], int]:
        """The stream has ended: believe what is held within a day of the newest, give up the rest.

        A stream too short to have begun is believed whole.
        """
        if not self._held:
            return [], 0
        until_ms = max(r.timestamp_ms for r in self._held) if self.newest_ms is None else self.newest_ms + DAY_MS
        believed = self._believed(until_ms)
        given_up, self._held, self._ahead_run, self.ripe_ms = len(self._held), [], 0, NEVER_MS
        return believed, given_up

    def snapshot(self) -> dict[str, Any]:
        """Plain data from which `restore` makes the same clock."""
        return {"newest_ms": self.newest_ms, "ahead_run": self._ahead_run, "held": [list(r) for r in self._held]}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `snapshot` gave."""
        if state["newest_ms"] is not None:
            self._move(state["newest_ms"])
        self._ahead_run = state["ahead_run"]
        self._held = [RequestRecord(*record) for record in state["held"]]
        self.ripe_ms = min((record.timestamp_ms for record in self._held), default=NEVER_MS)


class Barrier(Generic[Item]):
    """Holds what several sources report, window by window, until all of them have come past a window.

    A source that is idle holds nobody back; one that never spoke does. When all are idle, everything held is released.
    """

    def __init__(self, sources: int) -> None:
        self.sources = sources
        self._progress: dict[int, int] = {}
        self._idle: set[int] = set()
        self._held: dict[int, list[Item]] = {}
        self.closed_through = -1

    def passed(self, source: int, window: int) -> bool:
        """Whether a source has already reported a window, so that a repeat is to be ignored."""
        return window <= self._progress.get(source, -1)

    def add(self, window: int, items: list[Item]) -> int:
        """Hold what was reported of a window; return how many came after the window had closed."""
        if window <= self.closed_through:
            return len(items)
        if items:
            self._held.setdefault(window, []).extend(items)
        return 0

    def report(self, source: int, window: int, *, idle: bool) -> None:
        """A source has told all it has through `window`."""
        self._progress[source] = max(window, self._progress.get(source, -1))
        if idle:
            self._idle.add(source)
        else:
            self._idle.discard(source)

    @property
    def idle(self) -> bool:
        """Whether every source is idle."""
        return len(self._idle) == self.sources

    def reached(self) -> int:
        """The newest window that all busy sources have passed; -1 if there is none."""
        if len(self._progress) < self.sources:
            return -1
        busy = [window for source, window in self._progress.items() if source not in self._idle]
        return min(busy) if busy else max(self._progress.values())

    def release(self) -> list[tuple[int, list[Item]]]:
        """Windows with something in them that are complete now, oldest first."""
        reached = self.reached()
        if reached <= self.closed_through:
            return []
        self.closed_through = reached
        return [(window, self._held.pop(window)) for window in sorted(self._held) if window <= reached]

    def snapshot(self) -> dict[str, Any]:
        """Plain data from which `restore` makes the same barrier; items stay as they are."""
        return {
            "progress": sorted(self._progress.items()),
            "idle": sorted(self._idle),
            "closed_through": self.closed_through,
            "held": [[window, list(items)] for window, items in sorted(self._held.items())],
        }

    def restore(self, state: dict[str, Any], item: Callable[[Any], Item]) -> None:
        """Take over what `snapshot` gave; `item` makes an item from its plain form."""
        self._progress = {int(source): int(window) for source, window in state["progress"]}
        self._idle = set(state["idle"])
        self.closed_through = state["closed_through"]
        self._held = {int(window): [item(plain) for plain in items] for window, items in state["held"]}
