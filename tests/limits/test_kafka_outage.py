"""A Kafka that is killed and brought back: everybody passes meanwhile, and nothing is lost or doubled."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.kafka_fixture import KafkaCluster
from tests.limits.stand import Stand, alert_record, limit
from tests.limits.test_deliveries import RealRedis, events
from tests.patience import until

if TYPE_CHECKING:
    from tests.mortal_kafka import MortalBroker

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


def test_everybody_passes_while_kafka_is_gone(broker: MortalBroker, redis_server: str, tmp_path: Path) -> None:
    redis = RealRedis(redis_server, tmp_path)
    stand = Stand(KafkaCluster(broker.bootstrap_servers), tmp_path, redis={"url": redis.url}, stale_after_s=3.0)
    with contextlib.closing(redis.client), redis.running(), stand.serving() as serving:
        stand.send(limit("a"), limit("b"), alert=alert_record())
        stand.exhausted("a")
        until(lambda: redis.holds("a", "b"), "Redis has them")
        until(lambda: len(stand.audit()) == 2, "the audit has them")
        stand.close()
        broker.kill()
        # Whoever cannot be told of a lift must not refuse.
        until(lambda: stand.decide("a").headers.get("x-streamer-outcome") == "stale", "the topics are stale")
        until(lambda: not redis.client.exists("streamer:alive"), "gateways that look into Redis know it too")
        assert stand.decide("a").status == 200
        assert serving.poll() is None
        # One that is started now answers at once, and lets everybody pass.
        with stand.serving_twin(wait=False) as twin:
            until(lambda: stand.decide("a", url=twin).headers.get("x-streamer-outcome") == "starting", "open")
            with broker.back():
                stand.reconnect()
                stand.exhausted("a")
                stand.exhausted("a", url=twin)
                stand.call("lift", "a")
                stand.send(limit("c"))
                until(lambda: redis.holds("b", "c"), "Redis is as it should be")
                until(lambda: stand.decide("a", url=twin).status == 200, "free everywhere")
                until(lambda: redis.client.exists("streamer:alive"), "limits are looked after again")
                wanted = [("set", "a"), ("set", "b"), ("asked", "a"), ("lifted", "a"), ("set", "c")]
                until(lambda: events(stand).keys() >= set(wanted), "the audit goes on")
                entries = events(stand)
                stand.close()
    assert entries == dict.fromkeys(wanted, 1)


def test_what_cannot_be_written_is_an_error_of_one_line(tmp_path: Path) -> None:
    path = tmp_path / "nowhere.yaml"
    path.write_text("kafka: {bootstrap_servers: 'localhost:1'}\n", encoding="utf-8")
    for verb in (["lift", "a"], ["stop"], ["list"]):
        command = ["streamer", "limits", *verb, "--config", str(path)]
        program = Path(sys.executable).with_name(command[0])
        done = subprocess.run([str(program), *command[1:]], capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert "no Kafka answers" in done.stderr
        assert done.stderr.count("\n") == 1
