"""One worker of counting stages, as a process of its own: python -m tests.stream.counting_worker PLAN"""

from __future__ import annotations

import random
import sys
import time
from functools import partial
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry

from streamer.metrics import Metrics
from streamer.stream.app import StageSpec, build_app
from streamer.stream.ports import Intervals
from streamer.stream.settings import StreamSettings
from streamer.stream.transport import FetchConsumer, FetchTransport
from streamer.stream.worker import run_worker
from tests.stream.counting_stage import counting_account_task, counting_link_task


class Plan(msgspec.Struct, frozen=True):
    servers: str
    application: str
    partitions: int
    lose_ratio: float = 0.0
    # Silence is not taken for the end while more is to come.
    idle_s: float = 600.0
    quiet_s: float = 1.0
    checkpoint_interval_s: float = 0.2
    log_level: str = "WARNING"

    def topic(self, name: str) -> str:
        return f"{self.application}.{name}"

    def topics(self) -> dict[str, int]:
        many = dict.fromkeys((self.topic("requests"), self.topic("state.account")), self.partitions)
        return many | dict.fromkeys(map(self.topic, ("evidence", "suspects", "state.link")), 1)


class LossyConsumer(FetchConsumer):
    """Loses some of what it fetched, as a fault in delivery would."""

    async def _getmany(self, active_partitions: Any, timeout: float) -> Any:  # noqa: ASYNC109 - Faust's signature
        fetched = await super()._getmany(active_partitions, timeout)
        lost = self.transport.lose_ratio
        return {partition: records for partition, records in fetched.items() if random.random() >= lost}


class LossyTransport(FetchTransport):
    Consumer = LossyConsumer
    lose_ratio = 0.0


def main(plan: Plan) -> int:
    settings = StreamSettings(plan.servers, application=plan.application, session_timeout_s=6.0)
    pace = Intervals(0.1, plan.checkpoint_interval_s, 5.0, plan.quiet_s, plan.idle_s)
    requests, evidence, suspects = (plan.topic(name) for name in ("requests", "evidence", "suspects"))
    specs = [
        StageSpec(
            "account",
            requests,
            plan.topic("state.account"),
            partial(counting_account_task, source=requests, evidence=evidence),
            pace,
        ),
        StageSpec(
            "link",
            evidence,
            plan.topic("state.link"),
            partial(counting_link_task, sources=plan.partitions, evidence=evidence, suspects=suspects),
            Intervals(0.0, 1.0, 1.0, plan.quiet_s, None),
        ),
    ]
    app = build_app(settings, specs, Metrics(CollectorRegistry()), time.monotonic)
    if plan.lose_ratio:
        app.transport = LossyTransport(app.conf.broker_consumer, app)
        app.transport.lose_ratio = plan.lose_ratio
    return run_worker(app, log_level=plan.log_level)


if __name__ == "__main__":
    sys.exit(main(msgspec.json.decode(sys.argv[1], type=Plan)))
