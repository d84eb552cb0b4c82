from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from streamer.detection.evidence import EvidenceItem
from streamer.detection.records import ActiveHour, Alert, Limit, LimitLifted, Membership, SharedValue
from streamer.errors import UsageError
from streamer.sinks.encode import RecordTopics, encoded, message, record, rfc3339
from streamer.sinks.files import FileSink
from streamer.sources.batch import Reject

NOW_MS = 1_793_000_000_007
ALERT = Alert(
    alert_id="alert-1",
    revision=2,
    status="firing",
    kind="cluster",
    severity="critical",
    summary="20 accounts on one card ask the same.",
    cluster_id="cluster-1",
    started_at=NOW_MS - 1,
    detected_at=NOW_MS,
    updated_at=NOW_MS + 993,
    resolved_at=None,
    score=0.99,
    false_alarm_rate=0.001,
    account_count=2,
    accounts=("ä", "b"),
    request_count=7,
    output_tokens=9,
    models=("large-1",),
    evidence=(EvidenceItem("payment", "2 accounts on one card", 2.0, 0.1, -7.5),),
    limits_proposed=2,
    runbook="runbook.md",
    links=(SharedValue("payment", "pf-1", 2),),
    timeline=(ActiveHour(NOW_MS - 7, 5, 2),),
)
MEMBER = Membership("acct-1", "cluster-1", NOW_MS, 0.5, ("payment", "prompt"))
LIMIT = Limit("acct-1", "throttle", 2, "shadow", "alert-1", "member of cluster-1", NOW_MS, NOW_MS + 1000)
LIFTED = LimitLifted(
    "acct-1", "throttle", 2, "shadow", "alert-1", "member of cluster-1", NOW_MS, NOW_MS + 5, NOW_MS + 5
)

ALERT_FIELDS = """alert_id revision status kind severity summary cluster_id
 started_at detected_at updated_at resolved_at
score false_alarm_rate account_count accounts request_count output_tokens models evidence limits_proposed runbook
links timeline"""


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_an_alert_has_the_fields_of_the_contract_and_its_times_are_rfc_3339() -> None:
    found = record(ALERT)
    assert list(found) == ALERT_FIELDS.split()
    assert found["started_at"] == "2026-10-26T07:33:20.006Z"
    assert found["updated_at"] == "2026-10-26T07:33:21.000Z"
    assert found["resolved_at"] is None
    assert found["evidence"] == [
        {
            "family": "payment",
            "statement": "2 accounts on one card",
            "observed": 2.0,
            "expected": 0.1,
            "log10_p": -7.5,
        }
    ]
    assert found["links"] == [{"kind": "payment", "value": "pf-1", "account_count": 2}]
    assert found["timeline"] == [
        {"began_at": "2026-10-26T07:33:20.000Z", "request_count": 5, "account_count": 2},
    ]
    assert json.loads(encoded(ALERT)) == found


def test_memberships_and_limits_have_the_fields_of_the_contract() -> None:
    assert record(MEMBER) == {
        "account_id": "acct-1",
        "cluster_id": "cluster-1",
        "since": "2026-10-26T07:33:20.007Z",
        "score": 0.5,
        "evidence": ["payment", "prompt"],
        "status": "member",
        "links": [],
        "first_seen_at": None,
        "request_count": 0,
        "output_tokens": 0,
    }
    assert record(LIMIT) == {
        "account_id": "acct-1",
        "action": "throttle",
        "requests_per_minute": 2,
        "mode": "shadow",
        "alert_id": "alert-1",
        "reason": "member of cluster-1",
        "issued_at": "2026-10-26T07:33:20.007Z",
        "expires_at": "2026-10-26T07:33:21.007Z",
    }
    lifted = record(LIFTED)
    assert lifted.keys() - record(LIMIT).keys() == {"lifted_at"}
    assert lifted["lifted_at"] == lifted["expires_at"] == "2026-10-26T07:33:20.012Z"


def test_messages_are_keyed_as_the_contract_says_and_a_lifted_limit_is_a_tombstone() -> None:
    topics = RecordTopics()
    assert message(ALERT, topics) == ("streamer.alerts", b"alert-1", encoded(ALERT))
    assert message(MEMBER, topics) == ("streamer.members", b"acct-1", encoded(MEMBER))
    assert message(LIMIT, topics) == ("streamer.limits", b"acct-1", encoded(LIMIT))
    assert message(LIFTED, topics) == ("streamer.limits", b"acct-1", None)


@pytest.mark.parametrize("moment_ms, text", [(0, "1970-01-01T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.999Z")])
def test_times_before_the_epoch_are_times_too(moment_ms: int, text: str) -> None:
    assert rfc3339(moment_ms) == text


def test_every_file_is_there_at_the_end_and_holds_its_records(tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    with FileSink(out) as sink:
        sink.write([ALERT, MEMBER, LIMIT])
        sink.write([LIFTED])
        sink.write_rejects([Reject("not_utf8", "no text", b"\xff ok", 4, "a\udcff.jsonl", 7)])
        sink.write_summary({"events_read": 1})
        assert not (out / "alerts.jsonl").exists()
    assert sorted(path.name for path in out.iterdir()) == [
        "alerts.jsonl",
        "limits.jsonl",
        "members.jsonl",
        "rejects.jsonl",
        "summary.json",
    ]
    assert read(out / "alerts.jsonl") == [record(ALERT)]
    assert read(out / "members.jsonl") == [record(MEMBER)]
    assert read(out / "limits.jsonl") == [record(LIMIT), record(LIFTED)]
    [reject] = read(out / "rejects.jsonl")
    assert (reject["reason"], reject["line"], reject["record"], reject["bytes"]) == ("not_utf8", 7, "\\xff ok", 4)
    assert json.loads((out / "summary.json").read_text()) == {"events_read": 1}


def test_empty_files_are_files_too(tmp_path: Path) -> None:
    with FileSink(tmp_path):
        pass
    assert {path.name: path.stat().st_size for path in tmp_path.iterdir()} == {
        "alerts.jsonl": 0,
        "limits.jsonl": 0,
        "members.jsonl": 0,
        "rejects.jsonl": 0,
    }


def failing(out: Path) -> None:
    with FileSink(out) as sink:
        sink.write([MEMBER])
        raise ZeroDivisionError


def test_a_run_that_fails_leaves_what_was_there_before(tmp_path: Path) -> None:
    with FileSink(tmp_path) as sink:
        sink.write([ALERT])
    with pytest.raises(ZeroDivisionError):
        failing(tmp_path)
    assert read(tmp_path / "alerts.jsonl") == [record(ALERT)]
    assert read(tmp_path / "members.jsonl") == []
    assert read(tmp_path / "members.jsonl.part") == [record(MEMBER)]


def test_a_directory_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="name a directory"), FileSink(tmp_path / "file" / "out"):
        pass
