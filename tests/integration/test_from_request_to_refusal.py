"""A campaign with everything real and together: found, told once, refused at the gateway, over, free again."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import json
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from streamer.wiring.demonstration import free_port
from tests.integration.live import SENSITIVE, LiveRun, program, world
from tests.limits.gateway import Gateway, api
from tests.limits.stand import Reply, ask, running
from tests.limits.test_deliveries import RealRedis
from tests.notify.programs import Alertmanager, Inbox, need
from tests.patience import PATIENCE_S, until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.kafka_fixture import KafkaCluster

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

CAMPAIGN_ENDS_DAY, DAYS = 1.6, 1.9
SCENARIO: dict[str, Any] = {
    "start": "2026-03-02",
    "days": DAYS,
    "honest": {
        "individual": {"accounts": 300},
        "coding_tool": {"accounts": 40},
        "enterprise_nat": {"accounts": 60, "group_size": 30},
        "classroom": {"accounts": 30, "start_day": 0.3},
        "ci": {"accounts": 6},
    },
    "campaigns": [
        {
            "name": "rotation",
            "profile": "rotation",
            "accounts": 20,
            "start_day": 1.2,
            "days": CAMPAIGN_ENDS_DAY - 1.2,
            "signup_lead_days": 1,
            "warm_ratio": 0.2,
            "turns_sigma": 0,
            "session_follows": True,
        }
    ],
}
THREE_DAYS_S = 259_200
DETECTION: dict[str, Any] = {
    **SENSITIVE,
    "link": {"horizon_s": 14_400, "judge_suspect_every_s": 3600},
    "alert": {"resolve_after_s": 7200},
    "limit": {"mode": "enforce", "requests_per_minute": 1, "expires_after_s": THREE_DAYS_S},
}
QUIET_S = 1.5  # more than a group's interval and a resend


def key_of(account: str) -> str:
    """The API key that a client of this account has."""
    return f"sk-{account}"


def account_of(key: str) -> str:
    """The account as a gateway names it that knows keys only."""
    return hashlib.sha256(key.encode()).hexdigest()


class Traffic:
    """A world that ended today, accounts named by their keys, in two parts: with the campaign, and after it."""

    def __init__(self, directory: Path) -> None:
        events = [json.loads(line) for line in world(SCENARIO, directory).read_text("utf-8").splitlines()]
        start = dt.datetime.fromisoformat(SCENARIO["start"]).replace(tzinfo=dt.UTC)
        # By whole days: what hour it is counts.
        late = dt.timedelta(days=(dt.datetime.now(dt.UTC) - start - dt.timedelta(days=DAYS)).days)
        over = start + late + dt.timedelta(days=CAMPAIGN_ENDS_DAY)
        self.with_campaign, self.after = directory / "with-campaign.jsonl", directory / "after.jsonl"
        self.keys = {account_of(key): key for key in (key_of(event["account_id"]) for event in events)}
        truth = map(json.loads, (directory / "truth.jsonl").read_text("utf-8").splitlines())
        self.honest = [key_of(each["account_id"]) for each in truth if each["actor"] == "benign:individual"]
        with self.with_campaign.open("w", encoding="utf-8") as first, self.after.open("w", encoding="utf-8") as second:
            for event in events:
                for name in ("timestamp", "account_created_at"):
                    if event.get(name):
                        event[name] = (dt.datetime.fromisoformat(event[name]) + late).isoformat()
                event["account_id"] = account_of(key_of(event["account_id"]))
                is_after = dt.datetime.fromisoformat(event["timestamp"]) >= over
                (second if is_after else first).write(json.dumps(event) + "\n")


class Outside(NamedTuple):
    """Where clients ask, and where others look up who is limited."""

    nginx: str
    envoy: str
    decisions: str
    redis: RealRedis

    def answers(self, key: str) -> list[int]:
        """What the gateways answer a client with this key, twice each."""
        return [answer(url, key).status for url in (self.nginx, self.envoy) for _ in range(2)]

    def outcome(self, key: str) -> str:
        """What is decided about a client with this key."""
        return answer(self.decisions, key).headers.get("x-streamer-outcome", "")


def answer(url: str, key: str, account: str | None = None) -> Reply:
    """What a client with this key gets, whoever it says that it is."""
    return ask(url, account, Authorization=f"Bearer {key}")


def refusal(url: str, key: str, account: str | None = None) -> Reply | None:
    """A 429, if that is what such a client gets; a gateway that hears of no decision in time lets it pass."""
    found = answer(url, key, account)
    return found if found.status == 429 else None


@contextlib.contextmanager
def verb(run: LiveRun, *arguments: str, port: int, **settings: str) -> Iterator[None]:
    """A verb of the program that serves there, until it is no longer needed."""
    directory = run.log_path.parent
    command = program(*arguments, "--config", str(run.config_path))
    with running(command, directory, environment=settings) as process:
        until(lambda: ask(f"http://127.0.0.1:{port}/ready").status == 200 or process.poll() is not None, "it is ready")
        assert process.poll() is None
        yield
        process.terminate()
        assert process.wait(PATIENCE_S) == 0


@contextlib.contextmanager
def everything(run: LiveRun, inbox: Inbox, root: Path, programs: Mapping[str, str]) -> Iterator[Outside]:
    """A worker, who tells and who decides, each with the real thing behind or before it."""
    directory = run.log_path.parent
    alertmanager = Alertmanager(directory, root / "deploy" / "alertmanager" / "alertmanager.yml", inbox.url)
    telling, deciding = free_port(), free_port()
    told = {
        "STREAMER_ALERTMANAGER__URLS": json.dumps([alertmanager.url]),
        "STREAMER_ALERTMANAGER__PORT": str(telling),
        "STREAMER_ALERTMANAGER__RESEND_INTERVAL_S": "1",
    }
    decided = {
        "STREAMER_LIMITS__PORT": str(deciding),
        "STREAMER_LIMITS__MODE": "enforce",
        "STREAMER_LIMITS__API_KEY_HEADER": "authorization",
        "STREAMER_LIMITS__MAX_LAG_S": str(THREE_DAYS_S),
    }
    redis = RealRedis(programs["redis"], directory)
    decided["STREAMER_LIMITS__REDIS__URL"] = redis.url
    with contextlib.ExitStack() as stack:
        stack.callback(redis.client.close)
        target = stack.enter_context(api())
        gateways = [
            Gateway(name, programs[name], root, directory, deciding, target, by_key=True) for name in ("nginx", "envoy")
        ]
        run.start()
        stack.enter_context(alertmanager.running())
        stack.enter_context(verb(run, "notify", port=telling, **told))
        stack.enter_context(verb(run, "limits", "serve", port=deciding, **decided))
        stack.enter_context(redis.running())
        for gateway in gateways:
            stack.enter_context(gateway.running())
        yield Outside(gateways[0].url, gateways[1].url, f"http://127.0.0.1:{deciding}/decide", redis)


def test_a_campaign_is_told_once_refused_at_the_gateways_and_free_when_it_is_over(
    kafka: KafkaCluster, root: Path, tmp_path: Path, nginx: str, envoy: str, redis_server: str
) -> None:
    need("prometheus-alertmanager", "alertmanager")
    programs = {"nginx": nginx, "envoy": envoy, "redis": redis_server}
    traffic = Traffic(tmp_path)
    with (
        Inbox() as inbox,
        LiveRun(kafka, tmp_path, DETECTION, partitions=2, idle_s=10.0) as run,
        everything(run, inbox, root, programs) as outside,
    ):
        run.produce(traffic.with_campaign)
        alert = run.wait_for_alert(lambda found: found["revision"] > 1)
        told = inbox.next()
        mallory, alice = traffic.keys[alert["accounts"][0]], traffic.honest[0]
        for url in (outside.nginx, outside.envoy):
            refused = until(partial(refusal, url, mallory), "mallory is refused")
            assert 0 < int(refused.headers["retry-after"]) <= 60
            until(partial(refusal, url, mallory, account_of(alice)), "nobody poses as alice")
        assert outside.answers(alice) == [200] * 4
        until(lambda: outside.redis.holds(*alert["accounts"]), "Redis has them all and nobody else")
        assert inbox.rest(QUIET_S) == [], "once, whatever it grew to"

        run.produce(traffic.after)
        end = run.wait_for_alert(lambda found: found["status"] == "resolved")
        over = inbox.next()
        until(lambda: outside.outcome(mallory) == "allowed", "mallory is free")
        assert outside.answers(mallory) == [200] * 4
        until(outside.redis.holds, "Redis has nobody")
        assert inbox.rest(QUIET_S) == []
    assert (told["status"], told["receiver"]) == ("firing", "page")
    assert told["groupLabels"]["cluster_id"] == end["cluster_id"]
    assert (over["status"], over["groupLabels"]) == ("resolved", told["groupLabels"])
    assert end["alert_id"] == alert["alert_id"]
    assert set(alert["accounts"]).isdisjoint(map(account_of, traffic.honest))
