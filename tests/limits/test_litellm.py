"""A real LiteLLM proxy: our hook in it, by way of Redis and of the decision API, and its own admin API."""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
import shutil
import signal
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from streamer.limits.litellm_delivery import MARK, patch_of
from streamer.wiring.demonstration import free_port
from tests.integration.test_litellm import proxy_environment
from tests.limits.stand import Reply, Stand, alert_record, ask, limit, running
from tests.limits.test_decision import standing
from tests.limits.test_deliveries import RealRedis
from tests.patience import PATIENCE_S, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.kafka, pytest.mark.slow]
__all__ = ["proxy_environment"]

HOOKS = """
from streamer_limits import StreamerLimits
by_redis = StreamerLimits(redis_url="redis://127.0.0.1:{redis}/0")
by_decision = StreamerLimits(decisions_url="http://127.0.0.1:{decisions}")
"""


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
    """A LiteLLM proxy with both hooks, and a model that is a mock."""

    def __init__(self, environment: Path, directory: Path, root: Path) -> None:
        self.directory = directory
        self.port, self.redis, self.decisions = free_port(), free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.master_key = f"sk-{secrets.token_hex(32)}"
        self._program = str(environment / "bin" / "litellm")
        shutil.copy(root / "deploy" / "litellm" / "streamer_limits.py", directory)
        shutil.copy(root / "tests" / "limits" / "litellm_tables.py", directory)
        hooks = HOOKS.format(redis=self.redis, decisions=self.decisions)
        (directory / "hooks.py").write_text(hooks, encoding="utf-8")
        answer = {"model": "openai/meridian-5", "api_key": "none", "mock_response": "Yes."}
        document = {
            "model_list": [{"model_name": "meridian-5", "litellm_params": answer}],
            "litellm_settings": {"callbacks": ["hooks.by_redis", "hooks.by_decision"]},
            "general_settings": {"custom_auth": "litellm_tables.authenticate"},
        }
        (directory / "proxy.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        variables = {
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "LITELLM_TELEMETRY": "False",
            "LITELLM_MASTER_KEY": self.master_key,
            "TEST_ROWS": json.dumps(ROWS),
        }
        command = [self._program, "--config", "proxy.yaml", "--host", "127.0.0.1", "--port", str(self.port)]
        with running(command, self.directory, environment=variables):
            until(lambda: ask(f"{self.url}/health/liveliness").status == 200, "LiteLLM answers")
            yield

    def complete(self, key: str) -> Reply:
        body = {"model": "meridian-5", "messages": [{"role": "user", "content": "Is it so?"}]}
        request = urllib.request.Request(  # noqa: S310 - a local address
            f"{self.url}/v1/chat/completions",
            json.dumps(body).encode(),
            {"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:  # noqa: S310
                return Reply(response.status, {}, response.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return Reply(error.code, {k.lower(): v for k, v in error.headers.items()}, error.read().decode())

    def key(self, number: int) -> tuple[Any, Any, Any]:
        """Limit per minute, whether blocked, and metadata of a key, as the admin API has it."""
        found = ask(f"{self.url}/key/info?key={token(number)}", Authorization=f"Bearer {self.master_key}")
        info = json.loads(found.body)["info"]
        return info["rpm_limit"], info["blocked"], info["metadata"]

    def refused(self, key: str, status: int = 429) -> Reply:
        def refusal() -> Reply | None:
            found = self.complete(key)
            return found if found.status == status else None

        reply: Reply = until(refusal, f"{key} is refused")
        return reply


def account(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


@pytest.fixture
def redis(redis_server: str, tmp_path: Path, proxy: Proxy) -> Iterator[RealRedis]:
    found = RealRedis(redis_server, tmp_path, proxy.redis)
    yield found
    found.client.close()


@pytest.fixture(scope="module")
def proxy(proxy_environment: Path, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    found = Proxy(proxy_environment, tmp_path_factory.mktemp("litellm"), root)
    with found.running():
        yield found


def test_keys_are_limited_at_a_litellm_proxy_until_lifted(
    make_stand: Callable[..., Stand], redis: RealRedis, proxy: Proxy
) -> None:
    by_redis = make_stand(redis={"url": redis.url})
    by_decision = make_stand(port=proxy.decisions)
    one, other, shadow = "sk-test-1", "sk-test-2", "sk-test-3"
    with by_redis.serving(), by_decision.serving() as decisions:
        with redis.running():
            by_redis.send(limit(account(one)), limit(account(shadow), mode="shadow"), alert=alert_record())
            by_decision.send(limit(account(other)), alert=alert_record())
            until(lambda: redis.holds(account(one), account(shadow)), "Redis has it")
            for key in (one, other):
                refused = proxy.refused(key)
                assert 0 < int(refused.headers["retry-after"]) <= 60
                assert "Too many requests" in refused.body
            assert [proxy.complete(shadow).status for _ in range(3)] == [200] * 3
            by_redis.say("block", account_id=account(one))
            proxy.refused(one, 403)
            by_redis.call("lift", account(one))
            until(lambda: proxy.complete(one).status == 200, "the first is free")
            by_redis.say("block", account_id=account(one))
            proxy.refused(one, 403)
        # Neither a Redis that is gone nor a decision API that hangs costs a request.
        assert proxy.complete(one).status == 200
        decisions.send_signal(signal.SIGSTOP)
        assert proxy.complete(other).status == 200
        decisions.send_signal(signal.SIGCONT)
        proxy.refused(other)
        with redis.running():
            proxy.refused(one, 403)
        by_decision.call("lift", account(other))
        until(lambda: proxy.complete(other).status == 200, "the other is free")


def test_keys_get_a_limit_and_get_back_what_they_had(make_stand: Callable[..., Stand], proxy: Proxy) -> None:
    stand = make_stand(litellm={"url": proxy.url, "key_env": "LITELLM_ADMIN"})
    with stand.serving(LITELLM_ADMIN=proxy.master_key):
        stand.send(limit(token(1)), limit(token(2), per_minute=5), limit("no key"), alert=alert_record())
        stand.send(limit(token(129), mode="shadow"))
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
