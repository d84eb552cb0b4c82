"""Real length, calibration, families, pools of worlds and comparisons, worked out by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from streamer.evaluation import Evaluation, Plan, evaluate, pooled
from streamer.evaluation.comparison import compare
from streamer.evaluation.table import render, render_comparison
from tests.evaluation.handmade import START, Request, alert, at, member, write

DAY_MS = 86_400_000
START_MS = int(START.timestamp() * 1000)


def steady(hours: int, accounts: tuple[str, ...] = ("c1", "c2", "c3", "c4"), first: int = 0) -> list[Request]:
    """A request an hour, in turn."""
    return [Request(first + hour, accounts[hour % len(accounts)]) for hour in range(hours + 1)]


def evidence(**log10_p: float) -> list[dict[str, object]]:
    return [{"family": family, "statement": "s", "log10_p": value} for family, value in log10_p.items()]


def test_the_share_of_the_real_length_is_extrapolated_at_the_mean_rate(tmp_path: Path) -> None:
    world = write(tmp_path, [alert("a1", 12, "warning", ["c1", "c2"])])
    result = evaluate(*world, steady(48), {"alpha": Plan(days=20)}).campaigns[0]
    assert result.share_served_before == 12 / 49
    assert result.real_share_before == pytest.approx(12 / 49 * 2 / 20)
    assert (result.real_days, result.days_seen) == (20, 2)


def test_a_campaign_that_is_seen_to_its_end_is_not_extrapolated(tmp_path: Path) -> None:
    world = write(tmp_path, [alert("a1", 12, "warning", ["c1", "c2"])])
    result = evaluate(*world, steady(48), {"alpha": Plan(days=1)}).campaigns[0]
    assert result.real_share_before == result.share_served_before


def test_a_campaign_that_is_never_found_is_served_in_full(tmp_path: Path) -> None:
    result = evaluate(*write(tmp_path), steady(48), {"alpha": Plan(days=20)}).campaigns[0]
    assert (result.share_served_before, result.real_share_before) == (1, 1)


def test_what_aged_accounts_did_before_is_not_the_campaign_s(tmp_path: Path) -> None:
    world = write(tmp_path, [alert("a1", 30, "warning", ["c1", "c2", "c3"])], [member("c4", 40, "k1")])
    plans = {"alpha": Plan(days=10, start_ms=START_MS + DAY_MS)}
    result = evaluate(*world, steady(72), plans).campaigns[0]
    assert result.hours_to_detection == 6
    assert result.answered == 49
    assert [within.named for within in result.named_within][:2] == [3, 4]


def test_claims_are_held_against_counts(tmp_path: Path) -> None:
    claims = [0.1, 0.3, 0.5, 1.0, 2.0, 3.0, 3.5, None]
    alerts = [alert(f"a{at}", at, "info", ["h1", "h2"], false_alarm_rate=claim) for at, claim in enumerate(claims)]
    lines = evaluate(*write(tmp_path, alerts), [Request(0, "h1"), Request(48, "h1")]).calibration
    assert [(line.claimed_per_day, line.counted, line.expected) for line in lines] == [
        (3, 6, 6),
        (1, 4, 2),
        (0.3, 2, 0.6),
    ]
    assert [line.ratio for line in lines] == pytest.approx([1, 2, 2 / 0.6])
    assert [line.highest_per_day for line in lines] == [3, 1, 0.3]
    assert lines[0].low_per_day == pytest.approx(2.202 / 2, abs=1e-3)  # the exact Poisson interval of 6
    assert lines[0].high_per_day == pytest.approx(13.059 / 2, abs=1e-3)
    assert not any(line.enough for line in lines)


def test_alerts_about_campaigns_are_no_false_alarms(tmp_path: Path) -> None:
    result = evaluate(*write(tmp_path, [alert("a1", 2, "warning", ["c1"], false_alarm_rate=0.01)]), steady(48))
    assert [(line.counted, line.highest_per_day) for line in result.calibration] == [(0, None)] * 3


def test_families_are_credited_for_detections_and_blamed_for_false_alerts(tmp_path: Path) -> None:
    alerts = [
        alert("a1", 2, "warning", ["c1", "c2"], evidence=evidence(flatness=-6, templates=-2)),
        alert("a1", 9, "warning", ["c1", "c2"], revision=2, evidence=evidence(handoff=-50)),
        alert("a2", 3, "info", ["h1", "h2"], evidence=evidence(templates=-4)),
        alert("a3", 5, "warning", ["d1"], evidence=evidence(flatness=-3, templates=-2, newness=-5)),
    ]
    result = evaluate(*write(tmp_path, alerts), steady(10, ("c1", "c2", "d1")))
    by_name = {family.family: family for family in result.families}
    assert set(by_name) == {"flatness", "templates", "newness"}  # what came after the detection does not count
    flatness, templates = by_name["flatness"], by_name["templates"]
    assert (flatness.detections, flatness.needed, flatness.false_alerts) == (2, 1, 0)
    assert flatness.share == pytest.approx((6 / 8 + 3 / 10) / 2)
    assert (templates.detections, templates.needed, templates.false_alerts) == (2, 1, 1)


def test_timelines_count_by_the_hour(tmp_path: Path) -> None:
    alerts = [
        alert("a1", 2.5, "warning", ["c1", "c2"]),
        alert("a1", 4, "warning", ["c1"], revision=2, status="resolved"),
    ]
    (timeline,) = evaluate(*write(tmp_path, alerts), [*steady(3), Request(3.5, "c4")]).timelines
    assert timeline.begins == at(0).replace("Z", ".000Z")
    assert (timeline.requests, timeline.active, timeline.named) == ((1, 1, 1, 2), (1, 1, 1, 1), (0, 0, 2, 2))
    assert [(mark.hour, mark.severity, mark.status, mark.accounts) for mark in timeline.revisions] == [
        (2.5, "warning", "firing", 2),
        (4.0, "warning", "resolved", 1),
    ]


@pytest.fixture
def two(tmp_path: Path) -> dict[str, Evaluation]:
    """A world in which alpha is found, and one in which honest people are."""
    worlds = {}
    for name, who in (("found", ["c1", "c2", "c3", "c4"]), ("missed", ["h1", "h2"])):
        (tmp_path / name).mkdir()
        alerts = [alert("a1", 2, "warning", who, false_alarm_rate=0.2)]
        worlds[name] = evaluate(*write(tmp_path / name, alerts), steady(24 if name == "found" else 48))
    return worlds


def test_worlds_are_pooled(two: dict[str, Evaluation]) -> None:
    both = pooled(two)
    assert both.days == 3
    assert [(campaign.world, campaign.name, campaign.detected) for campaign in both.campaigns] == [
        ("found", "alpha", True),
        ("found", "beta", False),
        ("missed", "alpha", False),
        ("missed", "beta", False),
    ]
    assert (both.named, both.precision) == (6, 4 / 6)
    assert both.honest.false_alerts_per_day["warning"] == pytest.approx(1 / 3)
    assert both.calibration[2].expected == pytest.approx(0.9)
    assert both.churn.members == 6
    assert json.loads(json.dumps(both.as_record()))["campaigns"][2]["world"] == "missed"


def test_one_world_is_itself(two: dict[str, Evaluation]) -> None:
    assert pooled({"found": two["found"]}) is two["found"]


def test_days_of_a_pool_are_unknown_if_those_of_one_world_are(two: dict[str, Evaluation]) -> None:
    both = pooled({**two, "blind": replace(two["found"], days=None)})
    assert (both.days, both.calibration) == (None, ())


def test_halving_the_recall_has_its_price(two: dict[str, Evaluation]) -> None:
    comparison = compare(two)
    rows = {(row.run, row.campaign): row for row in comparison.rows}
    assert rows["found", "alpha"].halved is None
    assert rows["missed", "alpha"].halved is True
    assert rows["missed", "alpha"].volume_ratio == pytest.approx((49 / 2) / 25)
    assert comparison.conclusions[0] == (
        "alpha: the cheapest way to halve the recall, of 1, is missed: "
        "98% of the volume a day with 1.0 times the accounts."
    )
    console = Console(width=80, record=True)
    console.print(render_comparison(comparison))
    shown = console.export_text()
    assert "What it costs to be named less" in shown
    assert [line.split()[5] for line in shown.splitlines() if " alpha " in line] == ["2.0", "never"]


def test_where_nothing_is_gained_it_says_so(two: dict[str, Evaluation]) -> None:
    same = compare({"first": two["found"], "again": two["found"]})
    assert same.conclusions[0] == "alpha: none of 1 other runs halves the recall of the first."


def test_the_table_fits_eighty_columns(two: dict[str, Evaluation]) -> None:
    console = Console(width=80, record=True)
    console.print(render(pooled(two)))
    shown = console.export_text()
    assert "…" not in shown
    for text in ("found: alpha", "100.0% of 4", "False alarms a day", "moved to another cluster"):
        assert text in shown
