"""A run of counting workers on a real broker, with whatever happens to them, and what must be true at the end."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Self

import msgspec
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from streamer.stream.account_index import merge_records
from streamer.stream.log_reader import LogReader
from streamer.stream.messages import Position
from streamer.stream.state_log import Sections
from tests.patience import PATIENCE_S
from tests.stream.counting_stage import WINDOW_MS, CountReport, Ping, TotalReport

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.stream.counting_worker import Plan

BATCH = 25
ACCOUNTS = 1_000
STEP_MS = 100


class DeliveryRun:
    """Workers, a producer and the truth."""

    def __init__(self, plan: Plan, root: str) -> None:
        self.plan = plan
        self.truth: Counter[str] = Counter()
        self.windows: dict[tuple[int, int], Counter[str]] = {}
        self.workers: dict[int, subprocess.Popen[bytes]] = {}
        self._root = root
        self._step = 0
        self._random = random.Random(plan.application)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers.values():
            worker.kill()
            worker.wait()

    def start(self, number: int) -> None:
        command = [sys.executable, "-m", "tests.stream.counting_worker", msgspec.json.encode(self.plan).decode()]
        self.workers[number] = subprocess.Popen(command, cwd=self._root)

    def saved(self) -> int:
        """How far the state of the accounts goes: it grows while somebody works."""
        consumer = KafkaConsumer(bootstrap_servers=self.plan.servers)
        try:
            name = self.plan.topic("state.account")
            return sum(consumer.end_offsets([TopicPartition(name, at) for at in range(self.plan.partitions)]).values())
        finally:
            consumer.close()

    def hurry(self) -> None:
        """All is there: let workers that are started from now on take silence for the end."""
        self.plan = msgspec.structs.replace(self.plan, idle_s=2.0)

    def end(self, number: int, how: signal.Signals) -> int:
        worker = self.workers.pop(number)
        worker.send_signal(how)
        return worker.wait(PATIENCE_S)

    def batches(self, events: int) -> Iterator[tuple[int, bytes]]:
        """Batches for random partitions, in the order of their times; each is in the truth once it is yielded."""
        first, self._step = self._step, self._step + events // BATCH
        for step in range(first, self._step):
            partition = self._random.randrange(self.plan.partitions)
            pings = []
            for _ in range(BATCH):
                account = f"account-{self._random.randrange(ACCOUNTS) * self.plan.partitions + partition}"
                pings.append(Ping(account, step * STEP_MS + self._random.randrange(STEP_MS)))
            for ping in pings:
                self.truth[ping.account_id] += 1
                self.windows.setdefault((partition, ping.timestamp_ms // WINDOW_MS), Counter())[ping.account_id] += 1
            yield partition, msgspec.json.encode(pings)

    def produce(self, events: int, seconds: float) -> Iterator[float]:
        """Produce at an even pace, yielding how much is done, so that the caller can make trouble in between."""
        producer = KafkaProducer(bootstrap_servers=self.plan.servers)
        started, total = time.monotonic(), events // BATCH
        for done, (partition, value) in enumerate(self.batches(events)):
            producer.send(self.plan.topic("requests"), value, partition=partition)
            if done % 20 == 0:
                producer.flush()
                time.sleep(max(0.0, started + seconds * done / total - time.monotonic()))
                yield done / total
        producer.close()

    def produce_in_transactions(self, events: int) -> None:
        """Produce everything, a marker of a transaction after every few messages."""
        producer = KafkaProducer(bootstrap_servers=self.plan.servers, transactional_id=self.plan.application)
        producer.init_transactions()
        batches = list(self.batches(events))
        for cut in range(0, len(batches), 7):
            producer.begin_transaction()
            for partition, value in batches[cut : cut + 7]:
                producer.send(self.plan.topic("requests"), value, partition=partition)
            producer.commit_transaction()
        producer.close()

    def settle(self) -> None:
        """Wait until the last stage has reported every event, then stop the workers."""
        expected = sum(self.truth.values())
        seen: dict[int, int] = {}
        for report in self._reports("suspects", TotalReport, lambda: sum(seen.values()) >= expected):
            assert seen.setdefault(report.window, report.total) == report.total, "a repeated report differs"
        truth: Counter[int] = Counter()
        for (_, window), counts in self.windows.items():
            truth[window] += sum(counts.values())
        assert seen == truth
        codes = [self.end(number, signal.SIGTERM) for number in list(self.workers)]
        # A worker that was only just started may be ended before it can say goodbye: it held nothing yet.
        assert set(codes) <= {0, -signal.SIGTERM}, codes

    def check(self) -> None:
        """Every window's report and every account's count must be exact."""
        seen: dict[tuple[int, int], Counter[str]] = {}
        for report in self._reports("evidence", CountReport, lambda: True):
            if not report.idle:
                key = report.partition, report.window
                assert seen.setdefault(key, Counter(report.counts)) == report.counts, "a repeated report differs"
        assert seen == self.windows
        assert asyncio.run(self.stored_counts()) == self.truth

    async def stored_counts(self) -> Counter[str]:
        """Every account's count, from the state topic alone."""
        reader = LogReader(self.plan.servers, "read_committed")
        counts: Counter[str] = Counter()
        try:
            for partition in range(self.plan.partitions):
                position = Position(self.plan.topic("state.account"), partition)
                sections = Sections(position)
                async for messages in reader.read(position, 0, await reader.end_offset(position)):
                    for message in messages:
                        sections.add(message)
                for account, record in merge_records(sections.unpacked()).items():
                    counts[account] += int.from_bytes(record, "big")
        finally:
            await reader.stop()
        return counts

    def _reports(self, name: str, kind: Any, enough: Any) -> Iterator[Any]:
        consumer = KafkaConsumer(bootstrap_servers=self.plan.servers, auto_offset_reset="earliest")
        target = TopicPartition(self.plan.topic(name), 0)
        consumer.assign([target])
        consumer.seek_to_beginning(target)
        decode = msgspec.msgpack.Decoder(list[kind]).decode
        deadline = time.monotonic() + PATIENCE_S
        while True:
            for message in consumer.poll(timeout_ms=500).get(target, []):
                yield from decode(message.value)
            if consumer.position(target) >= consumer.end_offsets([target])[target] and enough():
                break
            assert time.monotonic() < deadline, f"{name} did not settle in {PATIENCE_S:.0f} s"
        consumer.close()
