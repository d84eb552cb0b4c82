"""The admin API of LiteLLM's own proxy: keys get a limit, and get back what they had."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from streamer.limits.litellm_delivery import MARK, patch_of
from streamer.wiring.demonstration import free_port
from tests.integration.test_litellm import proxy_environment
from tests.limits.stand import Stand, alert_record, ask, limit, running, until
from tests.limits.test_decision import standing

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["proxy_environment"]

OWN = {"team": "core"}
LEFT_OVER = {"before": {"rpm_limit": 9, "blocked": None}, "alert_id": "a-0", "action": "throttle"}


def token(number: int) -> str:
    return f"{number:064x}"


ROWS: list[dict[str, Any]] = [
    {"token": token(1), "metadata": OWN},
    {"token": token(2), "rpm_limit": 100},
    {"token": token(3), "rpm_limit": 2, "metadata": {MARK: LEFT_OVER, **OWN}},
    # More than one page of them.
    *({"token": token(number)} for number in range(10, 130)),
]


class Proxy:
    """What the admin API says of keys."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.master_key = f"sk-{secrets.token_hex(16)}"

    def key(self, number: int) -> tuple[Any, Any, Any]:
        found = ask(f"{self.url}/key/info?key={token(number)}", Authorization=f"Bearer {self.master_key}")
        info = json.loads(found.body)["info"]
        return info["rpm_limit"], info["blocked"], info["metadata"]


@pytest.mark.kafka
@pytest.mark.timeout(200)
def test_keys_get_a_limit_and_get_back_what_they_had(
    make_stand: Callable[..., Stand], proxy_environment: Path, tmp_path: Path
) -> None:
    proxy = Proxy()
    stand = make_stand(litellm={"url": proxy.url, "key_env": "LITELLM_ADMIN"})
    script = str(Path(__file__).with_name("litellm_tables.py"))
    python = str(proxy_environment / "bin" / "python")
    command = [python, script, str(proxy.port), proxy.master_key, json.dumps(ROWS)]
    # The proxy comes up when limits are long in force.
    with (
        stand.serving(LITELLM_ADMIN=proxy.master_key),
        running(command, tmp_path, environment={"LITELLM_LOCAL_MODEL_COST_MAP": "True"}),
    ):
        stand.send(limit(token(1)), limit(token(2), per_minute=5), limit("no key"), alert=alert_record())
        stand.send(limit(token(129), mode="shadow"))
        until(lambda: ask(f"{proxy.url}/health/liveliness").status == 200, "LiteLLM answers", 90)
        until(lambda: proxy.key(1)[0] == 1, "the first key is limited")
        until(lambda: proxy.key(2)[0] == 5, "the second key is limited")
        until(lambda: proxy.key(3) == (9, None, OWN), "what was left over is given back")
        assert proxy.key(1)[2]["team"] == "core"
        assert proxy.key(129) == (None, None, {})
        stand.say("block", account_id=token(2))
        until(lambda: proxy.key(2)[:2] == (100, True), "the second key is blocked")
        stand.call("lift", token(1))
        until(lambda: proxy.key(1) == (None, None, OWN), "the first key is as it was")
        stand.send(limit(token(128)))
        until(lambda: proxy.key(128)[0] == 1, "a key of the second page is limited")
        stand.call("stop")
        until(lambda: proxy.key(2) == (100, None, {}), "the second key is as it was")
        until(lambda: proxy.key(128) == (None, None, {}), "and all others")


def test_a_key_that_has_what_it_should_is_left_alone() -> None:
    patch = patch_of({"rpm_limit": 1, "blocked": None, "metadata": {}}, standing())
    assert patch is not None
    assert patch["rpm_limit"] == 1, "a limit never makes a key's own limit wider"
    assert patch_of(patch, standing()) is None
    assert patch_of({"rpm_limit": 1, "blocked": True, "metadata": None}, None) is None
    assert patch_of(patch, None) == {"rpm_limit": 1, "blocked": None, "metadata": {}}
    assert patch_of({}, standing(mode="shadow")) is None
