"""Records and requests written by hand."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

START = datetime(2026, 3, 2, tzinfo=UTC)
TRUTH = {
    **dict.fromkeys(("c1", "c2", "c3", "c4"), "campaign:alpha"),
    **dict.fromkeys(("d1", "d2"), "campaign:beta"),
    "h1": "benign:individual",
    "h2": "benign:classroom",
    "h3": "benign:ci",
    "h4": "benign:ci",
}


@dataclass(frozen=True)
class Request:
    hours: float
    account_id: str
    status: int | None = 200

    @property
    def timestamp_ms(self) -> int:
        return int((START.timestamp() + self.hours * 3600) * 1000)


class World(NamedTuple):
    directory: Path
    truth: Path


def at(hours: float) -> str:
    return (START + timedelta(hours=hours)).isoformat().replace("+00:00", "Z")


def alert(name: str, hours: float, severity: str, accounts: list[str], **more: Any) -> dict[str, Any]:
    cluster = {"kind": "cluster", "cluster_id": name.replace("a", "k")}
    return {
        "alert_id": name,
        "revision": 1,
        "status": "firing",
        "severity": severity,
        "updated_at": at(hours),
        "accounts": accounts,
        **cluster,
        **more,
    }


def member(account: str, hours: float, cluster: str, status: str = "member") -> dict[str, Any]:
    return {"account_id": account, "cluster_id": cluster, "since": at(hours), "status": status}


def limit(account: str, action: str) -> dict[str, Any]:
    return {"account_id": account, "action": action}


def write(
    directory: Path,
    alerts: Iterable[Any] = (),
    members: Iterable[Any] = (),
    limits: Iterable[Any] = (),
    truth: Mapping[str, str] = TRUTH,
) -> World:
    who = [{"account_id": account, "actor": actor} for account, actor in truth.items()]
    files = {"alerts": alerts, "members": members, "limits": limits, "truth": who}
    for name, records in files.items():
        lines = "".join(json.dumps(record) + "\n" for record in records)
        (directory / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    return World(directory, directory / "truth.jsonl")
