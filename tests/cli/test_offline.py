"""Simulate, replay and evaluate, as a person would run them."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from tests.cli.conftest import Run, event

pytestmark = pytest.mark.slow
SCENARIO = """
start: 2026-03-02
days: 0.5
honest:
  individual: {accounts: 60}
campaigns:
  - {name: loud, profile: rotation, accounts: 6, requests_per_account_per_day: 200, days: 0.5}
"""


def test_a_world_is_made_replayed_and_judged(run: Run, tmp_path: Path) -> None:
    (tmp_path / "world.yaml").write_text(SCENARIO, encoding="utf-8")
    made = run("simulate", "world.yaml", "--out", "w.jsonl.gz", "--truth", "t.jsonl", "--seed", "3", "--json")
    assert made.returncode == 0, made.stderr
    events = json.loads(made.stdout)["events"]
    with gzip.open(tmp_path / "w.jsonl.gz", "rt", encoding="utf-8") as file:
        assert sum(1 for _ in file) == events

    replayed = run("replay", "w.jsonl.gz", "--out", "out", "--json")
    assert replayed.returncode == 0, replayed.stderr
    assert replayed.stderr.startswith("warning: out: nothing was judged")
    summary = json.loads(replayed.stdout)
    assert summary == json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    assert (summary["events_read"], summary["rejected"], summary["duplicates"]) == (events, 0, 0)
    assert summary["events_used"] + summary["late"] + summary["ahead"] == events
    assert summary["first_timestamp"].startswith("2026-03-02T00:0")

    judged = run("evaluate", "out", "--truth", "t.jsonl", "--events", "w.jsonl.gz", "--json")
    assert judged.returncode == 0, judged.stderr
    (campaign,) = json.loads(judged.stdout)["campaigns"]
    assert (campaign["name"], campaign["accounts"]) == ("loud", 6)
    table = run("evaluate", "out", "--truth", "t.jsonl")
    assert table.returncode == 0
    assert "loud" in table.stdout


def test_a_recent_world_ends_within_the_last_day(run: Run, tmp_path: Path) -> None:
    (tmp_path / "world.yaml").write_text(SCENARIO, encoding="utf-8")
    done = run("simulate", "world.yaml", "--recent", "--out", "w.jsonl", "--truth", "t.jsonl")
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "w.jsonl").read_text(encoding="utf-8").splitlines()
    first, last = (datetime.fromisoformat(json.loads(lines[at])["timestamp"]) for at in (0, -1))
    assert first.time() < time(1), "its days begin when days begin"
    assert timedelta() <= datetime.now(UTC) - last < timedelta(days=1, hours=2)


def test_the_same_seed_makes_the_same_bytes(run: Run, tmp_path: Path) -> None:
    (tmp_path / "world.yaml").write_text(SCENARIO, encoding="utf-8")
    for name in ("a", "b"):
        assert run("simulate", "world.yaml", "--out", f"{name}.jsonl", "--truth", "t.jsonl").returncode == 0
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()


def test_a_replay_writes_every_file_and_keeps_what_it_could_not_use(run: Run, tmp_path: Path) -> None:
    lines = [event(1), event(1), "{}", "\xff not json", event(2, status="many"), event(3)]
    done = run("replay", "-", "--out", "deep/er/out", stdin="\n".join(lines))
    assert done.returncode == 0, done.stderr
    out = tmp_path / "deep" / "er" / "out"
    names = ["alerts.jsonl", "limits.jsonl", "members.jsonl", "rejects.jsonl", "summary.json"]
    assert sorted(path.name for path in out.iterdir()) == names
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert list(summary)[:6] == ["events_read", "events_used", "duplicates", "late", "ahead", "rejected"]
    counted = [summary[key] for key in ("events_read", "events_used", "duplicates", "rejected", "accounts", "alerts")]
    assert counted == [6, 3, 1, 2, 1, 0]
    rejects = [json.loads(line) for line in (out / "rejects.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [reject["reason"] for reject in rejects] == ["missing_field", "not_json"]
    assert "events_read" in done.stdout


def test_times_as_text_and_as_milliseconds_are_the_same_times(run: Run, tmp_path: Path) -> None:
    lines = [event(1), event(2, timestamp=1772409601500), event(3, timestamp="2026-03-02T01:00:00+01:00")]
    assert run("replay", "-", "--out", "out", stdin="\n".join(lines)).returncode == 0
    summary = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    span = (summary["first_timestamp"], summary["last_timestamp"])
    assert span == ("2026-03-02T00:00:00.000Z", "2026-03-02T00:00:01.500Z")


def test_pseudonyms_leave_no_account_in_the_records(run: Run, tmp_path: Path) -> None:
    (tmp_path / "my.yaml").write_text("privacy: {pseudonymize: true, key_env: MY_KEY}", encoding="utf-8")
    arguments = ["replay", "-", "--out", "out", "--config", "my.yaml"]
    assert run(*arguments, stdin=event(1), MY_KEY="0123456789abcdef").returncode == 0
    refused = run(*arguments, stdin=event(1))
    assert refused.returncode == 2
    assert refused.stderr.startswith("environment variable MY_KEY (privacy.key_env): the variable is not set; allowed:")


@pytest.mark.parametrize(
    "arguments,code,said",
    [
        (["replay", "absent.jsonl", "--out", "out"], 2, "absent.jsonl: "),
        (["replay", ".", "--out", "out"], 2, ".: a directory"),
        (["replay", "x.jsonl", "--out", "out", "--format", "csv"], 2, "csv"),
        (["simulate", "no_such_world", "--out", "w.jsonl", "--truth", "t.jsonl"], 2, "no_such_world"),
        (["simulate", "small", "--out", "w.csv", "--truth", "t.jsonl"], 2, "w.csv"),
        (["simulate", "small", "--out", "a.jsonl", "--truth", "./a.jsonl"], 2, "--truth: found a.jsonl, the file that"),
        (["simulate", "small", "--out", "w.jsonl", "--truth", "t.jsonl", "--seed", "-1"], 2, "--seed"),
        (["simulate", "small", "--out", "w.jsonl", "--truth", "t.jsonl", "--seed", "9" * 26], 2, "--seed"),
        (["evaluate", "absent", "--truth", "absent.jsonl"], 2, "absent"),
    ],
)
def test_what_cannot_be_used_is_named_in_one_line(run: Run, arguments: list[str], code: int, said: str) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr.splitlines()[0]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "lines,said",
    [
        ([], "nothing was read"),
        (
            ["{}", "{}", "no json", event(1)],
            "only 1 of 4 events were used, 3 were rejected (mostly missing_field): look at rejects.jsonl",
        ),
    ],
)
def test_an_input_that_was_mostly_unusable_is_warned_about(run: Run, lines: list[str], said: str) -> None:
    done = run("replay", "-", "--out", "out", "--json", stdin="\n".join(lines))
    assert done.returncode == 0
    assert done.stderr.startswith(f"warning: out: {said}")
    assert isinstance(json.loads(done.stdout), dict)


def test_an_input_too_small_to_judge_by_is_warned_about(run: Run) -> None:
    done = run("replay", "-", "--out", "out", "--json", stdin=event(1))
    assert done.returncode == 0
    (line,) = done.stderr.splitlines()
    assert line.startswith(
        "warning: out: nothing was judged: the population was never known; it takes at least 30 hours"
    )
    assert json.loads(done.stdout)["judged_from"] is None


def test_the_summary_says_since_when_accounts_were_judged(run: Run, tmp_path: Path) -> None:
    (tmp_path / "my.yaml").write_text("detection: {reference: {min_accounts: 2}}", encoding="utf-8")
    begin = datetime(2026, 3, 2, tzinfo=UTC)
    lines = [
        event(10 * hour + number, timestamp=(begin + timedelta(hours=hour)).isoformat(), account_id=f"a{number}")
        for hour in range(48)
        for number in range(3)
    ]
    done = run("replay", "-", "--out", "out", "--config", "my.yaml", "--json", stdin="\n".join(lines))
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["judged_from"] == "2026-03-03T12:00:00.000Z"


def test_progress_is_shown_only_where_it_is_wanted(run: Run) -> None:
    (line,) = run("replay", "-", "--out", "out", stdin=event(1)).stderr.splitlines()
    assert line.startswith("warning: ")
    assert "replay" in run("replay", "-", "--out", "out", "--progress", stdin=event(1)).stderr
