"""Redis and the audit beside a real Kafka: nothing lost and nothing doubled, whatever is killed."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from redis import Redis

from streamer.detection.records import LimitLifted
from streamer.wiring.demonstration import free_port
from tests.limits.stand import Stand, alert_record, limit, now_ms, running
from tests.patience import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.kafka, pytest.mark.slow]
CONFIGURATION = Path(__file__).resolve().parents[2] / "deploy" / "redis" / "redis.conf"


class RealRedis:
    """A Redis with our ready configuration: it forgets everything when it is stopped."""

    def __init__(self, program: str, directory: Path, port: int | None = None) -> None:
        self.port = port or free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.client = Redis(port=self.port)
        self._command = [program, str(CONFIGURATION), "--port", str(self.port)]
        self._directory = directory

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        with running(self._command, self._directory):
            until(self._answers, "Redis answers")
            yield

    @contextlib.contextmanager
    def left_over(self, account: str) -> Iterator[None]:
        """A limit that somebody set and nobody wants."""
        self.client.set(f"streamer:limit:{account}", "{}")
        yield

    def limits(self) -> dict[str, dict[str, Any]]:
        keys = list(self.client.scan_iter(match="streamer:limit:*"))
        values = {key.decode().rpartition(":")[2]: self.client.get(key) for key in keys}
        return {account: json.loads(value) for account, value in values.items() if isinstance(value, bytes)}

    def holds(self, *accounts: str) -> bool:
        return set(self.limits()) == set(accounts)

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except OSError:
            return False


@pytest.fixture
def redis(redis_server: str, tmp_path: Path) -> Iterator[RealRedis]:
    found = RealRedis(redis_server, tmp_path)
    yield found
    found.client.close()


def events(stand: Stand) -> Counter[tuple[str, str | None]]:
    return Counter((entry["event"], entry["account_id"]) for entry in stand.audit())


def passes(stand: Stand, url: str, because: str) -> bool:
    return stand.decide("a", url=url).headers.get("x-streamer-outcome") == because


def test_redis_holds_what_the_topic_says_whoever_dies(make_stand: Callable[..., Stand], redis: RealRedis) -> None:
    stand = make_stand(redis={"url": redis.url}, stale_after_s=3.0)
    with redis.running(), redis.left_over("stale"), stand.serving() as first:
        stand.send(limit("a"), limit("b", mode="shadow"), alert=alert_record())
        until(lambda: redis.holds("a", "b"), "both are in Redis, and what should not be is gone")
        assert redis.limits()["a"]["requests_per_minute"] == 1
        assert redis.limits()["b"]["mode"] == "shadow"
        assert 23 * 3600 < redis.client.ttl("streamer:limit:a") <= 24 * 3600
        # What is set comes first, then the word that it is looked after.
        until(lambda: 0 < redis.client.pttl("streamer:alive") <= 3000, "somebody says so, and not for long")
        first.kill()
        first.wait()
        # What happens while nobody looks is made good by the next one: lifted, new and changed.
        gone = limit("a")
        stand.send(LimitLifted(**{name: getattr(gone, name) for name in gone.__slots__}, lifted_at=now_ms()))
        stand.send(limit("c"))
        until(lambda: not redis.client.exists("streamer:alive"), "nobody says that limits are looked after")
        with stand.serving():
            until(lambda: redis.holds("b", "c"), "the next one made it good")
    with stand.serving():
        stand.send(limit("d"))
        until(lambda: stand.decide("d").status == 429, "without Redis the decisions go on")
        with redis.running():
            until(lambda: redis.holds("b", "c", "d"), "Redis is back and holds all")
        wanted = {("set", "a"): 1, ("set", "b"): 1, ("lifted", "a"): 1, ("set", "c"): 1, ("set", "d"): 1}
        until(lambda: events(stand).keys() >= wanted.keys(), "the audit has it")
    assert events(stand) == wanted


def test_a_person_frees_one_account_all_of_an_alert_or_everybody(
    make_stand: Callable[..., Stand], redis: RealRedis
) -> None:
    stand = make_stand(redis={"url": redis.url}, lift_holds_s=3600)
    with redis.running(), stand.serving(), stand.serving_twin() as twin:
        stand.send(limit("a"), limit("b"), limit("c", alert="a-2"), alert=alert_record())
        stand.send(alert=alert_record("a-2"))
        until(lambda: redis.holds("a", "b", "c"), "all are limited")
        assert {row["account_id"] for row in stand.call("list")} == {"a", "b", "c"}
        for url in (stand.url, twin):
            stand.exhausted("a", url=url)
        stand.call("stop", "--reason", "what is this?")
        until(redis.holds, "Redis is empty")
        for url in (stand.url, twin):
            until(partial(passes, stand, url, "stopped"), "all pass")
        assert stand.metrics()["streamer_limits_stopped"] == 1
        shown = subprocess.run(stand.command("list"), capture_output=True, text=True, check=True)
        assert shown.stdout == "no limit is in force\n"
        assert "all limits are switched off since 20" in shown.stderr
        stand.send(limit("b"))  # a renewal while stopped
        stand.call("start")
        until(lambda: redis.holds("a", "c"), "what was renewed meanwhile stays free")
        stand.call("lift", "--alert", "a-2")
        stand.call("lift", "a")
        until(redis.holds, "all are free")
        for url in (stand.url, twin):
            until(partial(passes, stand, url, "allowed"), "free everywhere")
        # The detector tries again, and may not.
        stand.send(limit("a"), limit("c", alert="a-2"), limit("e", alert="a-2"), limit("f"))
        until(lambda: redis.holds("f"), "only who was not lifted")
        until(lambda: stand.metrics()['streamer_limits_refused_total{reason="lifted_by_person"}'] == 3, "refused")
        until(lambda: sum(entry["event"] == "refused" for entry in stand.audit()) == 4, "the audit has it")
        shown = subprocess.run(stand.command("list"), capture_output=True, text=True, check=True)
        (line,) = [line for line in shown.stdout.splitlines() if "enforce" in line]
        assert line.split()[:5] == ["f", "1", "a", "minute", "enforce"]
        assert "not in force: lifted_by_person 3, stopped 1" in shown.stderr
    entries = stand.audit()
    assert len({entry["audit_id"] for entry in entries}) == len(entries)
    assert {entry["author"] for entry in entries if entry["event"] == "asked"} != {None}
    assert [entry["action"] for entry in entries if entry["event"] == "asked"] == ["stop", "start", "lift", "lift"]
    refused = [(entry["account_id"], entry["reason"]) for entry in entries if entry["event"] == "refused"]
    assert sorted(refused) == [
        ("a", "lifted_by_person"),
        ("b", "stopped"),
        ("c", "lifted_by_person"),
        ("e", "lifted_by_person"),
    ]
