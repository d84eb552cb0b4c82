"""What the detector says about small worlds, kept as files: a change of its mind is to be seen in the diff.

`make golden` writes them anew.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from streamer.config import StreamerConfig
from streamer.wiring import replay, simulate

SCENARIOS = ("small", "demo")
SEED = 7


def brief(alert: dict[str, Any]) -> dict[str, Any]:
    """What matters of an alert, without the last digits of floating point."""
    kept = {name: alert[name] for name in ("alert_id", "revision", "status", "kind", "severity", "detected_at")}
    families = {item["family"]: round(item["log10_p"], 1) for item in alert["evidence"]}
    return {**kept, "account_count": alert["account_count"], "summary": alert["summary"], "families": families}


def members_digest(lines: list[dict[str, Any]]) -> str:
    """One value for who was named, in which cluster, since when."""
    facts = sorted((line["account_id"], line["cluster_id"], line["since"], line["status"]) for line in lines)
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_records_are_as_they_were(scenario: str, tmp_path: Path, *, golden: bool) -> None:
    events, out = tmp_path / "events.jsonl", tmp_path / "out"
    simulate(scenario, out=events, truth=tmp_path / "truth.jsonl", seed=SEED)
    summary = replay(
        StreamerConfig(), [events], out, input_format="native", on_bytes=lambda _: None, on_doubt=lambda _: None
    )
    members = read(out / "members.jsonl")
    found = {
        "events_used": summary["events_used"],
        "accounts": summary["accounts"],
        "alerts": [brief(alert) for alert in read(out / "alerts.jsonl")],
        "members": len(members),
        "members_digest": members_digest(members),
        "limits": len(read(out / "limits.jsonl")),
    }
    expected = Path(__file__).with_name(f"{scenario}.json")
    if golden:
        expected.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    assert found == json.loads(expected.read_text(encoding="utf-8"))
