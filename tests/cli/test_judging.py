"""`streamer evaluate` over one run and several, as a person would give it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from streamer.errors import UsageError
from streamer.wiring.judging import Judging, evaluate, plans, runs
from tests.cli.conftest import Run
from tests.evaluation.handmade import alert, at, write

pytestmark = pytest.mark.slow
EVENTS = "".join(
    json.dumps({"event_id": f"e{hour}", "timestamp": at(hour), "account_id": f"c{hour % 4 + 1}", "model": "m"}) + "\n"
    for hour in range(49)
)


@pytest.fixture
def world(tmp_path: Path) -> Path:
    for name, accounts in (("one", ["c1", "c2", "c3"]), ("two", ["h1", "h2"])):
        (tmp_path / name).mkdir()
        write(tmp_path / name, [alert("a1", 4, "warning", accounts, false_alarm_rate=0.2)])
    (tmp_path / "events.jsonl").write_text(EVENTS, encoding="utf-8")
    return tmp_path


def test_one_run_is_judged_with_its_real_length_and_shown(run: Run, world: Path) -> None:
    one = ["evaluate", "one", "--truth", "one/truth.jsonl", "--events", "events.jsonl", "--campaign-days", "alpha=20"]
    done = run(*one, "--json", "--html", "report.html")
    assert done.returncode == 0, done.stderr
    (alpha, beta) = json.loads(done.stdout)["campaigns"]
    assert (alpha["real_days"], alpha["world"], beta["real_days"]) == (20, None, None)
    assert alpha["real_share_before"] == pytest.approx(4 / 49 / 10)
    assert "<svg" in (world / "report.html").read_text(encoding="utf-8")


@pytest.mark.usefixtures("world")
def test_several_runs_are_pooled_or_compared(run: Run) -> None:
    both = ["evaluate", "one", "two", "--truth", "one/truth.jsonl", "--truth", "two/truth.jsonl"]
    events = ["--events", "events.jsonl", "--events", "events.jsonl"]
    pooled = run(*both, *events, "--json")
    assert pooled.returncode == 0, pooled.stderr
    record = json.loads(pooled.stdout)
    assert (record["days"], record["named"], record["precision"]) == (4, 5, 0.6)
    compared = run(*both, *events, "--compare", "--label", "open", "--label", "hidden", "--json")
    (conclusion,) = json.loads(compared.stdout)["conclusions"]
    assert conclusion == (
        "alpha: the cheapest way to halve the recall, of 1, is hidden: "
        "100% of the volume a day with 1.0 times the accounts."
    )


@pytest.mark.usefixtures("world")
def test_a_report_that_cannot_be_written_is_one_line(run: Run) -> None:
    done = run("evaluate", "one", "--truth", "one/truth.jsonl", "--html", "no/where.html")
    assert done.returncode == 1
    assert done.stderr.startswith("no/where.html: ")
    assert len(done.stderr.splitlines()) == 1


def test_each_run_has_its_own_truth_and_name() -> None:
    two = [Path("x/out"), Path("y/out")]
    assert list(runs(two, two, [], [])) == ["x/out", "y/out"]
    assert list(runs(two, two, [], ["a", "b"])) == ["a", "b"]
    with pytest.raises(UsageError, match="--truth: found 1 for 2 DIR"):
        runs(two, two[:1], [], [])
    with pytest.raises(UsageError, match="--events: found 3 for 2 DIR"):
        runs(two, two, [*two, *two[:1]], [])
    with pytest.raises(UsageError, match="--label: found one name twice"):
        runs(two, two, [], ["a", "a"])
    only = runs(two[:1], two[:1], two, [])["out"]
    assert list(only.events) == two


def test_scenarios_are_one_for_all_or_one_each(world: Path) -> None:
    directories, truths = [world / "one", world / "two"] * 2, [world / "one" / "truth.jsonl"] * 4
    with pytest.raises(UsageError, match="--scenario: found 2 for 4 DIR"):
        evaluate(Judging(directories, truths, labels=list("abcd"), scenarios=["hydra", "relay"]))
    assert len(evaluate(Judging(directories, truths, labels=list("abcd"), scenarios=["hydra"]))) == 4


def test_a_length_is_of_a_campaign_that_there_is(world: Path) -> None:
    judging = Judging([world / "one"], [world / "one" / "truth.jsonl"], labels=["a"], campaign_days=["nosuch=45"])
    with pytest.raises(UsageError, match="found 'nosuch=45'; campaigns are: alpha"):
        evaluate(judging)


def test_a_scenario_tells_lengths_and_what_is_given_goes_before() -> None:
    known = plans("hydra", ["hydra=9", "other=3"])
    assert (known["hydra"].days, known["other"].days) == (9, 3)
    assert known["hydra"].start_ms == plans("hydra", [])["hydra"].start_ms
    for wrong in ("hydra", "hydra=", "hydra=-1", "=4", "hydra=x", "hydra=nan", "hydra=inf"):
        with pytest.raises(UsageError, match="--campaign-days: found"):
            plans(None, [wrong])
