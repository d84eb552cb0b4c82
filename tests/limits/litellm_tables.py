"""LiteLLM's own proxy with its own routes, rules and queries, and a table of keys in memory in place of Postgres.

Runs in LiteLLM's environment: litellm_tables.py PORT MASTER_KEY ROWS, which are JSON. The engine of its database client
(Prisma) cannot be had from any package registry; everything on this side of it is the real thing.
"""

import copy
import json
import sys
from typing import Any

import litellm.proxy.proxy_server as server
import uvicorn
from litellm.proxy._types import LiteLLM_VerificationToken
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


def main(port: int, master_key: str, rows: list[dict[str, Any]]) -> None:
    client = object.__new__(PrismaClient)
    client.db = Database(rows)
    client.proxy_logging_obj = server.proxy_logging_obj
    server.prisma_client = client
    server.master_key = master_key
    server.general_settings["master_key"] = master_key
    uvicorn.run(server.app, host="127.0.0.1", port=port, lifespan="off", log_level="warning")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3]))
