"""Drives one partition: every message once, results out, checkpoints in the order that loses nothing."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from streamer.stream.messages import Incoming, Outgoing, Position
from streamer.stream.offsets import OffsetGuard, Verdict
from streamer.stream.ports import Intervals, Ports
from streamer.stream.state_log import FencedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamer.metrics import PartitionMetrics
    from streamer.stream.state_log import StateLog
    from streamer.stream.tasks import Task

SAVE_SHARE = 20


class PartitionDriver:
    """One partition of one stage.

    The state knows which source message comes next; what Faust delivers is checked against that. A message seen before
    is skipped; where one is missing, it is fetched from the partition directly, so that no fault of delivery can lose
    or double an event. A checkpoint sends results first, then writes the state, then commits the offset: after a crash
    in between, the same results are sent again, and receivers know them.
    """

    def __init__(
        self,
        position: Position,
        task: Task,
        log: StateLog,
        ports: Ports,
        intervals: Intervals,
        metrics: PartitionMetrics,
    ) -> None:
        self.position = position
        self.closed = False
        self.restored = asyncio.Event()
        self.drained = False
        self.guard = OffsetGuard(0)
        self._task = task
        self._log = log
        self._ports = ports
        self._intervals = intervals
        self._metrics = metrics
        self._lock = asyncio.Lock()
        self._outbox: list[Outgoing] = []
        self._outbox_bytes = 0
        self._save_took_s = 0.0
        self._lag = 0
        self._unsaved = False
        self._taken = False
        self._sent_at = self._saved_at = self._heard_at = self._looked_at = ports.clock()

    async def restore(self) -> None:
        """Take the partition over: its state from its log, its place in the source from its state."""
        async with self._lock:
            started = self._ports.clock()
            state = await self._log.claim()
            next_offset = self._task.load(state.sections)
            if next_offset is None:
                next_offset = await self._ports.source.first_offset(self.position)
            self.guard = OffsetGuard(next_offset)
            self._heard_at = self._looked_at = self._ports.clock()
            self._metrics.restored(self._ports.clock() - started)
            self.restored.set()

    def take_now(self, run: Sequence[Incoming]) -> bool:
        """Take the messages that come next, if nothing must be waited for; False leaves all of them to `take`."""
        if not self.guard.are_next(run[0].offset, run[-1].offset, len(run)):
            return False
        if self._lock.locked() or not self.restored.is_set() or self.closed:
            return False
        self._take(run)
        return True

    async def take(self, message: Incoming) -> None:
        """Take a message, whatever it needs: a restore to wait for, those before it, a checkpoint after it."""
        await self.restored.wait()
        async with self._lock:
            if self.closed:
                return
            verdict = self.guard.check(message.offset)
            if verdict is Verdict.SKIP:
                self._metrics.skipped()
            else:
                if verdict is Verdict.GAP:
                    await self._fetch_missing(message.offset)
                if not self.closed:
                    self._take((message,))
            await self._checkpoint_if_due()

    async def settle(self) -> None:
        """Do the checkpoint that is due."""
        async with self._lock:
            await self._checkpoint_if_due()

    async def tick(self) -> None:
        """Do what time alone brings: a checkpoint that was held back, a look at a quiet source, idleness."""
        if self.closed or not self.restored.is_set() or self._lock.locked():
            return
        now = self._ports.clock()
        if self._taken:
            self._taken, self._heard_at = False, now
        async with self._lock:
            await self._checkpoint_if_due()
            if self.closed or now - max(self._heard_at, self._looked_at) < self._intervals.quiet_s:
                return
            self._looked_at = now
            await self._fetch_missing(await self._ports.source.end_offset(self.position))
            if self._taken or self.closed or self.drained or self._intervals.idle_s is None:
                return
            if now - self._heard_at >= self._intervals.idle_s and self._task.is_over():
                await self._drain()

    async def close(self, *, save: bool = False) -> None:
        """Stop; with `save`, after a last checkpoint, so that the next owner has less to read again."""
        with contextlib.suppress(FencedError):
            if save and self.restored.is_set() and not self.closed:
                async with self._lock:
                    await self._checkpoint(save=self._unsaved)
        self.closed = True
        self.restored.set()
        self._metrics.released()
        await self._log.close()

    def measure(self, end_offset: int | None) -> None:
        """Tell the metrics what is held, and how far this partition is behind the end of its source."""
        if self.closed or not self.restored.is_set():
            return
        self._task.measure()
        if end_offset is not None:
            self._lag = max(0, end_offset - self.guard.next_offset)
            self._metrics.lag(self._lag)

    def stuck_s(self, now_s: float) -> float:
        """For how long nothing was taken although there was something to take."""
        return now_s - self._heard_at if self._lag and not self._taken and self.restored.is_set() else 0.0

    def _take(self, run: Sequence[Incoming]) -> None:
        outgoing = self._task.take(run)
        self.guard.next_offset = run[-1].offset + 1
        self._unsaved = self._taken = True
        self.drained = False
        if outgoing:
            self._put(outgoing)

    def _put(self, outgoing: Sequence[Outgoing]) -> None:
        self._outbox += outgoing
        self._outbox_bytes += sum(len(message.value or b"") for message in outgoing)

    def is_due(self) -> bool:
        """Whether results are waiting for too long, or too much would have to be done again."""
        if not self._outbox:
            return False
        waited = self._outbox_bytes < self._intervals.max_outbox_bytes
        return not waited or self._ports.clock() - self._sent_at >= self._intervals.send_s

    async def _fetch_missing(self, stop: int) -> None:
        """Take, straight from the source, every message before `stop` that is there and was not delivered."""
        start = self.guard.next_offset
        if start >= stop:
            return
        found = 0
        async for messages in self._ports.source.read(self.position, start, stop):
            for message in messages:
                if self.closed:
                    return
                self._take((message,))
                found += 1
            await self._checkpoint_if_due()
        self.guard.passed(stop - 1)
        self._metrics.gap(found)

    async def _drain(self) -> None:
        # Written before anything is said: a worker that lost the partition without noticing must find out here.
        if not await self._checkpoint(save=True):
            return
        self.drained = True
        self._put(self._task.drain())
        self._unsaved = True
        await self._checkpoint(save=True)

    async def _checkpoint_if_due(self) -> None:
        unsaved_s = self._ports.clock() - self._saved_at if self._unsaved else 0.0
        if self.is_due():
            # A large state is saved less often, so that saving never takes more than a part of the time.
            await self._checkpoint(save=unsaved_s >= max(self._intervals.save_s, SAVE_SHARE * self._save_took_s))
        elif unsaved_s >= self._intervals.save_latest_s:
            await self._checkpoint(save=True)

    async def _checkpoint(self, *, save: bool) -> bool:
        """Send, then save, then commit. False when the partition turned out to be another worker's."""
        if self.closed:
            return False
        next_offset = self.guard.next_offset
        outbox, self._outbox, self._outbox_bytes = self._outbox, [], 0
        await self._ports.sender.send(outbox)
        self._sent_at = self._ports.clock()
        if not save or self.closed:
            return not self.closed
        try:
            size = await self._log.write(self._task.save(self._log.next_sequence, next_offset))
        except FencedError:
            self.closed = True
            self._metrics.fenced()
            return False
        self._saved_at = self._ports.clock()
        self._save_took_s, self._unsaved = self._saved_at - self._sent_at, False
        self._metrics.saved(size, self._log.size, self._save_took_s)
        await self._ports.commit(self.position, next_offset)
        return True
