from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from tests.patience import PATIENCE_S, until
from tests.stream.counting_worker import Plan
from tests.stream.delivery import DeliveryRun

if TYPE_CHECKING:
    from pathlib import Path

    from tests.kafka_fixture import KafkaCluster

pytestmark = [pytest.mark.kafka, pytest.mark.slow]
EVENTS = 60_000


def make_run(kafka: KafkaCluster, root: Path, lose_ratio: float = 0.0) -> DeliveryRun:
    plan = Plan(kafka.servers, kafka.unique("counting"), 4, lose_ratio)
    kafka.create(
        plan.topics(), {plan.topic(f"state.{stage}"): {"cleanup.policy": "compact"} for stage in ("account", "link")}
    )
    return DeliveryRun(plan, str(root))


def test_counts_are_exact_when_two_workers_are_killed_again_and_again(kafka: KafkaCluster, root: Path) -> None:
    with make_run(kafka, root) as run:
        run.start(1)
        run.start(2)
        trouble = [(0.4, 1), (0.6, 2), (0.8, 1)]
        for done in run.produce(EVENTS, seconds=14):
            while trouble and done >= trouble[0][0]:
                until(run.saved, "somebody works")
                _, number = trouble.pop(0)
                run.end(number, signal.SIGKILL)
                run.start(number)
        assert not trouble
        run.hurry()
        for number in (1, 2):
            run.end(number, signal.SIGKILL)
            run.start(number)
        run.settle()
        run.check()


def test_counts_are_exact_when_workers_join_and_leave(kafka: KafkaCluster, root: Path) -> None:
    with make_run(kafka, root) as run:
        run.start(1)
        trouble = [(0.3, "join"), (0.6, "leave")]
        for done in run.produce(EVENTS, seconds=12):
            while trouble and done >= trouble[0][0]:
                until(run.saved, "the first works")
                if trouble.pop(0)[1] == "join":
                    run.start(2)
                else:
                    run.workers[1].terminate()
        assert not trouble
        assert run.workers.pop(1).wait(PATIENCE_S) == 0
        before = run.saved()
        for _ in run.produce(EVENTS // 12, seconds=1):
            pass
        until(lambda: run.saved() > before, "the second works")
        run.hurry()
        run.start(3)
        assert run.end(2, signal.SIGTERM) == 0
        run.settle()
        run.check()


def test_counts_are_exact_when_delivery_loses_messages(kafka: KafkaCluster, root: Path) -> None:
    with make_run(kafka, root, lose_ratio=0.3) as run:
        run.start(1)
        for _ in run.produce(EVENTS // 4, seconds=8):
            pass
        until(run.saved, "it works")
        run.hurry()
        run.start(2)
        assert run.end(1, signal.SIGTERM) == 0
        run.settle()
        run.check()


def test_counts_are_exact_when_transactions_leave_gaps_in_the_offsets(kafka: KafkaCluster, root: Path) -> None:
    with make_run(kafka, root) as run:
        run.produce_in_transactions(EVENTS // 12)
        run.hurry()
        run.start(1)
        run.settle()
        run.check()
