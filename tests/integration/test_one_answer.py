from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.live import SENSITIVE, Found, LiveRun, difference, replayed, shuffled, world

if TYPE_CHECKING:
    from pathlib import Path

    from tests.kafka_fixture import KafkaCluster

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(290)]

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
    def __init__(self, events: Path, shuffled_events: Path, detection: dict[str, Any], expected: Found) -> None:
        self.events = events
        self.shuffled = shuffled_events
        self.detection = detection
        self.expected = expected


@pytest.fixture(scope="module")
def case(kafka: KafkaCluster, tmp_path_factory: pytest.TempPathFactory) -> Case:
    directory = tmp_path_factory.mktemp("world")
    events = world(SMALL, directory)
    config = LiveRun(kafka, directory, SENSITIVE).config_path
    expected = replayed([events], directory / "replay", config)
    assert expected["alerts"]
    assert expected["members"]
    return Case(events, shuffled(events, LATENESS_MS, random.Random(5)), SENSITIVE, expected)


@pytest.mark.parametrize("workers", [1, 3])
def test_live_workers_say_what_a_replay_says(kafka: KafkaCluster, case: Case, tmp_path: Path, workers: int) -> None:
    with LiveRun(kafka, tmp_path, case.detection) as run:
        run.produce(case.events)
        run.start(workers)
        run.settle()
        assert not difference(case.expected, run.records())


def test_order_within_the_lateness_bound_changes_nothing(kafka: KafkaCluster, case: Case, tmp_path: Path) -> None:
    with LiveRun(kafka, tmp_path, case.detection) as run:
        run.produce(case.shuffled)
        run.start(2)
        run.settle()
        assert not difference(case.expected, run.records())
