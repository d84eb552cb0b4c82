"""Limits as Redis keys that run out by themselves, for gateways that look there.

`PREFIXlimit:ACCOUNT` holds one limit as JSON. `PREFIXalive` says that somebody looks after them; where it is missing,
nobody does, nobody could lift one, and a gateway must let everybody pass.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from streamer.limits.delivery import DeliveryError, Reconciled
from streamer.limits.policy import Standing

CHUNK = 500
Item = TypeVar("Item")


class RedisDelivery:
    """Writes to one Redis. `plans` are the rungs that plans go no further than."""

    name = "redis"

    def __init__(
        self,
        client: Redis,
        prefix: str,
        plans: Mapping[str, str],
        stale_after_s: float,
        clock_ms: Callable[[], int],
    ) -> None:
        self._client = client
        self._prefix = prefix
        self._alive = msgspec.json.encode({"plans": dict(plans)})
        self._stale_after_ms = round(stale_after_s * 1000)
        self._clock_ms = clock_ms

    async def reconcile(self, standings: Mapping[str, Standing]) -> Reconciled:
        """Make it hold these limits and no others of ours."""
        with self._errors():
            held: dict[bytes, bytes | str | None] = {}
            keys = [key async for key in self._client.scan_iter(match=f"{self._prefix}limit:*", count=CHUNK)]
            for some in _chunks(keys):
                held.update(zip(some, await self._client.mget(some), strict=True))
        wanted = {self._key(account): account for account in standings}
        wrong = {
            account: standings[account]
            for key, account in wanted.items()
            if held.get(key.encode()) != value_of(standings[account])
        }
        gone = [key for key in held if key.decode() not in wanted]
        changes: dict[str, Standing | None] = {**wrong}
        for some_accounts in _chunks(list(changes)):
            await self.apply({account: changes[account] for account in some_accounts})
        with self._errors():
            for some in _chunks(gone):
                await self._client.delete(*some)
        return Reconciled(len(wrong), len(gone))

    async def apply(self, changes: Mapping[str, Standing | None]) -> None:
        """Set or remove the limits of some accounts, all at once."""
        now_ms = self._clock_ms()
        with self._errors():
            async with self._client.pipeline(transaction=True) as pipeline:
                for account, standing in changes.items():
                    if standing is None or standing.expires_at <= now_ms:
                        pipeline.delete(self._key(account))
                    else:
                        pipeline.set(self._key(account), value_of(standing), pxat=standing.expires_at)
                await pipeline.execute()

    async def pulse(self) -> bool:
        """Say that limits are looked after; False if nothing said so before: what was held may be lost."""
        with self._errors():
            before = await self._client.set(f"{self._prefix}alive", self._alive, px=self._stale_after_ms, get=True)
        return before is not None

    async def reach(self) -> None:
        """See that it is there, and change nothing."""
        with self._errors():
            await self._client.exists(f"{self._prefix}alive")

    async def close(self) -> None:
        """Close the connection."""
        with contextlib.suppress(DeliveryError), self._errors():
            await self._client.aclose()

    def _key(self, account: str) -> str:
        return f"{self._prefix}limit:{account}"

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (RedisError, OSError) as error:
            raise DeliveryError("limits.redis", f"Redis does not take limits ({error!r})", "is it well?") from error


def value_of(standing: Standing) -> bytes:
    """What a gateway finds."""
    return msgspec.json.encode(
        {
            "action": standing.action,
            "requests_per_minute": standing.requests_per_minute,
            "mode": standing.mode,
            "alert_id": standing.alert_id,
            "expires_at": standing.expires_at,
        }
    )


def _chunks(items: list[Item]) -> Iterator[list[Item]]:
    for start in range(0, len(items), CHUNK):
        yield items[start : start + CHUNK]
