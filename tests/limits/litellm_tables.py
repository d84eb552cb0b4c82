"""LiteLLM's own proxy with its own routes, rules and queries, and a table of keys in memory in place of Postgres.

Loaded by the proxy, in LiteLLM's environment, as its custom_auth. The engine of its database client (Prisma) cannot be
had from any package registry; everything on this side of it is the real thing.
"""

import copy
import json
import os
from typing import Any

import litellm.proxy.proxy_server as server
from litellm.proxy._types import LiteLLM_VerificationToken, LitellmUserRoles, UserAPIKeyAuth, hash_token
from litellm.proxy.utils import PrismaClient

JSON_COLUMNS = ("metadata", "aliases", "config", "permissions", "model_max_budget", "model_spend", "router_settings")


class Keys:
    """The table of keys."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = {row["token"]: LiteLLM_VerificationToken(**row) for row in rows}

    async def find_unique(self, where: dict[str, Any], **_: Any) -> Any:
        return copy.deepcopy(self.rows.get(where["token"]))

    find_first = find_unique

    async def find_many(self, **asked: Any) -> Any:
        start = asked.get("skip") or 0
        found = list(self.rows.values())[start : start + (asked.get("take") or len(self.rows))]
        return copy.deepcopy(found)

    async def count(self, **_: Any) -> int:
        return len(self.rows)

    async def update(self, where: dict[str, Any], data: dict[str, Any], **_: Any) -> Any:
        row = self.rows[where["token"]]
        columns = {name: json.loads(value) if name in JSON_COLUMNS else value for name, value in data.items()}
        unknown = set(columns) - set(LiteLLM_VerificationToken.model_fields) - {"settings_updated_at", "updated_at"}
        if unknown:
            raise ValueError(f"no such columns: {unknown}")
        self.rows[where["token"]] = row.model_copy(update=columns)
        return copy.deepcopy(self.rows[where["token"]])


class Nothing:
    """Any other table: there is nothing in it."""

    def __getattr__(self, name: str) -> Any:
        async def answer(*_: Any, **__: Any) -> Any:
            return [] if name in ("find_many", "query_raw") else 0 if name == "count" else None

        return answer


class Database:
    """All tables."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.litellm_verificationtoken = Keys(rows)

    def __getattr__(self, name: str) -> Any:
        return Nothing()


class Desk:
    """Puts the table of keys behind the proxy when its admin first asks."""

    def __init__(self) -> None:
        self._ready = False

    def open(self) -> None:
        if not self._ready:
            client = object.__new__(PrismaClient)
            client.db = Database(json.loads(os.environ["TEST_ROWS"]))
            client.proxy_logging_obj = server.proxy_logging_obj
            server.prisma_client = client
            self._ready = True


desk = Desk()


async def authenticate(request: object, api_key: str) -> UserAPIKeyAuth:  # noqa: ARG001 - the proxy calls it so
    """Let the admin's key and any of the test's through."""
    if api_key == os.environ["LITELLM_MASTER_KEY"]:
        desk.open()
        return UserAPIKeyAuth(api_key=hash_token(api_key), user_role=LitellmUserRoles.PROXY_ADMIN)
    if not api_key.startswith("sk-test-"):
        raise ValueError("not a key of this test")
    return UserAPIKeyAuth(api_key=hash_token(api_key))
