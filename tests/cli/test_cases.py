"""explain, export and feedback over the records of a replay."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
import stix2

from streamer import wiring
from streamer.cases.explanation import explain
from streamer.cases.files import read_alerts, read_cases
from streamer.cases.records import MemberRecord
from streamer.cli import offline
from streamer.cli.next_steps import after_explanation, after_replay
from tests.cases.made_up import ALERT_ID, CLUSTER_ID, alert, evidence, limit
from tests.cli.conftest import Run


@pytest.fixture
def results(tmp_path: Path) -> Path:
    directory = tmp_path / "results"
    directory.mkdir()
    ties = ("address_block:203.0.113.0/24", "payment:pf_1")
    members = [MemberRecord(f"acct_{number}", CLUSTER_ID, score=0.9, links=ties) for number in range(4)]
    for name, records in (
        ("alerts.jsonl", [alert(evidence=evidence(4)), alert(revision=2, evidence=evidence(4))]),
        ("members.jsonl", members),
        ("limits.jsonl", [limit("acct_1")]),
    ):
        (directory / name).write_bytes(b"".join(msgspec.json.encode(each) + b"\n" for each in records))
    return directory


@pytest.mark.usefixtures("results")
def test_why_this_account(run: Run) -> None:
    done = run("explain", "acct_1", "--from", "results")
    assert (done.returncode, done.stderr) == (0, "")
    assert "acct_1 is one of the 4 accounts" in done.stdout
    assert "203.0.113.0/24" in done.stdout
    assert "evenness" in done.stdout
    as_json = run("explain", CLUSTER_ID, "--from", "results", "--json")
    (case,) = json.loads(as_json.stdout)["cases"]
    assert (case["alert"]["alert_id"], case["members"]) == (ALERT_ID, 4)


@pytest.mark.usefixtures("results")
def test_an_explanation_ends_with_what_to_do(run: Run) -> None:
    done = run("explain", "acct_1", "--from", "results")
    runbook, hand_on, confirm, dismiss, limits = done.stdout.splitlines()[-5:]
    assert runbook.split() == ["read", "deploy/runbooks/campaign.md"]
    assert f"streamer export {ALERT_ID} --format csv --from results" in hand_on
    assert f"streamer feedback {ALERT_ID} --confirm --from results" in confirm
    assert "--dismiss --reason TEXT --from results" in dismiss
    assert "results/limits.jsonl" in limits


def test_of_a_running_system_limits_can_be_lifted(results: Path) -> None:
    found = explain(read_cases(results), CLUSTER_ID)
    told = list(after_explanation(found, None, Path("my own.yaml")))
    assert told[-1].endswith(f"streamer limits lift --alert {ALERT_ID} --config 'my own.yaml'")


def test_a_replay_ends_with_the_alerts_that_fire_the_most_severe_first(tmp_path: Path) -> None:
    said = [alert(f"a-{number}", severity="info", summary=f"no. {number}") for number in range(12)]
    said += [alert("a-page"), alert("a-over"), alert("a-over", revision=2, status="resolved")]
    (tmp_path / "alerts.jsonl").write_bytes(b"".join(msgspec.json.encode(each) + b"\n" for each in said))
    told = list(after_replay(read_alerts(tmp_path), Path("out")))
    assert len(told) == 10 + 3
    assert told[0].startswith("critical  a-page  60 accounts that share")
    assert told[1] == "info      a-0  no. 0"
    assert told[-3:] == [
        "and 3 more that fire, in out/alerts.jsonl",
        "1 alert resolved, in out/alerts.jsonl",
        "why: streamer explain a-page --from out",
    ]


def test_a_replay_names_its_alerts_to_people_only(
    results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(wiring, "replay", lambda *_, **__: {"alerts": 1})
    events = results / "members.jsonl"
    offline.replay([events], results, progress=False)
    assert capsys.readouterr().out.endswith(f"why: streamer explain {ALERT_ID} --from {results}\n")
    offline.replay([events], results, json=True, progress=False)
    assert json.loads(capsys.readouterr().out) == {"alerts": 1}


@pytest.mark.usefixtures("results")
def test_what_can_be_handed_on(run: Run) -> None:
    done = run("export", ALERT_ID, "--format", "stix", "--from", "results")
    assert done.returncode == 0
    assert done.stderr.startswith("warning: identifiers are as they came")
    assert "203.0.113.0/24" in done.stdout
    stix2.parse(done.stdout, allow_custom=False)
    table = run("export", ALERT_ID, "--format", "csv", "--from", "results")
    assert len(table.stdout.splitlines()) == 1 + 2 + 4


def test_under_pseudonyms_no_network_is_handed_on(run: Run, results: Path) -> None:
    results.with_name("my.yaml").write_text("privacy: {pseudonymize: true}", encoding="utf-8")
    done = run("export", ALERT_ID, "--format", "stix", "--from", "results", "--config", "my.yaml")
    assert (done.returncode, done.stderr) == (0, "")
    assert "ipv4-addr" not in done.stdout


def test_what_a_person_says_is_written_down(run: Run, results: Path) -> None:
    done = run(
        "feedback", ALERT_ID, "--dismiss", "--reason", "a class", "--author", "Kim", "--from", "results", "--json"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["action"] == "dismiss"
    assert run("feedback", ALERT_ID, "--confirm", "--from", "results").returncode == 0
    said = [json.loads(line) for line in (results / "feedback.jsonl").read_text().splitlines()]
    assert [(each["action"], each["reason"]) for each in said] == [("dismiss", "a class"), ("confirm", "")]
    assert said[0] == json.loads(done.stdout)
    assert "confirmed by a person" in run("explain", ALERT_ID, "--from", "results").stdout


@pytest.mark.usefixtures("results")
@pytest.mark.parametrize(
    "arguments,code,said",
    [
        (["explain", "nobody", "--from", "results"], 1, "nobody: no alert names it; 1 alert is known; "),
        (["export", "nobody", "--format", "csv", "--from", "results"], 1, "nobody: no alert names it"),
        (["feedback", "acct_1", "--confirm", "--from", "results"], 1, "acct_1: no alert of that name"),
        (["explain", "acct_1", "--from", "nowhere"], 2, "nowhere/alerts.jsonl: no such file; name a directory"),
        (["export", "acct_1", "--from", "results"], 2, "streamer export: missing option '--format'"),
        (["export", "acct_1", "--format", "xml", "--from", "results"], 2, "streamer export: invalid value"),
        (["feedback", ALERT_ID, "--from", "results"], 2, "--confirm and --dismiss: found neither"),
        (["feedback", ALERT_ID, "--confirm", "--dismiss", "--from", "results"], 2, "found both; name one of them"),
        (["explain", "acct_1"], 1, "kafka.bootstrap_servers: no Kafka answers (localhost:1: "),
        (["feedback", ALERT_ID, "--confirm"], 1, "kafka.bootstrap_servers: no Kafka answers (localhost:1: "),
    ],
)
def test_what_cannot_be_is_one_line(run: Run, arguments: list[str], code: int, said: str) -> None:
    done = run(*arguments, KAFKA_BOOTSTRAP_SERVERS="localhost:1")
    assert (done.returncode, done.stdout) == (code, "")
    (line,) = done.stderr.splitlines()
    assert said in line
