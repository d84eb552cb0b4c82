"""Events a second through one live worker on a real Kafka, beside what Faust and a bare loop can do at most."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from streamer.broker import open_broker
from tests.benchmarks.replay import cpu_s, run_replay
from tests.benchmarks.results import Result, say
from tests.benchmarks.world import events_of
from tests.integration.live import LiveRun
from tests.kafka_fixture import KafkaCluster

SINGLE_EVENTS = 50_000
DENSE = str(Path(__file__).with_name("dense.yaml"))
TIMEOUT_S = 600.0


class Rate(NamedTuple):
    """Events a second: by the clock on the wall, and of processor time, which a busy machine disturbs less."""

    wall: float
    cpu: float


def rate(way: str, run: LiveRun, events: int) -> Rate:
    """Read a topic to its end in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.live_worker", way, str(run.config_path), str(events)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=TIMEOUT_S)
    return Rate(*json.loads(done.stdout.splitlines()[-1]))


def head_of(path: Path, count: int) -> Path:
    """The first events of a file."""
    target = path.with_name("head.jsonl")
    with path.open("rb") as source:
        target.write_bytes(b"".join(line for line, _ in zip(source, range(count), strict=False)))
    return target


def batches(kafka: KafkaCluster, directory: Path) -> None:
    """Batch messages, as `streamer ingest` and `streamer produce` make them."""
    with events_of(DENSE) as (path, count):
        replay = count / cpu_s(run_replay, path)
        run = LiveRun(kafka, directory, {}, idle_s=600.0, checkpoint_interval_s=5.0)
        run.produce(path, batch=500)
    worker, bare = rate("worker", run, count), rate("bare_loop", run, count)
    say(
        Result("live worker, batches", worker.cpu, "events/s of processor time"),
        Result("live worker, batches, by the wall clock", worker.wall, "events/s"),
        Result("bare aiokafka loop with decoding, batches", bare.cpu, "events/s of processor time"),
        Result("live worker on batches to replay", worker.cpu / replay, "ratio", "at least 0.60"),
    )


def singles(kafka: KafkaCluster, directory: Path, scenario: str, name: str, wanted: str = "") -> None:
    """One event a message, as a gateway may write them.

    Where few events share a window, as in `demo` (40 of a partition), it is closing windows that takes the time.
    """
    with events_of(scenario) as (path, _):
        run = LiveRun(kafka, directory, {}, idle_s=600.0, checkpoint_interval_s=5.0)
        run.produce(head_of(path, SINGLE_EVENTS), batch=1)
    worker, agent = rate("worker", run, SINGLE_EVENTS), rate("idle_agent", run, SINGLE_EVENTS)
    bare = rate("bare_loop", run, SINGLE_EVENTS)
    say(
        Result(f"live worker, single events, {name}", worker.cpu, "events/s of processor time"),
        Result(f"live worker, single events, {name}, by the wall clock", worker.wall, "events/s"),
        Result(f"Faust agent that does nothing, {name}", agent.cpu, "events/s of processor time"),
        Result(f"Faust agent that does nothing, {name}, by the wall clock", agent.wall, "events/s"),
        Result(f"bare aiokafka loop with decoding, {name}", bare.cpu, "events/s of processor time"),
        Result(f"live worker on single events to idle agent, {name}", worker.cpu / agent.cpu, "ratio", wanted),
    )


def main() -> None:
    """Measure all on one broker."""
    with open_broker() as servers, tempfile.TemporaryDirectory(prefix="streamer-bench-") as directory:
        batches(KafkaCluster(servers), Path(directory))
        singles(KafkaCluster(servers), Path(directory), DENSE, "dense", "at least 0.80")
        singles(KafkaCluster(servers), Path(directory), "demo", "demo")


if __name__ == "__main__":
    main()
