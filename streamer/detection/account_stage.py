"""Stage 1 for one partition: requests in, closed windows of active accounts out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from streamer.detection.account import AccountState, Standing
from streamer.detection.account_book import AccountBook
from streamer.detection.account_window import AccountWindow
from streamer.detection.evidence import Count, Profile, Row, WindowReport
from streamer.detection.links import Identity, Link, links_of
from streamer.detection.population import POOLED, SURPRISE_BINS_PER_UNIT, Cell, Feature, census
from streamer.detection.request import Request
from streamer.detection.settings import DetectionSettings
from streamer.detection.statistics import log_steps
from streamer.detection.window import EventClock

DAY_MS = 86_400_000
OTHER_STRATUM = "other"
MAX_TEMPLATES = 256
MAX_IDENTITIES = 32
LINK_CACHE = 50_000
MODEL_CACHE = 1000
NEVER_MS = 1 << 62
FORMAT = 1


@dataclass(slots=True)
class OutcomeCounts:
    """What became of the requests: each is counted once it is decided; those held for confirmation are not yet."""

    used: int = 0
    duplicates: int = 0
    late: int = 0
    ahead: int = 0


def _together(identities: Sequence[Identity]) -> Identity:
    """Give what is known of an account from several requests: a field that one of them lacks is taken from another."""
    created = [i.account_created_ms for i in identities if i.account_created_ms is not None]
    return Identity(
        account_created_ms=min(created, default=None),
        plan=max((i.plan for i in identities if i.plan), default=None),
        organization_id=max((i.organization_id for i in identities if i.organization_id), default=None),
    )


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
        self._open: dict[int, dict[str, AccountWindow]] = {}
        self._recent: set[int] = set()
        self._recent_by_window: dict[int, list[int]] = {}
        self._book = AccountBook(settings.account, track_changes=track_changes)
        self._links: dict[Identity, list[Link]] = {}
        self._models: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._strata = frozenset(settings.reference.strata)
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
        accounts = self._open.get(window)
        if accounts is None:
            accounts = self._open[window] = {}
            self._recent_by_window[window] = []
        self._recent_by_window[window].append(event_key)
        seen = accounts.get(request.account_id)
        if seen is None:
            seen = accounts[request.account_id] = AccountWindow()
        seen.add(request, timestamp_ms)
        self.counts.used += 1

    def advance(self, watermark_ms: int | None) -> list[WindowReport]:
        """Close every window that ends at or before the watermark."""
        if watermark_ms is None:
            return []
        reports = self._close_through(watermark_ms // self._window_ms - 1)
        if self._idle and self._open:
            self._idle = False
            reports = reports or [WindowReport(self.partition, self.closed_through, [], [])]
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
            return [WindowReport(self.partition, self.closed_through, [], [], idle=True)]
        reports[-1] = reports[-1]._replace(idle=True)
        return reports

    def _close_through(self, through: int) -> list[WindowReport]:
        if through <= self.closed_through:
            return []
        reports = [self._close(window) for window in sorted(self._open) if window <= through]
        self.closed_through = through
        if not reports or reports[-1].window < through:
            reports.append(WindowReport(self.partition, through, [], []))
        self._book.sweep((through + 1) * self._window_ms)
        return reports

    def _close(self, window: int) -> WindowReport:
        end_ms = (window + 1) * self._window_ms
        self._recent.difference_update(self._recent_by_window.pop(window))
        cells: Counter[Cell] = Counter()
        rows = []
        for account_id, seen in self._open.pop(window).items():
            state = self._book.open(account_id, seen.times, end_ms - self._window_ms)
            row = self._row(account_id, state, seen, window, end_ms)
            rows.append(row)
            self.first_ms = min(self.first_ms, seen.times[0])
            self._count(state, row.profile, end_ms, cells)
        return WindowReport(self.partition, window, rows, [Count(*cell, n) for cell, n in sorted(cells.items())])

    def _row(self, account_id: str, state: AccountState, seen: AccountWindow, window: int, end_ms: int) -> Row:
        surprise = state.surprise(len(seen.times))
        state.learn(seen, self.settings.account)
        identities = seen.identities()
        who = identities[0]
        links = self._links_of(who)
        if len(identities) > 1:
            who = _together(identities)
            links = sorted({link for identity in identities[:MAX_IDENTITIES] for link in self._links_of(identity)})
        stratum = who.plan if who.plan in self._strata else OTHER_STRATUM
        models = self._shared(seen.models())
        standing = Standing(stratum, who.organization_id, who.account_created_ms, surprise, models)
        profile = state.profile(account_id, window, end_ms, seen, standing)
        return Row(profile, links, seen.simhashes()[:MAX_TEMPLATES])

    def _shared(self, models: tuple[str, ...]) -> tuple[str, ...]:
        """Give one and the same tuple for the same models: a million accounts hold one each."""
        return self._models.setdefault(models, models) if len(self._models) < MODEL_CACHE else models

    def _links_of(self, identity: Identity) -> list[Link]:
        links = self._links.get(identity)
        if links is None:
            if len(self._links) >= LINK_CACHE:
                self._links.clear()
            links = self._links[identity] = links_of(identity)
        return links

    def _count(self, state: AccountState, profile: Profile, end_ms: int, cells: Counter[Cell]) -> None:
        place = min(int(profile.surprise * SURPRISE_BINS_PER_UNIT), 255)
        cells[POOLED, Feature.SURPRISE, 0, place] += 1
        cells[POOLED, Feature.WINDOW_REQUESTS, 0, log_steps(profile.requests) // 32] += 1
        day = (end_ms - 1) // DAY_MS
        daily = day > state.census_day
        state.census_day = max(day, state.census_day)
        for cell in census(profile, daily=daily):
            cells[cell] += 1

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
            "open": [
                [window, [[name, seen.snapshot()] for name, seen in sorted(accounts.items())]]
                for window, accounts in sorted(self._open.items())
            ],
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
        self._open = {
            window: {name: AccountWindow.restore(seen) for name, seen in opened} for window, opened in head["open"]
        }
        self._book.restore(accounts, head["swept_hour"])
