"""Why, in a terminal and as data."""

from __future__ import annotations

import io
import json
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from streamer.cases.explanation import as_record, explain, one_case
from streamer.cases.files import append_feedback, read_cases
from streamer.cases.records import AlertRecord, LimitRecord, MemberRecord, Reason
from streamer.cases.store import CaseStore
from streamer.cases.terminal import render
from streamer.errors import StreamerError, UsageError
from tests.cases import made_up
from tests.cases.made_up import ALERT_ID, CLUSTER_ID, alert, limit, said


def shown(store: CaseStore, name: str) -> str:
    console = Console(file=io.StringIO(), width=120, color_system=None)
    console.print(render(explain(store, name)))
    return console.file.getvalue() if isinstance(console.file, io.StringIO) else ""


@pytest.fixture(scope="module")
def large() -> CaseStore:
    store = CaseStore()
    made_up.campaign(store, 400)
    store.feedback(said("dismiss", reason="a class of mine"))
    return store


def test_a_cluster_is_told_with_its_sentence_evidence_time_links_and_members(large: CaseStore) -> None:
    text = shown(large, CLUSTER_ID)
    assert "400 accounts that share one prompt template" in text
    assert "evenness" in text
    assert "1e-72" in text
    assert "a column is an hour" in text
    assert "prompt template" in text
    assert "smaller values on" in text
    assert "of them also on" in text
    assert "dismissed by a person" in text
    assert "a class of mine" in text
    assert max(map(len, text.splitlines())) <= 120


def test_an_account_is_told_what_ties_it(large: CaseStore) -> None:
    case = large.case(ALERT_ID)
    assert case is not None
    member = next(each for each in case.live_members if each.account_id in case.limits)
    text = shown(large, member.account_id)
    assert f"{member.account_id} is one of the {len(case.live_members)} accounts" in text
    assert "What ties it to the others" in text
    assert "Limit: throttle to 2 requests a minute, shadow" in text
    record = json.loads(json.dumps(as_record(explain(large, member.account_id))))
    assert record["cases"][0]["account"]["account_id"] == member.account_id
    assert record["limit"]["state"] == "shadow"
    assert record["cases"][0]["verdict"] == "dismissed"
    assert record["cases"][0]["members"] == len(case.live_members)


def test_an_alert_of_an_older_version_is_told_as_far_as_it_goes() -> None:
    store = CaseStore()
    store.alert(AlertRecord("a-old", kind="account", accounts=("acct_1",), summary="much"))
    assert "The records do not say what binds them" in shown(store, "acct_1")


def test_a_limit_without_an_alert_is_told() -> None:
    store = CaseStore()
    store.limit(LimitRecord("acct_9", "block"))
    assert "Limit: block, shadow" in shown(store, "acct_9")


def test_what_others_wrote_cannot_steer_a_terminal() -> None:
    store = CaseStore()
    store.alert(alert(summary="\x1b[2J[red]no", evidence=(Reason("f\x1b", "s\x07\x9b"),), accounts=("a\x1b]0;x\x07",)))
    store.member(MemberRecord("b", CLUSTER_ID, links=("device:\x1b[31m[bold]",), since="\x1b[2J"))
    store.feedback(said("confirm", author="\x1b", reason="\x1b[1m"))
    text = shown(store, "b")
    assert "[red]no" in text
    assert "[bold]" in text
    assert [letter for letter in text if not letter.isprintable() and letter != "\n"] == []


def test_what_is_not_known_is_an_error_with_a_remedy(large: CaseStore) -> None:
    with pytest.raises(StreamerError, match="nobody: no alert names it; 1 alert is known"):
        explain(large, "nobody")
    with pytest.raises(StreamerError, match="nobody"):
        one_case(large, "nobody")
    with pytest.raises(StreamerError, match="nobody: no alert names it; 0 alerts are known"):
        explain(CaseStore(), "nobody")


def test_cases_are_read_from_the_files_of_a_replay(tmp_path: Path) -> None:
    lifted = {"action": "lift", "account_id": "acct_1"}
    for name, records in (
        ("alerts.jsonl", [alert(), alert(revision=2)]),
        ("members.jsonl", [MemberRecord("acct_1", CLUSTER_ID)]),
        ("limits.jsonl", [limit("acct_1"), lifted, msgspec.structs.replace(limit("acct_2"), lifted_at="2026")]),
    ):
        (tmp_path / name).write_bytes(b"".join(msgspec.json.encode(record) + b"\n" for record in records))
    append_feedback(tmp_path, said("confirm", 1))
    append_feedback(tmp_path, said("dismiss", 2))
    case = one_case(read_cases(tmp_path), "acct_1")
    assert (case.alert.revision, case.verdict, len(case.feedback)) == (2, "dismissed", 2)
    assert {name: state.state for name, state in case.limits.items()} == {"acct_1": "lifted", "acct_2": "lifted"}


def test_a_broken_line_and_a_missing_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"alerts\.jsonl: no such file"):
        read_cases(tmp_path)
    (tmp_path / "alerts.jsonl").write_bytes(msgspec.json.encode(alert()) + b"\n{\n")
    with pytest.raises(StreamerError, match=r"alerts\.jsonl:2: not a record"):
        read_cases(tmp_path)
