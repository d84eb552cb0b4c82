"""The runner over worlds and the baselines, on worlds small enough to be looked at."""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamer.detection.settings import LinkSettings
from streamer.evaluation import CampaignResult, Within, evaluate
from streamer.sources.event import RequestEvent
from streamer.sources.files import read_batches
from tests.benchmarks.baselines.alarms import Alarms, AtThresholds, highest, thresholds
from tests.benchmarks.baselines.linking import Linking
from tests.benchmarks.baselines.midas import Midas
from tests.benchmarks.baselines.scored import Baseline, Scored
from tests.benchmarks.baselines.thresholds import ThresholdRules
from tests.benchmarks.baselines.trees import Trees
from tests.benchmarks.worlds import command
from tests.benchmarks.worlds.ablation import unavailable, without
from tests.benchmarks.worlds.making import Wanted, world
from tests.benchmarks.worlds.running import Outcome, WithSettings, configuration, outcome
from tests.benchmarks.worlds.summary import TARGETS, Row, benign, rows

START_MS = 1_772_409_600_000
MINUTE_MS = 60_000
SCENARIO = """
start: 2026-03-02
days: 1.5
honest:
  individual: {accounts: 120}
campaigns:
  - {name: hydra_peak, profile: hydra_peak, accounts: 12, start_day: 0.5, pools: 1}
"""


@pytest.fixture
def wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wanted:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "tiny.yaml").write_text(SCENARIO, encoding="utf-8")
    return Wanted("tiny", 3, str(tmp_path))


def test_a_world_is_made_once_and_judged_alike_by_its_short_and_its_long_events(wanted: Wanted, tmp_path: Path) -> None:
    made = world(wanted)
    written = made.events.stat().st_mtime_ns
    assert world(wanted) == made
    assert made.events.stat().st_mtime_ns == written
    assert world(wanted._replace(seed=4)) != made
    assert made.plans["hydra_peak"].days == 10
    found = outcome(wanted, WithSettings((("group.min_accounts", "9"),)), tmp_path / "kept")
    assert found.evaluation.campaigns[0].accounts == 12
    out = tmp_path / "kept" / "tiny-3"
    whole = (event for batch in read_batches([made.events]) for event in batch.events)
    assert evaluate(out, made.truth, whole, made.plans) == found.evaluation


def test_a_world_that_does_not_exist_is_named_before_anything_is_made() -> None:
    parser = argparse.ArgumentParser()
    command.add_worlds(parser)
    with pytest.raises(SystemExit, match="found 'nowhere'"):
        command.wanted(parser.parse_args(["--profiles", "hydra,nowhere"]))
    assert [each.seed for each in command.wanted(parser.parse_args(["--profiles", "hydra", "--seeds", "2"]))] == [1, 2]


def test_a_key_of_every_scenario_can_be_changed(wanted: Wanted) -> None:
    made = world(wanted._replace(changes=(("fields", "metadata_only"), ("days", "0.25"))))
    assert made.directory != world(wanted).directory
    assert made.plans == world(wanted).plans
    assert len({line.account_id for line in made.seen()}) < 12  # a quarter of a day, before the campaign


@pytest.mark.parametrize("baseline", [ThresholdRules(), Trees(), Linking("any", stacks=False), Midas()], ids=str)
def test_a_baseline_is_judged_like_the_detector(wanted: Wanted, baseline: Baseline, tmp_path: Path) -> None:
    made = world(wanted)
    scores, days = highest(baseline, made)
    assert days == pytest.approx(1.5, abs=0.05)
    assert scores.keys() == set(baseline.rules)
    limits = tuple((rule, 0.0) for rule in baseline.rules)
    found = outcome(wanted, AtThresholds(baseline, limits, 0.1), tmp_path / "kept").evaluation
    assert found.campaigns[0].recall > 0.5  # with no threshold at all nearly everybody is named
    silent = tuple((rule, math.inf) for rule in baseline.rules)
    assert outcome(wanted, AtThresholds(baseline, silent, 0.1)).evaluation.named == 0


def event(minute: float, account: str, **more: object) -> RequestEvent:
    fields = {"event_id": f"{account}-{minute}", "timestamp": START_MS + int(minute * MINUTE_MS), "model": "m", **more}
    return RequestEvent(account_id=account, **fields)  # type: ignore[arg-type]


def last(scores: Iterator[Scored]) -> dict[tuple[str, str], float]:
    return {(found.rule, found.unit): found.score for found in scores}


def test_rules_look_at_five_minutes() -> None:
    events = [event(minute, "a", output_tokens=100, status=429) for minute in (0, 4, 8, 8.5, 9)]
    assert last(ThresholdRules().scores(events)) == {
        ("requests", "a"): 4,  # from the fourth minute to the ninth
        ("tokens", "a"): 400,
        ("limited", "a"): 4,
    }


