from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.live import PATIENT_S, SENSITIVE, LiveRun, difference, replayed, requests_in, shuffled, world

if TYPE_CHECKING:
    from pathlib import Path

    from tests.kafka_fixture import KafkaCluster

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

LATENESS_MS = 290_000
SMALL: dict[str, Any] = {
    "start": "2026-03-02",
    "days": 2.0,
    "honest": {
        "individual": {"accounts": 500},
        "coding_tool": {"accounts": 60},
        "enterprise_nat": {"accounts": 60},
        "ci": {"accounts": 4},
    },
    "campaigns": [
        {
            "name": "hydra_peak",
            "profile": "hydra_peak",
            "accounts": 40,
            "start_day": 1.4,
            "days": 0.6,
            "pools": 1,
            "signup_lead_days": 1,
        }
    ],
}


class Case:
    """A world, the same world out of order, and what a replay says of it."""

    def __init__(self, name: str, kafka: KafkaCluster, directory: Path) -> None:
        # Nobody is forgotten, so that every account's count can be held against the file.
        self.detection = {"account": {"one_off_retention_s": 30 * 86_400}} | (SENSITIVE if name == "small" else {})
        self.events = world(SMALL if name == "small" else name, directory)
        config = LiveRun(kafka, directory, self.detection).config_path
        self.expected = replayed([self.events], directory / "replay", config)
        self.shuffled = shuffled(self.events, LATENESS_MS, random.Random(5))
        assert self.expected["alerts"]
        assert self.expected["members"]


@pytest.fixture(scope="module", params=["small", pytest.param("demo", marks=pytest.mark.slow)])
def case(request: pytest.FixtureRequest, kafka: KafkaCluster, tmp_path_factory: pytest.TempPathFactory) -> Case:
    if request.param == "demo" and not os.environ.get("LARGE_WORLDS"):
        pytest.skip("set LARGE_WORLDS=1 for the world of 230,000 events")
    return Case(request.param, kafka, tmp_path_factory.mktemp(request.param))


@pytest.mark.parametrize("workers, order", [(1, "as it happened"), (3, "shuffled")])
def test_live_workers_say_what_a_replay_says(
    kafka: KafkaCluster, case: Case, tmp_path: Path, workers: int, order: str
) -> None:
    with LiveRun(kafka, tmp_path, case.detection) as run:
        run.produce(case.shuffled if order == "shuffled" else case.events)
        run.start(workers)
        run.settle()
        assert not difference(case.expected, run.records())
        assert run.requests_by_account() == requests_in(case.events)


def test_killed_workers_change_nothing(kafka: KafkaCluster, case: Case, tmp_path: Path) -> None:
    with LiveRun(kafka, tmp_path, case.detection, idle_s=PATIENT_S) as run:
        run.start(2)
        for share in run.produce_slowly(case.events, seconds=12):
            if share in {0.5, 0.75}:
                run.kill(0)
                run.start()
        run.hurry()
        for _ in run.workers[:]:
            run.kill(0)
            run.start()
        run.settle()
        assert not difference(case.expected, run.records())
        assert run.requests_by_account() == requests_in(case.events)
