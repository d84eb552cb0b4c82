"""A LiteLLM hook that refuses requests of accounts that `streamer limits serve` limits: 429, or 403 for a block.

In the proxy's configuration: `litellm_settings: {callbacks: [streamer_limits.hook]}`, this file beside it.
Environment: STREAMER_DECISIONS_URL (http://host:6068) asks the decision API about every request; or STREAMER_REDIS_URL
(redis://host:6379/0) reads what was written to Redis, with STREAMER_REDIS_PREFIX if it is not `streamer:`. Whatever
goes wrong, requests pass.
"""

import hashlib
import json
import logging
import math
import os
import time

import httpx
from fastapi import HTTPException
from litellm.integrations.custom_logger import CustomLogger
from redis.asyncio import Redis

logger = logging.getLogger("streamer_limits")
TIMEOUT_S = 0.2
MINUTE_S = 60
WINDOW_S = 300
MIN_REQUESTS = 1_000
COMPLAIN_EVERY_S = 60
MESSAGES = {429: "Too many requests for this account.", 403: "This account may not make requests."}


class StreamerLimits(CustomLogger):
    """Asks before each call. Of all requests it refuses at most a share, whatever the limits say."""

    def __init__(
        self, decisions_url: str = "", redis_url: str = "", prefix: str = "streamer:", max_traffic_ratio: float = 0.2
    ) -> None:
        super().__init__()
        self._decisions_url = decisions_url.rstrip("/")
        self._redis_url = redis_url
        self._prefix = prefix
        self._max_traffic_ratio = max_traffic_ratio
        self._client: httpx.AsyncClient | None = None
        self._redis: Redis | None = None
        self._complained_at = -math.inf
        self._window = self._requests = self._refused = 0

    async def async_pre_call_hook(self, user_api_key_dict, cache, data, call_type):  # noqa: ANN001, ANN201, ARG002
        """Refuse by raising, or give the data back as it is."""
        account = account_of(user_api_key_dict)
        if not account:
            return data
        plan = (getattr(user_api_key_dict, "metadata", None) or {}).get("plan")
        try:
            ask = self._by_decision if self._decisions_url else self._by_redis
            status, wait_s = await ask(account, plan)
        except Exception as error:  # noqa: BLE001 - nothing in here may cost a request
            self._complain(error)
            return data
        if status not in MESSAGES:
            return data
        headers = {"retry-after": str(wait_s)}
        raise HTTPException(status_code=status, detail={"error": MESSAGES[status]}, headers=headers)

    async def _by_decision(self, account: str, plan: str | None) -> tuple[int, int]:
        if self._client is None:
            self._client = httpx.AsyncClient(timeout=TIMEOUT_S)
        headers = {"x-account-id": account} | ({"x-plan": str(plan)} if plan else {})
        found = await self._client.get(f"{self._decisions_url}/decide", headers=headers)
        return found.status_code, int(found.headers.get("retry-after", MINUTE_S))

    async def _by_redis(self, account: str, plan: str | None) -> tuple[int, int]:
        if self._redis is None:
            self._redis = Redis.from_url(self._redis_url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S)
        self._count_request()
        alive, found = await self._redis.mget(f"{self._prefix}alive", f"{self._prefix}limit:{account}")
        # Where nobody looks after limits nobody could lift one either.
        if alive is None or found is None:
            return 200, 0
        limit = json.loads(found)
        highest = json.loads(alive)["plans"].get(plan, "block") if plan else "block"
        if limit["mode"] != "enforce" or highest not in ("throttle", "block"):
            return 200, 0
        blocked = limit["action"] == "block" == highest
        return await self._counted(account, 0 if blocked else limit["requests_per_minute"] or 1, blocked=blocked)

    async def _counted(self, account: str, allowed: int, *, blocked: bool) -> tuple[int, int]:
        """Count one request in the minute that all proxies share."""
        now = time.time()
        key = f"{self._prefix}count:{account}:{int(now) // MINUTE_S}"
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.incr(key)
            pipeline.expire(key, 2 * MINUTE_S)
            count = (await pipeline.execute())[0]
        if count <= allowed:
            return 200, 0
        if count == allowed + 1:
            if not self._may_refuse():
                await self._redis.decr(key)
                return 200, 0
            self._refused += 1
        else:
            self._requests -= 1  # asking again before the time is no traffic, so that it frees nobody
        return 403 if blocked else 429, math.ceil(MINUTE_S - now % MINUTE_S)

    def _count_request(self) -> None:
        window = int(time.monotonic()) // WINDOW_S
        if window != self._window:
            self._window, self._requests, self._refused = window, 0, 0
        self._requests += 1

    def _may_refuse(self) -> bool:
        return self._requests < MIN_REQUESTS or self._refused + 1 <= self._max_traffic_ratio * self._requests

    def _complain(self, error: Exception) -> None:
        now = time.monotonic()
        if now - self._complained_at >= COMPLAIN_EVERY_S:
            self._complained_at = now
            logger.warning("limits cannot be asked for, and requests pass: %r", error)


def account_of(caller) -> str | None:  # noqa: ANN001 - LiteLLM's UserAPIKeyAuth
    """Name whoever asks as `streamer ingest --format litellm` does: the hash of the key.

    The master key is nobody: behind it, it is the end user, else the user, else the team.
    """
    key = caller.api_key or ""
    master = os.environ.get("LITELLM_MASTER_KEY", "")
    if key and not (master and key in (master, hashlib.sha256(master.encode()).hexdigest())):
        return key if not key.startswith("sk-") else hashlib.sha256(key.encode()).hexdigest()
    user = caller.user_id if caller.user_id != "default_user_id" else None
    return caller.end_user_id or user or caller.team_id


hook = StreamerLimits(
    decisions_url=os.environ.get("STREAMER_DECISIONS_URL", ""),
    redis_url=os.environ.get("STREAMER_REDIS_URL", ""),
    prefix=os.environ.get("STREAMER_REDIS_PREFIX", "streamer:"),
    max_traffic_ratio=float(os.environ.get("STREAMER_MAX_TRAFFIC_RATIO", "0.2")),
)
