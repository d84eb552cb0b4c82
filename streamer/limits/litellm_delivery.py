"""Limits as settings of the keys of a LiteLLM proxy, through its admin API: `rpm_limit`, and `blocked` for a block.

What a key had before is kept in its own metadata, beside the mark that tells whose doing it is, so that it can be given
back whatever became of this process in between. Limits in shadow mode are not written: a key has no such thing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout

from streamer.limits.delivery import DeliveryError, Reconciled
from streamer.limits.policy import BLOCK, ENFORCE, Standing

MARK = "streamer_limit"
PAGE = 100
AT_ONCE = 8
TIMEOUT_S = 10.0
NOT_FOUND = 404
REFUSED = 400

Info = Mapping[str, Any]


class LiteLLMDelivery:
    """Writes to one proxy. `pseudonym` turns a key's hash into the name its account has with the detector."""

    name = "litellm"

    def __init__(self, url: str, admin_key: str, pseudonym: Callable[[str], str] | None) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {admin_key}"}
        self._pseudonym = pseudonym or (lambda token: token)
        self._tokens: dict[str, str] = {}
        self._session: ClientSession | None = None

    async def reconcile(self, standings: Mapping[str, Standing]) -> Reconciled:
        """Make all keys have these limits and no others of ours."""
        keys = await self._keys()
        self._tokens = {self._pseudonym(token): token for token in keys}
        wanted = {self._tokens[name]: limit for name, limit in standings.items() if name in self._tokens}
        patches = {token: patch_of(info, wanted.get(token)) for token, info in keys.items()}
        needed = {token: patch for token, patch in patches.items() if patch is not None}
        await self._update(needed)
        removed = sum(MARK not in patch["metadata"] for patch in needed.values())
        return Reconciled(len(needed) - removed, removed)

    async def apply(self, changes: Mapping[str, Standing | None]) -> None:
        """Set or remove the limits of some accounts; those that are no keys here are passed over."""
        if any(account not in self._tokens for account in changes):
            self._tokens = {self._pseudonym(token): token for token in await self._keys()}
        patches: dict[str, dict[str, Any]] = {}
        for account, standing in changes.items():
            token = self._tokens.get(account)
            info = await self._info(token) if token is not None else None
            patch = patch_of(info, standing) if info is not None else None
            if token is not None and patch is not None:
                patches[token] = patch
        await self._update(patches)

    async def pulse(self) -> bool:
        """Nothing to be said: the proxy keeps what it was told."""
        return True

    async def reach(self) -> None:
        """See that it is there, and change nothing."""
        async with self._asked("GET", "/key/list", params={"page": "1", "size": "1"}):
            return

    async def close(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _keys(self) -> dict[str, Info]:
        found: dict[str, Info] = {}
        page, pages = 1, 1
        while page <= pages:
            query = {"page": str(page), "size": str(PAGE), "return_full_object": "true"}
            async with self._asked("GET", "/key/list", params=query) as answer:
                found |= {key["token"]: key for key in answer["keys"]}
                page, pages = page + 1, answer["total_pages"]
        return found

    async def _info(self, token: str) -> Info | None:
        async with self._asked("GET", "/key/info", params={"key": token}) as answer:
            info: Info | None = answer.get("info")
            return info

    async def _update(self, patches: Mapping[str, Mapping[str, Any]]) -> None:
        turns = asyncio.Semaphore(AT_ONCE)

        async def update(token: str, patch: Mapping[str, Any]) -> None:
            async with turns, self._asked("POST", "/key/update", json={"key": token, **patch}):
                return

        await asyncio.gather(*(update(token, patch) for token, patch in patches.items()))

    @contextlib.asynccontextmanager
    async def _asked(self, method: str, path: str, **more: Any) -> AsyncIterator[dict[str, Any]]:  # noqa: ANN401
        if self._session is None:
            self._session = ClientSession(headers=self._headers, timeout=ClientTimeout(total=TIMEOUT_S))
        try:
            async with self._session.request(method, self._url + path, **more) as response:
                if response.status >= REFUSED and response.status != NOT_FOUND:
                    found = f"{method} {path} is answered with {response.status}: {(await response.text())[:200]}"
                    raise DeliveryError(
                        "limits.litellm", found, "is the key that of an admin, and is there a database?"
                    )
                yield {} if response.status == NOT_FOUND else await response.json()
        except (ClientError, OSError, TimeoutError) as error:
            raise DeliveryError("limits.litellm", f"LiteLLM does not answer ({error!r})", "is it well?") from error


def patch_of(info: Info, standing: Standing | None) -> dict[str, Any] | None:
    """What of a key must be changed so that this limit holds, or none; None if nothing must."""
    metadata = dict(info.get("metadata") or {})
    mark = metadata.pop(MARK, None)
    before = mark["before"] if mark else {"rpm_limit": info.get("rpm_limit"), "blocked": info.get("blocked")}
    if standing is None or standing.mode != ENFORCE:
        return {**before, "metadata": metadata} if mark else None
    blocked = standing.action == BLOCK
    lowest = min(each for each in (before["rpm_limit"], standing.requests_per_minute, 1 << 31) if each is not None)
    patch = {
        "rpm_limit": before["rpm_limit"] if blocked else lowest,
        "blocked": True if blocked else before["blocked"],
        "metadata": {**metadata, MARK: {"before": before, "alert_id": standing.alert_id, "action": standing.action}},
    }
    return patch if any(info.get(name) != value for name, value in patch.items()) else None
