"""Stage 1 for one partition: requests in; closed windows of active accounts out, and before that who is loud."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from streamer.detection.account_book import AccountBook
from streamer.detection.early_counts import EarlyCounts
from streamer.detection.event_clock import NEVER_MS, EventClock
from streamer.detection.evidence import WindowReport
from streamer.detection.open_window import OpenWindow, Roll
from streamer.detection.recent import Recent, event_keys
from streamer.detection.request import Request
from streamer.detection.segments import Segments
from streamer.detection.settings import DetectionSettings
from streamer.detection.telling import Telling

FORMAT = 5
# Beyond so many identities a new window begins a new roll; the old one goes with the last window that has it.
MAX_ROLL = 16_384
# Fewer requests are not worth being looked at together.
MIN_BATCH = 8


@dataclass(slots=True)
class OutcomeCounts:
    """What became of the requests: each is counted once it is decided; those held for confirmation are not yet."""

    used: int = 0
    duplicates: int = 0
    late: int = 0
    ahead: int = 0


class AccountStage:
    """Follows every account of one partition through event-time windows.

    `observe` may be called in any order within the lateness bound and gives the same reports (but for when early counts
    are told); a request seen twice counts once. With `track_changes`, `take_changed` gives the packed accounts that
    changed since it was last asked. Times beyond `present_ms` are hard to believe: see `EventClock`.
    """

    def __init__(
        self,
        settings: DetectionSettings,
        partition: int = 0,
        *,
        track_changes: bool = False,
        present_ms: int = NEVER_MS,
    ) -> None:
        self.settings = settings
        self.partition = partition
        self.counts = OutcomeCounts()
        self.closed_through = -1
        self.first_ms = NEVER_MS
        self._window_ms = settings.window.window_ms
        self._clock = EventClock(settings.window.lateness_s * 1000, present_ms)
        self._open: dict[int, OpenWindow] = {}
        self._recent = Recent()
        self._book = AccountBook(settings.account, track_changes=track_changes)
        self._roll = Roll()
        self._telling = Telling(settings, self._book)
        self._early = EarlyCounts(settings.alert.account_min_requests)
        self._idle = False

    @property
    def watermark_ms(self) -> int | None:
        """No request older than this is expected; None before the stream has begun."""
        return self._clock.watermark_ms

    @property
    def newest_ms(self) -> int | None:
        """Time of the newest request that is believed."""
        return self._clock.newest_ms

    @property
    def latest_ms(self) -> int | None:
        """Time of the newest request, believed or not; None before the first."""
        return self._clock.latest_ms

    @property
    def account_count(self) -> int:
        """How many accounts are remembered."""
        return len(self._book)

    def observe(self, request: Request) -> None:
        """Take in one request."""
        clock = self._clock
        timestamp_ms = request.timestamp_ms
        if timestamp_ms > clock.horizon_ms:
            believed, given_up = clock.hold(request)
            self.counts.ahead += given_up
            for record in believed:
                self._place(record, record.timestamp_ms)
        else:
            clock.confirm(timestamp_ms)
            self._place(request, timestamp_ms)
        while clock.horizon_ms >= clock.ripe_ms:
            for record in clock.ripe():
                self._place(record, record.timestamp_ms)

    def observe_all(self, requests: Sequence[Request]) -> None:
        """Take in requests as `observe` does one after another; faster, where most come in time and once."""
        self._observe(requests, [request.timestamp_ms for request in requests])

    def _observe(self, requests: Sequence[Request], times_ms: Sequence[int]) -> None:
        if len(requests) < MIN_BATCH:
            for request in requests:
                self.observe(request)
        elif not self._take_in(requests, times_ms):
            middle = len(requests) // 2
            self._observe(requests[:middle], times_ms[:middle])
            self._observe(requests[middle:], times_ms[middle:])

    def _take_in(self, requests: Sequence[Request], times_ms: Sequence[int]) -> bool:
        """Take in requests if each of them is in time and new, whatever their order; otherwise none of them."""
        oldest_ms, newest_ms = min(times_ms), max(times_ms)
        first, last = oldest_ms // self._window_ms, newest_ms // self._window_ms
        if first <= self.closed_through or not self._clock.takes(oldest_ms, newest_ms):
            return False
        keys = event_keys(requests)
        if not self._recent.are_new(keys):
            return False
        self._clock.confirm(newest_ms)
        if first == last:
            self._add(first, requests, times_ms, keys)
            return True
        for window in range(first, last + 1):
            here = [at for at, time_ms in enumerate(times_ms) if time_ms // self._window_ms == window]
            if here:
                self._add(
                    window, [requests[at] for at in here], [times_ms[at] for at in here], [keys[at] for at in here]
                )
        return True

    def _place(self, request: Request, timestamp_ms: int) -> None:
        clock = self._clock
        clock.reach(timestamp_ms)
        window = timestamp_ms // self._window_ms
        if timestamp_ms < clock.floor_ms or window <= self.closed_through:
            self.counts.late += 1
            return
        keys = event_keys((request,))
        if not self._recent.are_new(keys):
            self.counts.duplicates += 1
            return
        self._add(window, (request,), (timestamp_ms,), keys)

    def _add(self, window: int, requests: Sequence[Request], times_ms: Sequence[int], keys: Sequence[int]) -> None:
        """Put requests that are in time and new into their window."""
        seen = self._open.get(window)
        if seen is None:
            if len(self._roll) > MAX_ROLL:
                self._roll = Roll()
            seen = self._open[window] = OpenWindow(self._roll)
        self._recent.add(window, keys)
        self._clock.know(requests)
        seen.add(requests, times_ms)
        self.counts.used += len(requests)

    def advance(self, watermark_ms: int | None) -> list[WindowReport]:
        """Close every window that ends at or before the watermark; tell who is loud in the one after them."""
        if watermark_ms is None:
            return []
        reports = self._close_through(watermark_ms // self._window_ms - 1)
        if self._idle and self._open:
            self._idle = False
            reports = reports or [WindowReport(self.partition, self.closed_through)]
        return [*reports, *self._tell_early(self.closed_through + 1)]

    def drain(self) -> list[WindowReport]:
        """Close every window that holds a request: the input has ended, or has been silent for long enough."""
        believed, given_up = self._clock.finish()
        self.counts.ahead += given_up
        for record in believed:
            self._place(record, record.timestamp_ms)
        newest = max(self._open, default=self.closed_through)
        reports = self._close_through(newest)
        self._idle = True
        if not reports:
            return [WindowReport(self.partition, self.closed_through, idle=True)]
        reports[-1] = reports[-1]._replace(idle=True)
        return reports

    def _close_through(self, through: int) -> list[WindowReport]:
        if through <= self.closed_through:
            return []
        reports = []
        for window in sorted(window for window in self._open if window <= through):
            reports += [*self._tell_early(window, closing=True), self._close(window)]
        self.closed_through = through
        if not reports or reports[-1].window < through:
            reports.append(WindowReport(self.partition, through))
        self._book.sweep((through + 1) * self._window_ms)
        return reports

    def _tell_early(self, window: int, *, closing: bool = False) -> list[WindowReport]:
        """Tell who passed a bound in an open window; those before it are closed, so habits are those of the close."""
        seen = self._open.get(window)
        if seen is None:
            return []
        passed = self._early.passed(window, seen, closing=closing)
        if not len(passed.place):
            return []
        return [WindowReport(self.partition, window, early=self._telling.early(window, seen, passed), last=False)]

    def _close(self, window: int) -> WindowReport:
        self._recent.close(window)
        seen = self._open.pop(window).columns()
        cut = Segments(seen)
        self.first_ms = min(self.first_ms, int(cut.first_ms.min()))
        return WindowReport(self.partition, window, *self._telling.closed(window, seen, cut))

    def take_changed(self) -> dict[str, bytes]:
        """Give the packed record of every account that changed since this was last asked."""
        return self._book.take_changed()

    def record(self, account_id: str) -> bytes | None:
        """Give the packed record of one account, None if it is not remembered."""
        return self._book.record(account_id)

    def account_ids(self) -> Iterator[str]:
        """Name every account that is remembered."""
        return iter(self._book)

    def snapshot(self) -> dict[str, Any]:
        """Everything but the accounts' records, as plain data."""
        return {
            "format": FORMAT,
            "closed_through": self.closed_through,
            "first_ms": self.first_ms,
            "idle": self._idle,
            "swept_hour": self._book.swept_hour,
            "clock": self._clock.snapshot(),
            "counts": [self.counts.used, self.counts.duplicates, self.counts.late, self.counts.ahead],
            "recent": self._recent.snapshot(),
            "open": [[window, seen.snapshot()] for window, seen in sorted(self._open.items())],
        }

    def restore(self, head: dict[str, Any], accounts: Iterable[tuple[str, bytes]]) -> None:
        """Take over a snapshot and the accounts that belong to it; ValueError if another format wrote it."""
        if head["format"] != FORMAT:
            message = f"account stage snapshot of format {head['format']}, expected {FORMAT}"
            raise ValueError(message)
        self.closed_through, self.first_ms, self._idle = head["closed_through"], head["first_ms"], head["idle"]
        self._clock.restore(head["clock"])
        self.counts = OutcomeCounts(*head["counts"])
        self._recent.restore(head["recent"])
        self._roll = Roll()
        self._open = {window: OpenWindow.restore(seen, self._roll) for window, seen in head["open"]}
        self._book.restore(accounts, head["swept_hour"])
