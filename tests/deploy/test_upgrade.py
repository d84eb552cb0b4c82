"""deploy/UPGRADE.md, step by step on a real Kafka: the same form, another form, starting anew, and the way back."""

from __future__ import annotations

import asyncio
import re
import subprocess
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import yaml

from streamer.config import TopicNames, load_config
from streamer.stream.log_reader import LogReader
from streamer.stream.messages import Position
from streamer.stream.state_log import Sections, StateLog
from streamer.stream.tasks import HEAD
from streamer.stream.topics import ensure_topics, topics_of
from tests.integration.live import PATIENT_S, SENSITIVE, LiveRun, difference, program, replayed, requests_in, world
from tests.patience import PATIENCE_S, until

if TYPE_CHECKING:
    from pathlib import Path

    from streamer.config import StreamerConfig
    from tests.kafka_fixture import KafkaCluster

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

ANOTHER = 1
WORLD: dict[str, Any] = {
    "start": "2026-03-02",
    "days": 1.4,
    "honest": {"individual": {"accounts": 250}, "coding_tool": {"accounts": 30}},
    "campaigns": [
        {
            "name": "hydra_peak",
            "profile": "hydra_peak",
            "accounts": 30,
            "start_day": 1.0,
            "days": 0.4,
            "pools": 1,
            "signup_lead_days": 1,
        }
    ],
}


@pytest.fixture
def inner(root: Path) -> list[str]:
    """The topics that the document says get new names."""
    text = (root / "deploy" / "UPGRADE.md").read_text(encoding="utf-8")
    document = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)[0]
    kafka = yaml.safe_load(document)["kafka"]
    assert kafka["application"] == "streamer-2"
    return list(kafka["topics"])


async def of_form(config: StreamerConfig, form: int) -> int:
    """Mark the state of one partition as of this form; nothing else about it is changed. Gives what it was."""
    kafka = config.kafka
    reader = LogReader(kafka.bootstrap_servers, "read_committed")
    position = Position(kafka.topics.state_account, 0)
    log = StateLog(kafka.bootstrap_servers, kafka.application, position, reader)
    head = msgspec.msgpack.decode((await log.claim()).sections[HEAD])
    before, head["stage"]["format"] = head["stage"]["format"], form
    await log.write({HEAD: msgspec.msgpack.encode(head)})
    await log.close()
    await reader.stop()
    return int(before)


def beside(run: LiveRun, inner: list[str], directory: Path) -> Path:
    """The configuration with new names for the inner topics and the group."""
    document = yaml.safe_load(run.config_path.read_text(encoding="utf-8"))
    document["kafka"]["application"] += "-2"
    for name in inner:
        document["kafka"]["topics"][name] += "-2"
    path = directory / "beside.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    config = load_config(path, {})
    ensure_topics(run.servers, topics_of(config.kafka))
    return path


def test_upgrade_and_rollback_as_described(kafka: KafkaCluster, inner: list[str], tmp_path: Path) -> None:
    assert (
        set(inner)
        == {"evidence", "suspects", "state_account", "state_link", "state_cluster"}
        <= set(TopicNames.model_fields)
    )
    events = world(WORLD, tmp_path)
    lines = events.read_bytes().splitlines(keepends=True)
    half = len(lines) // 2
    halves = [tmp_path / name for name in ("first.jsonl", "second.jsonl")]
    halves[0].write_bytes(b"".join(lines[:half]))
    halves[1].write_bytes(b"".join(lines[half:]))
    with LiveRun(kafka, tmp_path, SENSITIVE, partitions=2, idle_s=PATIENT_S) as run:
        expected = replayed([events], tmp_path / "replay", run.config_path)
        assert expected["alerts"]

        run.produce(halves[0])
        run.start()
        wait_until_saved(run)
        run.workers[0].terminate()
        assert run.workers.pop().wait(PATIENCE_S) == 0
        run.produce(halves[1])
        run.hurry()

        # Another form: nothing is done but to say what to do.
        ours = asyncio.run(of_form(run.config, ANOTHER))
        command = program("run", "--config", str(run.config_path))
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
        assert done.returncode == 1
        first = done.stderr.splitlines()[0]
        assert f"state of {run.config.kafka.topics.requests}, partition 0: account stage snapshot of format" in first
        assert "deploy/UPGRADE.md" in first

        # Start anew beside it: from the first request on, everything is found.
        old, old_path = run.config, run.config_path
        run.config_path = beside(run, inner, tmp_path)
        run.config = load_config(run.config_path, {})
        run.start()
        run.settle()
        assert not difference(expected, run.records())
        assert run.requests_by_account() == requests_in(events)

        # The way back: the version that wrote the form that is there goes on where it stopped.
        run.config, run.config_path = old, old_path
        assert asyncio.run(of_form(run.config, ours)) == ANOTHER
        run.start()
        run.settle()
        assert not difference(expected, run.records())
        assert run.requests_by_account() == requests_in(events)


def wait_until_saved(run: LiveRun) -> None:
    """Until every partition of the account stage has written down what it has taken."""
    partitions = run.config.kafka.request_partitions
    until(lambda: asyncio.run(partitions_saved(run.config)) == partitions, "every partition is saved")


async def partitions_saved(config: StreamerConfig) -> int:
    reader = LogReader(config.kafka.bootstrap_servers, "read_committed")
    found = 0
    try:
        for partition in range(config.kafka.request_partitions):
            position = Position(config.kafka.topics.state_account, partition)
            sections = Sections(position)
            async for messages in reader.read(position, 0, await reader.end_offset(position)):
                for message in messages:
                    sections.add(message)
            found += HEAD in sections.unpacked()
    finally:
        await reader.stop()
    return found
