"""Event time of one stream: how far it has come, what is late and what is not to be believed yet."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median_low
from typing import Any

from streamer.detection.request import Request, RequestRecord, record_of

CONFIRMATIONS = 8
# A stream begins when so many accounts say when: of three, one that is wrong is outvoted.
BEGINNERS = 3
# Whoever is alone ahead, with nobody left at the old time, is believed after so many requests.
LONG_RUN = 1024
MAX_HELD = 4096
DAY_MS = 86_400_000
# Whoever was quiet for no longer than this needs no others to confirm what time it is.
SHORT_GAP_MS = DAY_MS // 24
# What nobody has contradicted is believed at the end over a gap as long as this.
LONGEST_GAP_MS = 14 * DAY_MS
NEVER_MS = 1 << 62


def _by_time(record: RequestRecord) -> tuple[int, str, str]:
    return record.timestamp_ms, record.account_id, record.event_id


def _same(one: RequestRecord, other: RequestRecord) -> bool:
    return one.event_id == other.event_id and one.account_id == other.account_id


class EventClock:
    """The newest time of a stream that can be believed, and the requests that are too far ahead of it.

    A few accounts whose clock is wrong must not make everything after them late, however much they send. So a request
    further ahead than the lateness bound is held, until `CONFIRMATIONS` different requests in a row are ahead. Where
    that is by more than `SHORT_GAP_MS`, they must be of as many accounts, or of all there are. Then those are believed
    that are not far beyond the middle. The first requests of a stream are held likewise, with nothing to measure them
    against. What lies beyond `present_ms`, when somebody looks, takes `LONG_RUN` in a row, of however many accounts,
    as long as the stream itself has not come so far.
    """

    __slots__ = (
        "_ahead_run",
        "_enough",
        "_firsts",
        "_held",
        "_known",
        "_near",
        "_undenied",
        "floor_ms",
        "horizon_ms",
        "lateness_ms",
        "newest_ms",
        "present_ms",
        "ripe_ms",
    )

    def __init__(self, lateness_ms: int, present_ms: int = NEVER_MS) -> None:
        self.lateness_ms = lateness_ms
        self.present_ms = present_ms
        self.newest_ms: int | None = None
        self.floor_ms = 0
        self.horizon_ms = -1
        self.ripe_ms = NEVER_MS
        self._ahead_run = 0
        # Of a run: when each account began to be ahead, and the times that are little ahead.
        self._firsts: dict[str, int] = {}
        self._near: list[int] = []
        # Whose requests were used, until they are as many as a jump ahead must have at most; and how many it must have.
        self._known: set[str] = set()
        self._enough = 0
        self._held: list[RequestRecord] = []
        # From which on, of those that are held, nobody who was not ahead has come since.
        self._undenied = 0

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
        """Take note of a request that is not ahead: it ends a run of those that are, unless it is late itself."""
        if timestamp_ms >= self.floor_ms:
            self._end_run()
            self._undenied = len(self._held)
        self.reach(timestamp_ms)

    def reach(self, timestamp_ms: int) -> None:
        """Take note of a request that is believed."""
        if self.newest_ms is None or timestamp_ms > self.newest_ms:
            self._move(timestamp_ms)

    def know(self, requests: Iterable[Request]) -> None:
        """Note whose requests are used, until as many accounts are known as a jump ahead must have."""
        if self._enough < CONFIRMATIONS:
            self._known.update(request.account_id for request in requests)
            self._enough = min(CONFIRMATIONS, len(self._known))
            if self._enough == CONFIRMATIONS:
                self._known = set()

    def _end_run(self) -> None:
        if self._ahead_run:
            self._ahead_run, self._firsts, self._near = 0, {}, []

    def takes(self, oldest_ms: int, newest_ms: int) -> bool:
        """Whether requests between two times are neither ahead nor late in any order, and make nothing held ripe."""
        if self.newest_ms is None or newest_ms > self.horizon_ms:
            return False
        then_ms = max(newest_ms, self.newest_ms)
        return then_ms - oldest_ms <= self.lateness_ms < self.ripe_ms - then_ms

    def hold(self, request: Request) -> tuple[list[RequestRecord], int]:
        """Keep a request that is ahead; return those that are now believed, and how many had to be given up."""
        record = record_of(request)
        if not any(_same(record, other) for other in self._held[-CONFIRMATIONS:]):
            self._note_ahead(record)
        self._held.append(record)
        self.ripe_ms = min(self.ripe_ms, record.timestamp_ms)
        given_up = 0
        middle_ms = self._confirmed_ms()
        if middle_ms is not None:
            self._end_run()
            believed = self._believed(middle_ms + self.lateness_ms)
            if self.newest_ms is None:
                # A stray from long ago must not be where the stream begins: after the others it is late, as it should.
                believed.sort(key=lambda record: record.timestamp_ms < middle_ms - DAY_MS)
            return believed, 0
        if len(self._held) > MAX_HELD:
            wildest = max(range(len(self._held)), key=lambda place: self._held[place].timestamp_ms)
            del self._held[wildest]
            self._undenied -= wildest < self._undenied
            given_up = 1
        return [], given_up

    def _note_ahead(self, record: RequestRecord) -> None:
        self._ahead_run += 1
        first_ms = self._firsts.get(record.account_id, NEVER_MS)
        self._firsts[record.account_id] = min(first_ms, record.timestamp_ms)
        if self.newest_ms is not None and record.timestamp_ms <= self.newest_ms + SHORT_GAP_MS:
            self._near.append(record.timestamp_ms)

    def _confirmed_ms(self) -> int | None:
        """The middle of those that are ahead, if they are enough to be believed."""
        if len(self._near) >= CONFIRMATIONS:
            return median_low(self._near)
        enough = BEGINNERS if self.newest_ms is None else self._enough
        credible = self._credible(self._firsts.values())
        if self._ahead_run >= LONG_RUN:
            return median_low(credible)
        if self._ahead_run < CONFIRMATIONS or len(credible) < enough or self._is_too_far(min(credible)):
            return None
        return median_low(credible)

    def _credible(self, times_ms: Iterable[int]) -> list[int]:
        """Give those that do not lie beyond the present, if there are any: else all."""
        every = list(times_ms)
        return [time_ms for time_ms in every if not self._is_too_far(time_ms)] or every

    def _is_too_far(self, time_ms: int) -> bool:
        return time_ms > self.present_ms and (self.newest_ms is None or self.newest_ms <= self.present_ms)

    def ripe(self) -> list[RequestRecord]:
        """Give the held requests that the clock has caught up with; to be asked for while `ripe_ms` is in reach."""
        return self._believed(self.horizon_ms)

    def _believed(self, until_ms: int) -> list[RequestRecord]:
        believed = sorted((r for r in self._held if r.timestamp_ms <= until_ms), key=_by_time)
        self._undenied = sum(record.timestamp_ms > until_ms for record in self._held[: self._undenied])
        self._held = [record for record in self._held if record.timestamp_ms > until_ms]
        self.ripe_ms = min((record.timestamp_ms for record in self._held), default=NEVER_MS)
        return believed

    def finish(self) -> tuple[list[RequestRecord], int]:
        """The stream has ended: believe what is held within a day of the newest, give up the rest.

        As long as nobody has said otherwise since, a gap may be as long as `LONGEST_GAP_MS`. A stream too short to have
        begun is believed whole.
        """
        if not self._held:
            return [], 0
        told_ms = self._credible(record.timestamp_ms for record in self._held)
        newest_ms = max(told_ms) if self.newest_ms is None else self.newest_ms
        held, believed = len(self._held), self._believed(newest_ms + DAY_MS)
        self._held, self._undenied = self._held[self._undenied :], 0
        for record in sorted(self._held, key=_by_time):
            newest_ms = max(newest_ms, record.timestamp_ms if record.timestamp_ms <= newest_ms + LONGEST_GAP_MS else 0)
        believed += self._believed(newest_ms)
        self._held, self.ripe_ms = [], NEVER_MS
        self._end_run()
        given_up = held - len(believed)
        return believed, given_up

    def snapshot(self) -> dict[str, Any]:
        """Plain data from which `restore` makes the same clock."""
        return {
            "newest_ms": self.newest_ms,
            "ahead_run": self._ahead_run,
            "firsts": sorted(self._firsts.items()),
            "near": list(self._near),
            "known": sorted(self._known),
            "enough": self._enough,
            "undenied": self._undenied,
            "held": [list(r) for r in self._held],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `snapshot` gave."""
        if state["newest_ms"] is not None:
            self._move(state["newest_ms"])
        self._ahead_run = state["ahead_run"]
        self._firsts, self._near = dict(state.get("firsts", ())), list(state.get("near", ()))
        self._known, self._enough = set(state.get("known", ())), state.get("enough", CONFIRMATIONS)
        self._undenied = state.get("undenied", 0)
        self._held = [RequestRecord(*record) for record in state["held"]]
        self.ripe_ms = min((record.timestamp_ms for record in self._held), default=NEVER_MS)
