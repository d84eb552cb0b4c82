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
# A worker near its limit has thousands of requests in a window; where it has few, closing windows takes the time.
WORLDS = {"rush": str(Path(__file__).with_name("rush.yaml")), "dense": str(Path(__file__).with_name("dense.yaml"))}
TIMEOUT_S = 600.0
# A replay has one of everything. A worker that has several partitions closes each window for each of them.
PARTITIONS = (1, 6)


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


def batches(kafka: KafkaCluster, directory: Path, world: str) -> None:
    """Batch messages, as `streamer ingest` and `streamer produce` make them."""
    with events_of(WORLDS[world]) as (path, count):
        replay = count / cpu_s(run_replay, path)
        for partitions in PARTITIONS:
            run = LiveRun(kafka, directory, {}, partitions=partitions, idle_s=600.0, checkpoint_interval_s=5.0)
            run.produce(path, batch=500)
            worker, bare = rate("worker", run, count), rate("bare_loop", run, count)
            what = f"{world}, {partitions} of each kind of partition"
            say(
                Result(f"{what}: live worker, batches", worker.cpu, "events/s of processor time"),
                Result(f"{what}: live worker, batches, by the wall clock", worker.wall, "events/s"),
                Result(f"{what}: bare aiokafka loop with decoding, batches", bare.cpu, "events/s of processor time"),
                Result(f"{what}: live worker on batches to replay", worker.cpu / replay, "ratio", "at least 0.60"),
            )


def singles(kafka: KafkaCluster, directory: Path, world: str) -> None:
    """One event a message, as a gateway may write them."""
    with events_of(WORLDS[world]) as (path, _):
        run = LiveRun(kafka, directory, {}, idle_s=600.0, checkpoint_interval_s=5.0)
        run.produce(head_of(path, SINGLE_EVENTS), batch=1)
    worker, agent = rate("worker", run, SINGLE_EVENTS), rate("idle_agent", run, SINGLE_EVENTS)
    bare = rate("bare_loop", run, SINGLE_EVENTS)
    say(
        Result(f"{world}: live worker, single events", worker.cpu, "events/s of processor time"),
        Result(f"{world}: live worker, single events, by the wall clock", worker.wall, "events/s"),
        Result(f"{world}: Faust agent that does nothing, single events", agent.cpu, "events/s of processor time"),
        Result(f"{world}: Faust agent that does nothing, by the wall clock", agent.wall, "events/s"),
        Result(f"{world}: bare aiokafka loop with decoding, single events", bare.cpu, "events/s of processor time"),
        Result(
            f"{world}: live worker on single events to idle agent", worker.cpu / agent.cpu, "ratio", "at least 0.80"
        ),
    )


def main() -> None:
    """Measure all on one broker."""
    with open_broker() as servers, tempfile.TemporaryDirectory(prefix="streamer-bench-") as directory:
        kafka = KafkaCluster(servers)
        for world in WORLDS:
            batches(kafka, Path(directory), world)
            singles(kafka, Path(directory), world)


if __name__ == "__main__":
    main()