def test_linking_makes_one_of_all_that_share_anything() -> None:
    events = [
        event(0, "a", payment_fingerprint="p"),
        event(1, "b", device_id="d"),
        event(2, "c", payment_fingerprint="p", device_id="d"),
        event(3, "x", payment_fingerprint="q"),
        event(4, "y", client_ip="192.0.2.1", tls_fingerprint="t"),
        event(5, "z", client_ip="192.0.2.200"),
        event(6, "a", tls_fingerprint="t"),
    ]
    assert sorted(last(Linking("any", stacks=False).scores(events)).values()) == [2, 3]
    assert max(last(Linking("any", stacks=True).scores(events)).values()) == 5


def test_midas_hears_a_burst_and_not_a_habit() -> None:
    habit = [event(60 * hour, "steady", payment_fingerprint="p") for hour in range(200)]
    burst = [event(60 * 199 + second / 60, "loud", payment_fingerprint="q") for second in range(60)]
    scores = last(Midas().scores([*habit, *burst]))
    assert scores["burst", "payment:q"] > 10 * scores["burst", "payment:p"]


def test_thresholds_keep_the_budget() -> None:
    scores = {"a": [float(score) for score in range(100)], "b": [1.0]}
    found = thresholds(scores, days=60, per_day=0.1)  # six alerts, three a rule
    assert sum(score >= found["a"] for score in scores["a"]) == 3
    assert found["b"] == 0.0


def test_an_alarm_names_whom_its_unit_collected_and_grows(tmp_path: Path) -> None:
    scores = [
        Scored(START_MS, "size", "u", ("a", "b"), 2),
        Scored(START_MS + 1000, "size", "u", ("c",), 3),
        Scored(START_MS + 2000, "size", "u", ("d",), 4),
    ]
    Alarms(Linking("any", stacks=False), {"size": 3}, 0.1).write(scores, tmp_path)
    alerts = [json.loads(line) for line in (tmp_path / "alerts.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(alert["revision"], alert["accounts"]) for alert in alerts] == [(1, ["a", "b", "c"]), (2, list("abcd"))]
    assert alerts[1]["detected_at"] == alerts[0]["updated_at"] < alerts[1]["updated_at"]
    members = [json.loads(line) for line in (tmp_path / "members.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [member["account_id"] for member in members] == list("abcd")


def campaign(hours: float | None, named: float) -> CampaignResult:
    within = tuple(Within(horizon, 0, 10, 0, named) for horizon in (6, 24, 48, 72))
    alert = "a-1" if hours is not None else None
    share = 0.005 if hours is not None else 1.0
    shares = (share, 10, named, 1, 45.0, share, within)
    return CampaignResult("hydra", 10, "t", hours is not None, alert, "warning", "t", hours, *shares)


def test_the_median_world_counts_and_a_campaign_that_is_missed_took_for_ever(tmp_path: Path) -> None:
    nothing = evaluate(*_empty(tmp_path))
    found = []
    for seed, (hours, named) in enumerate([(4.0, 1.0), (7.0, 0.96), (None, 0.0)]):
        judged = nothing.__class__((campaign(hours, named),), 1, 7.0, 10, 1.0, nothing.honest, (), 1.0, ())
        found.append(Outcome(Wanted("hydra", seed), judged))
    (row,) = rows(found)
    assert (row.hours, row.hours_worst, row.found, row.named_within[48]) == (7.0, math.inf, 2, 0.96)
    assert row.target == TARGETS["hydra"]
    assert row.met() is True
    assert Row(**{**row.__dict__, "hours": 8.1}).met() is False
    assert benign(found) == {}


def _empty(directory: Path) -> tuple[Path, Path]:
    for name in ("alerts", "members", "limits", "truth"):
        (directory / f"{name}.jsonl").write_bytes(b"")
    return directory, directory / "truth.jsonl"


def test_what_cannot_be_switched_off_is_said() -> None:
    assert configuration({"alert.info_per_day": "3"}).detection.alert.info_per_day == 3
    ((key, off),) = without("payment", ())  # beside what is off anyway
    assert (key, json.loads(off)) == ("link.disabled_kinds", [*LinkSettings().disabled_kinds, "payment"])
    assert without("family:evenness", (("a", "1"),)) == (("a", "1"), ("group.disabled_families", '["evenness"]'))
    assert without("cells", (("a", "1"),)) == (("a", "1"), ("cells.enabled", "false"))
    assert "no such key" in (unavailable((("group.no_such_key", "1"),)) or "")
    assert unavailable((("group.min_accounts", "9"),)) is None
