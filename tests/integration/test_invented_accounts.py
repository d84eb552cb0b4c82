"""Somebody invents account ids: a live worker keeps a record of each, and raises no alert."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from tests.integration.live import LiveRun

if TYPE_CHECKING:
    from pathlib import Path

    from tests.kafka_fixture import KafkaCluster

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

START_MS = 1_780_272_000_000
LARGE = bool(os.environ.get("LARGE_WORLDS"))
ACCOUNTS = 1_000_000 if LARGE else 100_000
# Well above what `python -m tests.benchmarks.invented` shows, and below what it was when nothing was let go of.
PROGRAM_BYTES, ACCOUNT_BYTES = 500_000_000, 5_000


def invented(path: Path, accounts: int) -> Path:
    """One request each of accounts never seen again, each with an address, a card and a prompt of its own."""
    with path.open("w", encoding="utf-8") as file:
        for number in range(accounts):
            event = {
                "event_id": f"e{number}",
                "timestamp": START_MS + number * 3_600_000 // accounts,
                "account_id": f"invented-{number}",
                "model": "large",
                "client_ip": f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
                "payment_fingerprint": f"pf{number}",
                "device_id": f"d{number}",
                "prompt_simhash": f"{(number + 1) * 0x9E37_79B9_7F4A_7C15 % 2**64:016x}",
            }
            file.write(json.dumps(event) + "\n")
    return path


def test_invented_accounts_cost_a_record_each_and_raise_no_alert(kafka: KafkaCluster, tmp_path: Path) -> None:
    with LiveRun(kafka, tmp_path, {}) as run:
        run.produce(invented(tmp_path / "events.jsonl", ACCOUNTS), batch=1000)
        run.start()
        run.settle()
        counts = run.requests_by_account()
        assert len(counts) == ACCOUNTS
        assert set(counts.values()) == {1}
        assert {kind: len(found) for kind, found in run.records().items()} == {"alerts": 0, "members": 0, "limits": 0}
        assert PROGRAM_BYTES / 10 < run.most_bytes < PROGRAM_BYTES + ACCOUNTS * ACCOUNT_BYTES
