"""The most memory that one live worker takes while somebody invents accounts, each with values of its own.

python -m tests.benchmarks.invented [ACCOUNTS...]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from streamer.broker import open_broker
from tests.benchmarks.results import Result, say
from tests.integration.live import LiveRun
from tests.integration.test_invented_accounts import invented
from tests.kafka_fixture import KafkaCluster

ACCOUNTS = (1_000, 100_000)


def most_bytes(kafka: KafkaCluster, accounts: int) -> int:
    """The most that a worker held while it took them all."""
    with tempfile.TemporaryDirectory(prefix="streamer-bench-") as directory, LiveRun(kafka, Path(directory), {}) as run:
        run.produce(invented(Path(directory) / "events.jsonl", accounts), batch=1000)
        run.start()
        run.settle()
        return run.most_bytes


def main(counts: list[int]) -> None:
    """Measure each in a worker of its own: few accounts show what the program takes without any."""
    with open_broker() as servers:
        for count in counts:
            taken = most_bytes(KafkaCluster(servers), count)
            say(Result(f"live worker, {count:,} invented accounts, at most", taken / 1e6, "MB"))


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]] or list(ACCOUNTS))
