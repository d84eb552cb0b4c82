"""A limit on the topic is a 429 for a real client of a real gateway, until a person lifts it, or the way is broken."""

from __future__ import annotations

import json
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.limits.gateway import Gateway, api
from tests.limits.stand import Stand, alert_record, ask, limit, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.kafka


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


def test_limited_at_the_gateway_until_lifted_and_open_when_the_way_is_broken(gateway: tuple[Stand, Gateway]) -> None:
    stand, real = gateway
    with stand.serving() as decisions, real.running():
        stand.send(limit("mallory"), limit("trent"), alert=alert_record())
        refused = until(lambda: (found := ask(real.url, "mallory")).status == 429 and found, "mallory is refused")
        assert 0 < int(refused.headers["retry-after"]) <= 60
        assert "Too many requests" in refused.body
        assert ask(real.url, "alice").status == 200
        assert ask(real.url).status == 200

        stand.say("block", account_id="trent")
        blocked = until(lambda: (found := ask(real.url, "trent")).status == 403 and found, "trent is blocked")
        assert int(blocked.headers["retry-after"]) > 60
        assert [json.loads(each.body)["error"]["code"] for each in (refused, blocked)] == ["429", "403"]
        assert not [name for name in refused.headers if name.startswith("x-streamer")]

        # A decision API that hangs, then one that is gone, then one that is back and knows all it knew.
        decisions.send_signal(signal.SIGSTOP)
        assert [ask(real.url, "mallory").status for _ in range(3)] == [200] * 3
        decisions.send_signal(signal.SIGCONT)
        until(lambda: ask(real.url, "mallory").status == 429, "mallory is refused again")
        decisions.kill()
        decisions.wait()
        assert [ask(real.url, "trent").status for _ in range(3)] == [200] * 3
        with stand.serving():
            until(lambda: ask(real.url, "mallory").status == 429, "mallory is still limited")
            assert ask(real.url, "trent").status == 403
            stand.call("lift", "mallory", "--reason", "a class of students")
            until(lambda: ask(real.url, "mallory").status == 200, "mallory is free")
            assert [ask(real.url, "mallory").status for _ in range(5)] == [200] * 5


def test_a_gateway_that_is_killed_is_waited_for_by_nobody_and_is_right_when_it_is_back(
    gateway: tuple[Stand, Gateway],
) -> None:
    stand, real = gateway
    with stand.serving():
        with real.running():
            stand.send(limit("mallory"), limit("trent"), alert=alert_record())
            until(lambda: ask(real.url, "mallory").status == 429, "mallory is refused")
        # Killed. Limits come and go meanwhile.
        assert ask(real.url).status == 0
        stand.call("lift", "mallory")
        stand.send(limit("eve"))
        stand.say("block", account_id="trent")
        stand.exhausted("eve")
        until(lambda: stand.decide("trent").status == 403, "trent is blocked")
        with real.running():
            assert [ask(real.url, name).status for name in ("mallory", "eve", "trent", "alice")] == [200, 429, 403, 200]
