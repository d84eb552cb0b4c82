"""The hook in a real LiteLLM proxy, by way of a real Redis and of the decision API."""

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
from typing import TYPE_CHECKING

import pytest
import yaml

from streamer.wiring.demonstration import free_port
from tests.integration.test_litellm import proxy_environment
from tests.limits.stand import Reply, Stand, alert_record, ask, limit, running, until
from tests.limits.test_deliveries import RealRedis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(200)]
__all__ = ["proxy_environment"]

HOOKS = """
from streamer_limits import StreamerLimits
by_redis = StreamerLimits(redis_url="{redis}")
by_decision = StreamerLimits(decisions_url="{decisions}")
"""


class Proxy:
    """A LiteLLM proxy with both hooks, and a model that is a mock."""

    def __init__(self, environment: Path, directory: Path, root: Path, redis: str, decisions: str) -> None:
        self.directory = directory
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._program = str(environment / "bin" / "litellm")
        shutil.copy(root / "deploy" / "litellm" / "streamer_limits.py", directory)
        shutil.copy(root / "tests" / "integration" / "litellm" / "custom_keys.py", directory)
        (directory / "hooks.py").write_text(HOOKS.format(redis=redis, decisions=decisions), encoding="utf-8")
        answer = {"model": "openai/meridian-5", "api_key": "none", "mock_response": "Yes."}
        document = {
            "model_list": [{"model_name": "meridian-5", "litellm_params": answer}],
            "litellm_settings": {"callbacks": ["hooks.by_redis", "hooks.by_decision"]},
            "general_settings": {"custom_auth": "custom_keys.authenticate"},
        }
        (directory / "proxy.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        variables = {
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "LITELLM_TELEMETRY": "False",
            "LITELLM_MASTER_KEY": f"sk-{secrets.token_hex(32)}",
        }
        command = [self._program, "--config", "proxy.yaml", "--host", "127.0.0.1", "--port", str(self.port)]
        with running(command, self.directory, environment=variables):
            until(lambda: ask(f"{self.url}/health/liveliness").status == 200, "LiteLLM answers", 90)
            yield

    def complete(self, key: str) -> Reply:
        body = {"model": "meridian-5", "messages": [{"role": "user", "content": "Is it so?"}]}
        request = urllib.request.Request(  # noqa: S310 - a local address
            f"{self.url}/v1/chat/completions",
            json.dumps(body).encode(),
            {"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
                return Reply(response.status, {}, response.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return Reply(error.code, {k.lower(): v for k, v in error.headers.items()}, error.read().decode())

    def refused(self, key: str, status: int = 429) -> Reply:
        def refusal() -> Reply | None:
            found = self.complete(key)
            return found if found.status == status else None

        reply: Reply = until(refusal, f"{key} is refused")
        return reply


def account(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


@pytest.fixture
def redis(redis_server: str, tmp_path: Path) -> Iterator[RealRedis]:
    found = RealRedis(redis_server, tmp_path)
    yield found
    found.client.close()


def test_keys_are_limited_at_a_litellm_proxy_until_lifted(
    make_stand: Callable[..., Stand], redis: RealRedis, proxy_environment: Path, root: Path, tmp_path: Path
) -> None:
    by_redis, by_decision = make_stand(redis={"url": redis.url}), make_stand()
    proxy = Proxy(proxy_environment, tmp_path, root, redis.url, by_decision.url)
    one, other, shadow = "sk-test-1", "sk-test-2", "sk-test-3"
    with by_redis.serving(), by_decision.serving() as decisions, proxy.running():
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
