from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry

from streamer.metrics import Metrics
from streamer.stream.driver import PartitionDriver
from streamer.stream.messages import Outgoing, Position, Stored
from streamer.stream.ports import Intervals, Ports
from streamer.stream.state_log import FencedError, Restored

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

POSITION = Position("requests", 0)


@dataclass
class World:
    """A source partition, a state log and a receiver, all in memory, and a list of what happened in which order."""

    source: list[Stored] = field(default_factory=list)
    state: dict[str, bytes] = field(default_factory=dict)
    sequence: int = -1
    fenced: bool = False
    now: float = 0.0
    events: list[str] = field(default_factory=list)
    sent: list[bytes] = field(default_factory=list)
    committed: int | None = None
    size: int = 0

    @property
    def next_sequence(self) -> int:
        return self.sequence + 1

    async def claim(self) -> Restored:
        return Restored(self.sequence, self.state)

    async def write(self, sections: Mapping[str, bytes]) -> int:
        if self.fenced:
            raise FencedError
        self.events.append("save")
        self.state, self.sequence = {**self.state, **sections}, self.sequence + 1
        return 1

    async def close(self) -> None:
        self.events.append("close")

    async def send(self, messages: Sequence[Outgoing]) -> None:
        if messages:
            self.events.append("send")
        self.sent += [message.value or b"" for message in messages]

    async def commit(self, _position: Position, next_offset: int) -> None:
        self.events.append("commit")
        self.committed = next_offset

    async def first_offset(self, _position: Position) -> int:
        return self.source[0].offset if self.source else 0

    async def end_offset(self, _position: Position) -> int:
        return self.source[-1].offset + 1 if self.source else 0

    async def read(self, _position: Position, start: int, stop: int) -> AsyncIterator[list[Stored]]:
        yield [message for message in self.source if start <= message.offset < stop]


class Adder:
    """A task that adds up numbers and reports the sum at every multiple of ten."""

    def __init__(self) -> None:
        self.total = 0

    def take(self, run: Sequence[Stored]) -> list[Outgoing]:
        self.total += sum(int(message.value or b"0") for message in run)
        return [Outgoing("out", None, str(self.total).encode())] if self.total % 10 == 0 else []

    def is_over(self) -> bool:
        return True

    def drain(self) -> list[Outgoing]:
        return [Outgoing("out", None, b"idle")]

    def save(self, _sequence: int, next_offset: int) -> dict[str, bytes]:
        return {"total": b"%d %d" % (self.total, next_offset)}

    def load(self, sections: Mapping[str, bytes]) -> int | None:
        if "total" not in sections:
            return None
        self.total, next_offset = map(int, sections["total"].split())
        return next_offset

    def measure(self) -> None:
        pass


def message(offset: int, value: int = 1) -> Stored:
    return Stored(offset, None, str(value).encode())


def build(world: World, task: Adder, idle_s: float | None = None, metrics: Metrics | None = None) -> PartitionDriver:
    ports = Ports(world, world, world.commit, lambda: world.now)  # type: ignore[arg-type]
    told = (metrics or Metrics(CollectorRegistry())).partition("account", 0)
    return PartitionDriver(POSITION, task, world, ports, Intervals(0.0, 0.0, 60.0, 5.0, idle_s), told)  # type: ignore[arg-type]


async def deliver(driver: PartitionDriver, *messages: Stored) -> None:
    for each in messages:
        if not driver.take_now([each]):
            await driver.take(each)
        elif driver.is_due():
            await driver.settle()


def test_results_are_sent_before_state_is_saved_and_offsets_are_committed_last() -> None:
    async def scenario() -> World:
        world = World(source=[message(0)])
        driver = build(world, Adder())
        await driver.restore()
        await deliver(driver, message(0, 10))
        return world

    world = asyncio.run(scenario())
    assert world.events == ["send", "save", "commit"]
    assert world.committed == 1


def test_what_is_delivered_twice_is_taken_once() -> None:
    async def scenario() -> int:
        world, task = World(source=[message(0)]), Adder()
        driver = build(world, task)
        await driver.restore()
        await deliver(driver, message(0), message(1), message(0), message(1), message(2))
        return task.total

    assert asyncio.run(scenario()) == 3


def test_what_was_not_delivered_is_fetched_from_the_source() -> None:
    async def scenario() -> tuple[int, float]:
        metrics = Metrics(CollectorRegistry())
        world, task = World(source=[message(offset) for offset in range(9)]), Adder()
        driver = build(world, task, metrics=metrics)
        await driver.restore()
        await deliver(driver, message(0), message(5), message(6))
        for world.now in (1.0, 100.0):
            await driver.tick()
        fetched = metrics.registry.get_sample_value("streamer_messages_fetched_total", {"stage": "account"})
        return task.total, fetched or 0.0

    assert asyncio.run(scenario()) == (9, 6.0)


def test_a_run_is_taken_at_once_where_nothing_is_missing_and_nothing_known() -> None:
    async def scenario() -> list[int]:
        task = Adder()
        driver = build(World(source=[message(0)]), task)
        assert not driver.take_now([message(0)]), "not before it is restored"
        await driver.restore()
        totals = []
        for offsets in ([0, 1, 2], [2, 3], [4, 5], [3, 5], [3, 4]):
            taken = driver.take_now([message(offset) for offset in offsets])
            totals.append(task.total if taken else -1)
        return totals

    assert asyncio.run(scenario()) == [3, -1, -1, -1, 5]


def test_a_gap_that_is_none_is_passed_over() -> None:
    async def scenario() -> int:
        world, task = World(source=[message(0), message(4)]), Adder()
        driver = build(world, task)
        await driver.restore()
        await deliver(driver, message(0), message(4))
        return task.total

    assert asyncio.run(scenario()) == 2


def test_a_restarted_driver_goes_on_from_its_state_whatever_is_delivered_again() -> None:
    async def scenario() -> tuple[int, list[bytes]]:
        world = World(source=[message(offset) for offset in range(30)])
        first = build(world, Adder())
        await first.restore()
        await deliver(first, *world.source[:17])
        task = Adder()
        second = build(world, task)
        await second.restore()
        await deliver(second, *world.source[3:])
        return task.total, world.sent

    assert asyncio.run(scenario()) == (30, [b"10", b"20", b"30"])


def test_a_driver_that_lost_its_partition_commits_nothing_and_takes_no_more() -> None:
    async def scenario() -> World:
        world, task = World(source=[message(0)]), Adder()
        driver = build(world, task)
        await driver.restore()
        world.fenced = True
        await deliver(driver, message(0, 10), message(1, 10))
        assert driver.closed
        assert task.total == 10
        return world

    assert asyncio.run(scenario()).committed is None


@pytest.mark.parametrize("fenced", [False, True])
def test_a_silent_partition_is_drained_once_unless_it_is_another_workers(*, fenced: bool) -> None:
    async def scenario() -> World:
        world = World(source=[message(0)])
        driver = build(world, Adder(), idle_s=20.0)
        await driver.restore()
        await deliver(driver, message(0))
        world.fenced = fenced
        for world.now in (1.0, 10.0, 30.0, 60.0, 90.0):
            await driver.tick()
        return world

    assert asyncio.run(scenario()).sent == ([] if fenced else [b"idle"])
