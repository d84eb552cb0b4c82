"""The partitions a worker holds: taken over when assigned, let go when revoked."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from aiokafka.errors import KafkaError

from streamer.errors import StreamerError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence

    from streamer.stream.driver import PartitionDriver
    from streamer.stream.messages import Incoming, Position

logger = logging.getLogger(__name__)
# So much of one partition is taken at a time; then others get their turn.
RUN_BYTES = 64 << 10


class Partitions:
    """The drivers of all partitions this worker owns.

    `fail` is called with what nothing here can mend; the worker must then end, and be started again. A driver that has
    lost its partition to another worker is replaced, should the partition still be ours when `tick` next looks.
    """

    def __init__(
        self, build: Callable[[Position], PartitionDriver], fail: Callable[[BaseException], Awaitable[None]]
    ) -> None:
        self._build = build
        self._fail = fail
        self._drivers: dict[Position, PartitionDriver] = {}
        self._restoring: set[asyncio.Task[None]] = set()

    def __iter__(self) -> Iterator[PartitionDriver]:
        return iter(tuple(self._drivers.values()))

    @property
    def is_ready(self) -> bool:
        """Whether every partition held is restored, and there is at least one."""
        return bool(self._drivers) and all(driver.restored.is_set() for driver in self._drivers.values())

    def assign(self, positions: Iterable[Position]) -> None:
        """Take over what is newly ours; restoring goes on behind the scenes."""
        for position in positions:
            if position not in self._drivers:
                self._open(position)

    async def revoke(self, positions: Iterable[Position]) -> None:
        """Let go at once: whatever is not yet in the state is the next owner's to read again."""
        dropped = [self._drivers.pop(position) for position in set(positions) if position in self._drivers]
        await asyncio.gather(*(driver.close() for driver in dropped))

    async def close(self) -> None:
        """Let go of everything after a last checkpoint."""
        dropped = list(self._drivers.values())
        self._drivers.clear()
        await asyncio.gather(*(driver.close(save=True) for driver in dropped), return_exceptions=True)

    async def take(self, position: Position, messages: Sequence[Incoming]) -> None:
        """Hand messages to their partition; those of a partition that is not ours are dropped."""
        driver = self._drivers.get(position)
        if driver is None:
            return
        for run in runs(messages):
            if not driver.take_now(run):
                for message in run:
                    await driver.take(message)
            elif driver.is_due():
                await driver.settle()
            await asyncio.sleep(0)

    async def tick(self) -> None:
        """Let every partition do what time alone brings."""
        for position, driver in tuple(self._drivers.items()):
            if driver.closed and self._drivers.get(position) is driver:
                await driver.close()
                self._open(position)
            else:
                await driver.tick()

    def _open(self, position: Position) -> None:
        driver = self._drivers[position] = self._build(position)
        task = asyncio.create_task(self._restore(driver))
        self._restoring.add(task)
        task.add_done_callback(self._restoring.discard)

    async def _restore(self, driver: PartitionDriver) -> None:
        try:
            await driver.restore()
        except Exception as error:
            if not driver.closed:
                if isinstance(error, StreamerError):
                    logger.critical("%s", error)
                elif isinstance(error, KafkaError):
                    logger.critical("cannot restore %s: Kafka fails: %s", driver.position, error)
                else:
                    logger.exception("cannot restore %s", driver.position)
                await self._fail(error)


def runs(messages: Sequence[Incoming]) -> Iterator[Sequence[Incoming]]:
    """Cut what a fetch brought into pieces of about `RUN_BYTES`; a larger message ends its piece.

    >>> from streamer.stream.messages import Stored
    >>> sizes = (30_000, 30_000, 30_000, 70_000, 5)
    >>> stored = [Stored(offset, None, bytes(size)) for offset, size in enumerate(sizes)]
    >>> [[message.offset for message in run] for run in runs(stored)]
    [[0, 1, 2], [3], [4]]
    """
    start = run_bytes = 0
    for at, message in enumerate(messages, 1):
        run_bytes += len(message.value or b"")
        if run_bytes >= RUN_BYTES:
            yield messages[start:at]
            start, run_bytes = at, 0
    if start < len(messages):
        yield messages[start:]
