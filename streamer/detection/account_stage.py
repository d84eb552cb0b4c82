"""Stage 1 for one partition: requests in, closed windows of active accounts out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np

from streamer.detection.account_book import AccountBook
from streamer.detection.account_learning import DAY_MS, Segments, learn, surprise
from streamer.detection.account_rows import census, rows_of
from streamer.detection.behaviour import behaviour_of, due
from streamer.detection.evidence import CELL, ActiveAccounts, WindowReport
from streamer.detection.identities import Identities, models_of, prompts_of, refused_in
from streamer.detection.open_window import OpenWindow
from streamer.detection.request import Request
from streamer.detection.settings import DetectionSettings
from streamer.detection.window import EventClock

NEVER_MS = 1 << 62
FORMAT = 4


@dataclass(slots=True)
class OutcomeCounts:
    """What became of the requests: each is counted once it is decided; those held for confirmation are not yet."""

    used: int = 0
    duplicates: int = 0
    late: int = 0
    ahead: int = 0


class AccountStage:
    """Follows every account of one partition through event-time windows.

    `observe` may be called in any order within the lateness bound and gives the same reports; a request seen twice
    counts once. With `track_changes`, `take_changed` gives the packed accounts that changed since it was last asked.
    """

    def __init__(self, settings: DetectionSettings, partition: int = 0, *, track_changes: bool = False) -> None:
        self.settings = settings
        self.partition = partition
        self.counts = OutcomeCounts()
        self.closed_through = -1
        self.first_ms = NEVER_MS
        self._window_ms = settings.window.window_ms
        self._clock = EventClock(settings.window.lateness_s * 1000)
        self._open: dict[int, OpenWindow] = {}
        self._recent: set[int] = set()
        self._recent_by_window: dict[int, list[int]] = {}
        self._book = AccountBook(settings.account, track_changes=track_changes)
        self._identities = Identities(settings.reference.strata, settings.link.disabled_kinds)
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
            self._place(request, timestamp_ms)
        while clock.horizon_ms >= clock.ripe_ms:
            for record in clock.ripe():
                self._place(record, record.timestamp_ms)

    def _place(self, request: Request, timestamp_ms: int) -> None:
        clock = self._clock
        clock.confirm(timestamp_ms)
        window = timestamp_ms // self._window_ms
        if timestamp_ms < clock.floor_ms or window <= self.closed_through:
            self.counts.late += 1
            return
        name = f"{request.account_id}\0{request.event_id}".encode("utf-8", "surrogatepass")
        event_key = int.from_bytes(blake2b(name, digest_size=8).digest(), "big")
        if event_key in self._recent:
            self.counts.duplicates += 1
            return
        self._recent.add(event_key)
        seen = self._open.get(window)
        if seen is None:
            seen = self._open[window] = OpenWindow()
            self._recent_by_window[window] = []
        self._recent_by_window[window].append(event_key)
        seen.add(request, timestamp_ms)
        self.counts.used += 1

    def advance(self, watermark_ms: int | None) -> list[WindowReport]:
        """Close every window that ends at or before the watermark."""
        if watermark_ms is None:
            return []
        reports = self._close_through(watermark_ms // self._window_ms - 1)
        if self._idle and self._open:
            self._idle = False
            reports = reports or [WindowReport(self.partition, self.closed_through)]
        return reports

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
        reports = [self._close(window) for window in sorted(self._open) if window <= through]
        self.closed_through = through
        if not reports or reports[-1].window < through:
            reports.append(WindowReport(self.partition, through))
        self._book.sweep((through + 1) * self._window_ms)
        return reports

    def _close(self, window: int) -> WindowReport:
        self._recent.difference_update(self._recent_by_window.pop(window))
        start_ms = window * self._window_ms
        end_ms = start_ms + self._window_ms
        seen = self._open.pop(window).columns()
        cut = Segments(seen)
        account_ids = [seen.account_ids[at] for at in cut.accounts.tolist()]
        self.first_ms = min(self.first_ms, int(cut.first_ms.min()))
        slots = self._book.open(account_ids, cut.first_ms, start_ms)
        state = self._book.rows[slots]
        odd, before_ms = surprise(state, cut.counts), state["last_ms"].copy()
        who = self._identities.of(seen, cut)
        learn(state, cut, who.origins, start_ms, self.settings.account)
        rows = rows_of(state, cut, end_ms, odd, who.created_ms)
        rows["stratum"], rows["organization"], rows["place"] = who.stratum, who.organization, who.place
        rows["before_ms"] = before_ms
        rows["model"], models = models_of(seen, cut)
        day = (end_ms - 1) // DAY_MS
        daily = day > state["census_day"]
        state["census_day"] = np.maximum(day, state["census_day"])
        told = np.flatnonzero(due(state, start_ms))
        behaviour = behaviour_of(state[told], end_ms, who.created_ms[told])
        self._book.rows[slots] = state
        prompts = prompts_of(seen, cut, start_ms)
        codes, counts = census(rows, daily, refused_in(prompts))
        cells = np.empty(len(codes), dtype=CELL)
        cells["code"], cells["count"] = codes, counts
        active = ActiveAccounts(
            account_ids,
            rows.tobytes(),
            models,
            who.links,
            who.uses.tobytes(),
            prompts.tobytes(),
            behaviour.tobytes(),
        )
        return WindowReport(self.partition, window, active, cells.tobytes())

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
            "recent": [[window, sorted(keys)] for window, keys in sorted(self._recent_by_window.items())],
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
        self._recent_by_window = {window: list(keys) for window, keys in head["recent"]}
        self._recent = {key for keys in self._recent_by_window.values() for key in keys}
        self._open = {window: OpenWindow.restore(seen) for window, seen in head["open"]}
        self._book.restore(accounts, head["swept_hour"])
