"""May a request pass: what holds for one account, and never more refusals than a share of all."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from streamer.limits.asgi import Caller, DecisionApp, hashed_key
from streamer.limits.bucket import TokenBucket
from streamer.limits.decision import OPEN, Decider
from streamer.limits.metrics import LimitMetrics
from streamer.limits.policy import LimitPolicy, Standing
from streamer.limits.share import TrafficShare
from tests.limits.handmade import HOUR, NOW


class Desk:
    """A decider with clocks that stand still until they are turned."""

    def __init__(self, *standings: Standing, share: TrafficShare | None = None, **policy: Any) -> None:
        self.now_s = 0.0
        self.standings = {standing.account_id: standing for standing in standings}
        self.share = share or TrafficShare(1.0, 1, 300.0, 0.0)
        self.decider = Decider(
            LimitPolicy(**policy), self.share, lambda: self.now_s, lambda: NOW + round(self.now_s * 1000)
        )
        self.decider.follow(self.standings)
        self.decider.open_reason = None

    def ask(self, account: str, plan: str | None = None) -> str:
        return self.decider.decide(account, plan).outcome


def standing(account: str = "a", action: str = "throttle", mode: str = "enforce", cause: str = "l") -> Standing:
    per_minute = None if action == "block" else 2
    return Standing(account, action, per_minute, mode, "a-1", "why", NOW, NOW + HOUR, None, cause)


def test_a_throttled_account_gets_its_rate_and_is_told_how_long_to_wait() -> None:
    desk = Desk(standing())
    assert [desk.ask("a") for _ in range(3)] == ["within_limit", "within_limit", "throttled"]
    answer = desk.decider.decide("a")
    assert (answer.refused, answer.retry_after_s) == (True, 30)
    desk.now_s = 30.0
    assert [desk.ask("a") for _ in range(2)] == ["within_limit", "throttled"]
    assert desk.ask("b") == "allowed"


def test_a_blocked_account_gets_nothing_until_the_limit_is_over() -> None:
    desk = Desk(standing(action="block"))
    assert desk.decider.decide("a") == ("blocked", desk.standings["a"], 3600)
    desk.now_s = 3_600.0
    assert desk.ask("a") == "allowed"


def test_in_shadow_mode_nobody_is_refused_and_it_is_told_who_would_have_been() -> None:
    desk = Desk(standing(mode="shadow"))
    answers = [desk.decider.decide("a") for _ in range(3)]
    assert [answer.outcome for answer in answers] == ["within_limit", "within_limit", "shadow"]
    assert not any(answer.refused for answer in answers)


def test_whoever_was_lifted_and_is_limited_again_begins_anew() -> None:
    desk = Desk(standing(action="block"))
    desk.ask("a")
    desk.standings["a"] = standing(cause="another")
    assert desk.ask("a") == "within_limit"


def test_plans_go_no_further_than_they_may() -> None:
    desk = Desk(standing("a", "block"), standing("b"), plans={"enterprise": "alert", "education": "throttle"})
    assert desk.ask("a", "enterprise") == "plan"
    assert [desk.ask("a", "education") for _ in range(3)] == ["within_limit", "within_limit", "throttled"]
    assert desk.ask("a", "free") == desk.ask("a") == "blocked"
    assert [desk.ask("b", "enterprise") for _ in range(9)] == ["plan"] * 9


@pytest.mark.parametrize("reason", OPEN)
def test_in_doubt_everybody_passes(reason: str) -> None:
    desk = Desk(standing(action="block"))
    desk.decider.open_reason = reason
    assert desk.ask("a") == reason
    assert not desk.decider.decide("a").refused


def test_a_share_of_the_traffic_is_the_most_that_is_refused() -> None:
    share = TrafficShare(0.2, 100, 300.0, 0.0)
    desk = Desk(*(standing(str(number), "block") for number in range(1000)), share=share)
    outcomes = [desk.ask(str(number) if number % 2 else "free") for number in range(1, 1000)]
    refused = outcomes.count("blocked")
    assert outcomes.count("capped") > 0
    assert 190 <= refused <= 200


def test_nobody_frees_himself_by_asking_more_often() -> None:
    desk = Desk(standing(action="block"), share=TrafficShare(0.2, 10, 300.0, 0.0))
    for _ in range(100):
        desk.ask("free")
    assert {desk.ask("a") for _ in range(10_000)} == {"blocked"}
    assert desk.share.ratio < 0.2


def test_the_share_forgets() -> None:
    share = TrafficShare(0.2, 1, 300.0, 0.0)
    share.requests, share.refused = 10, 2
    assert not share.may_refuse()
    share.tick(299.0)
    assert not share.may_refuse()
    share.tick(331.0)
    assert share.may_refuse()
    assert share.ratio == 0.0


@given(st.integers(1, 20), st.lists(st.floats(0, 100), max_size=60))
def test_a_bucket_never_lets_through_more_than_its_rate(per_minute: int, pauses: list[float]) -> None:
    bucket, now, passed = TokenBucket(per_minute, 0.0), 0.0, 0
    for pause in pauses:
        now += pause
        wait = bucket.take(now)
        passed += wait == 0
        assert wait <= 60 / per_minute + 1e-6
    assert passed <= per_minute + now * per_minute / 60 + 1e-6


def served(desk: Desk, path: str, caller: Caller | None = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
    app = DecisionApp(
        desk.decider,
        caller or Caller("X-Account-Id", "", "X-Plan", None),
        LimitMetrics(CollectorRegistry()),
        live=lambda: None,
        ready=lambda: "not yet",
    )
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("nobody reads the body")

    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    asyncio.run(app({"type": "http", "path": path, "headers": pairs}, receive, send))
    start, body = sent
    found = {name.decode(): value.decode() for name, value in start["headers"]}
    assert int(found["content-length"]) == len(body["body"])
    return start["status"], found, body["body"]


def test_answers_say_what_holds_and_nginx_gets_what_it_understands() -> None:
    desk = Desk(standing("b", "block"), standing("a"))
    assert served(desk, "/decide/v1/chat", x_account_id="c")[:2] == (
        200,
        {"content-length": "0", "x-streamer-outcome": "allowed"},
    )
    status, headers, _ = served(desk, "/decide", x_account_id="b")
    assert (status, headers["x-streamer-limit"]) == (403, "block; mode=enforce; alert=a-1")
    for _ in range(2):
        assert served(desk, "/nginx", x_account_id="a")[0] == 200
    status, headers, _ = served(desk, "/nginx", x_account_id="a")
    assert (status, headers["x-streamer-status"], headers["retry-after"]) == (403, "429", "30")
    assert served(desk, "/decide", x_account_id="a")[0] == 429
    assert served(desk, "/decide")[1]["x-streamer-outcome"] == "no_account"
    assert [served(desk, path)[0] for path in ("/live", "/ready", "/metrics", "/nothing")] == [200, 503, 200, 404]


def test_a_failure_inside_lets_the_request_pass() -> None:
    desk = Desk(standing(action="block"))
    desk.decider._standings = None  # type: ignore[assignment]
    assert served(desk, "/decide", x_account_id="a")[:2] == (
        200,
        {"content-length": "0", "x-streamer-outcome": "error"},
    )


def test_what_is_written_into_a_header_cannot_end_it() -> None:
    desk = Desk(standing(action="block")._replace(alert_id="x\r\nset-cookie: y\u2028"))
    assert served(desk, "/decide", x_account_id="a")[1]["x-streamer-limit"].endswith("alert=xset-cookie: y")


def test_an_account_can_be_the_hash_of_a_key_and_go_by_a_pseudonym() -> None:
    digest = hashlib.sha256(b"sk-1").hexdigest()
    assert hashed_key(b"Bearer sk-1") == hashed_key(b"bearer  sk-1") == hashed_key(b"sk-1") == digest
    desk = Desk(standing(f"p-{digest}", "block"), standing("p-b", "block"))
    caller = Caller("x-account-id", "Authorization", "x-plan", lambda name: f"p-{name}")
    assert served(desk, "/decide", caller, authorization="Bearer sk-1")[0] == 403
    assert served(desk, "/decide", caller, authorization="Bearer sk-2")[0] == 200
    assert served(desk, "/decide", caller, authorization="Bearer sk-2", x_account_id="b")[0] == 403
