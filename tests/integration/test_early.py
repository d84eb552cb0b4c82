"""An account that hammers, on a real Kafka: alerted and limited while the ten minutes are not over yet."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.detection.hammering import MINUTE_MS, NOON_MS, WINDOW_MS, hammer, ordered, world
from tests.integration.live import PATIENT_S, LiveRun, difference, replayed, requests_in

if TYPE_CHECKING:
    from pathlib import Path

    from streamer.detection.request import RequestRecord
    from tests.kafka_fixture import KafkaCluster

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

REFERENCE = {"epoch_s": 3600, "warm_up_s": 4 * 3600, "min_accounts": 20, "min_stratum_accounts": 20}
DAY_MS = 86_400_000


def write(path: Path, requests: list[RequestRecord], shift_ms: int) -> Path:
    lines = [
        json.dumps(
            {
                "event_id": request.event_id,
                "timestamp": request.timestamp_ms + shift_ms,
                "account_id": request.account_id,
                "model": request.model,
                "output_tokens": request.output_tokens,
            }
        )
        for request in requests
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def closed_windows(run: LiveRun) -> set[int]:
    return {report.window for report in run.evidence() if report.last}


def limit_of(account_id: str, run: LiveRun) -> dict[str, Any]:
    """The limit of an account, once it is there."""
    found: list[dict[str, Any]] = []
    for message in run.follow(run.config.kafka.topics.limits, lambda: bool(found)):
        found.extend(each for each in [json.loads(message.value or b"{}")] if each.get("account_id") == account_id)
    return found[0]


def is_limited(alert: dict[str, Any]) -> bool:
    return bool(alert["accounts"] == ["new"] and alert["limits_proposed"] == 1)


def test_it_is_alerted_and_limited_before_its_window_closes_and_a_replay_says_the_same(
    kafka: KafkaCluster, tmp_path: Path
) -> None:
    # As it was on a day of the last week: what is too old is no longer believed.
    shift_ms = (int(time.time() * 1000) - NOON_MS) // DAY_MS * DAY_MS - 2 * DAY_MS
    steady = [hammer(f"steady{number}", -30 * MINUTE_MS, 400, 9000) for number in range(12)]
    every = ordered(world(), *steady)
    # "new" began after six minutes; it is not over, and neither are the ten minutes.
    until_ms = NOON_MS + 7 * MINUTE_MS + 15_000
    events = write(tmp_path / "events.jsonl", every, shift_ms)
    first = write(tmp_path / "first.jsonl", [r for r in every if r.timestamp_ms < until_ms], shift_ms)
    rest = write(tmp_path / "rest.jsonl", [r for r in every if r.timestamp_ms >= until_ms], shift_ms)
    window = (NOON_MS + shift_ms) // WINDOW_MS
    with LiveRun(kafka, tmp_path, {"reference": REFERENCE}, partitions=2, idle_s=PATIENT_S) as run:
        expected = replayed([events], tmp_path / "replay", run.config_path)
        run.start()
        run.produce(first)
        alert = run.wait_for_alert(is_limited)
        assert max(closed_windows(run)) == window - 1
        assert "at least 400 requests so far in these 10 minutes" in alert["summary"]
        assert alert == expected["alerts"][alert["alert_id"], alert["revision"]]
        limit = limit_of("new", run)
        assert (limit["alert_id"], limit["issued_at"]) == (alert["alert_id"], alert["detected_at"])
        # Whoever goes on tells again what was told, and nobody says it twice.
        run._end_workers()
        run.hurry()
        run.produce(rest)
        run.start()
        run.settle()
        assert not difference(expected, run.records())
        assert run.requests_by_account() == requests_in(events)
    last = max((each for each in expected["alerts"].values() if each["accounts"] == ["new"]), key=_revision)
    assert "900 requests in 10 minutes" in last["summary"]


def _revision(alert: dict[str, Any]) -> int:
    return int(alert["revision"])
