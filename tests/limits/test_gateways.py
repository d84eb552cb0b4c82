"""A limit on the topic is a 429 for a real client of a real gateway, until a person lifts it, or the way is broken."""

from __future__ import annotations

import json
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.limits.gateway import Gateway, api
from tests.limits.stand import Reply, Stand, alert_record, ask, limit
from tests.patience import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


@pytest.fixture(params=["nginx", "envoy"])
def gateway(
    request: pytest.FixtureRequest, make_stand: Callable[..., Stand], root: Path, tmp_path: Path
) -> Iterator[tuple[Stand, Gateway]]:
    stand = make_stand()
    program: str = request.getfixturevalue(request.param)
    with api() as target:
        yield stand, Gateway(request.param, program, root, tmp_path, stand.port, target)


def test_the_ready_configuration_is_valid(gateway: tuple[Stand, Gateway]) -> None:
    done = subprocess.run(gateway[1].check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def answered(real: Gateway, account: str, status: int) -> Reply:
    """What this account gets, once it is this: a gateway that hears of no decision in time lets a request pass."""
    reply: Reply = until(lambda: (found := ask(real.url, account)).status == status and found, f"{account}: {status}")
    return reply


def test_limited_at_the_gateway_until_lifted_and_open_when_the_way_is_broken(gateway: tuple[Stand, Gateway]) -> None:
    stand, real = gateway
    with stand.serving() as decisions, real.running():
        stand.send(limit("mallory"), limit("trent"), alert=alert_record())
        refused = answered(real, "mallory", 429)
        assert 0 < int(refused.headers["retry-after"]) <= 60
        assert "Too many requests" in refused.body
        assert ask(real.url, "alice").status == 200
        assert ask(real.url).status == 200

        stand.say("block", account_id="trent")
        blocked = answered(real, "trent", 403)
        assert int(blocked.headers["retry-after"]) > 60
        assert [json.loads(each.body)["error"]["code"] for each in (refused, blocked)] == ["429", "403"]
        assert not [name for name in refused.headers if name.startswith("x-streamer")]

        # A decision API that hangs, then one that is gone, then one that is back and knows all it knew.
        decisions.send_signal(signal.SIGSTOP)
        assert [ask(real.url, "mallory").status for _ in range(3)] == [200] * 3
        decisions.send_signal(signal.SIGCONT)
        answered(real, "mallory", 429)
        decisions.kill()
        decisions.wait()
        assert [ask(real.url, "trent").status for _ in range(3)] == [200] * 3
        with stand.serving():
            answered(real, "mallory", 429)
            answered(real, "trent", 403)
            stand.call("lift", "mallory", "--reason", "a class of students")
            until(lambda: stand.decide("mallory").headers.get("x-streamer-outcome") == "allowed", "mallory is free")
            assert [ask(real.url, "mallory").status for _ in range(5)] == [200] * 5


def test_a_gateway_that_is_killed_is_waited_for_by_nobody_and_is_right_when_it_is_back(
    gateway: tuple[Stand, Gateway],
) -> None:
    stand, real = gateway
    with stand.serving():
        with real.running():
            stand.send(limit("mallory"), limit("trent"), alert=alert_record())
            answered(real, "mallory", 429)
        # Killed. Limits come and go meanwhile.
        assert ask(real.url).status == 0
        stand.call("lift", "mallory")
        stand.send(limit("eve"))
        stand.say("block", account_id="trent")
        stand.exhausted("eve")
        until(lambda: stand.decide("trent").status == 403, "trent is blocked")
        with real.running():
            for name, status in (("eve", 429), ("trent", 403)):
                answered(real, name, status)
            assert [ask(real.url, name).status for name in ("mallory", "alice")] == [200, 200]
