"""A small world of hand-written records; every expected number was worked out by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from streamer.errors import StreamerError, UsageError
from streamer.evaluation import CampaignResult, Evaluation, Within, evaluate
from streamer.evaluation.table import render
from tests.evaluation.handmade import Request, alert, at, limit, member, write

REQUESTS = [
    Request(0, "c1"),
    Request(1, "c2"),
    Request(2, "c1", 429),
    Request(3, "c3"),
    Request(5, "d1", 429),
    Request(6, "d1"),
    Request(10, "c4"),
    Request(20, "c1", None),
    Request(48, "h1"),
]


Written = Callable[..., tuple[Path, Path]]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    def in_directory(**records: Any) -> tuple[Path, Path]:
        return write(tmp_path, **records)

    return in_directory


@pytest.fixture
def judged(written: Written) -> Evaluation:
    paths = written(
        alerts=[
            alert("a1", 4, "warning", ["c1", "c2", "h2"]),
            alert("a1", 30, "critical", ["c1", "c2", "c3"], revision=2),
            alert("a2", 8, "info", ["h3", "h4"]),
            alert("a2", 8.5, "warning", ["h3", "h4", "h1"], revision=2),
            alert("a3", 9, "critical", ["h2"], kind="account", cluster_id=None),
            alert("a1", 60, "critical", ["c1", "x5"], revision=3, status="resolved"),
        ],
        members=[member("c4", 50, "k1"), member("d1", 12, "k1"), member("x7", 13, "k2", "left")],
        limits=[limit("c1", "throttle"), limit("h2", "block"), limit("h2", "block"), limit("x9", "throttle")],
    )
    return evaluate(*paths, REQUESTS)


def test_a_campaign_is_detected_by_the_first_loud_cluster_alert_it_dominates(judged: Evaluation) -> None:
    assert judged.campaigns[0] == CampaignResult(
        name="alpha",
        accounts=4,
        first_request="2026-03-02T00:00:00.000Z",
        detected=True,
        alert_id="a1",
        severity="warning",
        detected_at="2026-03-02T04:00:00.000Z",
        hours_to_detection=4.0,
        share_served_before=3 / 5,  # 0, 1 and 3 h of 0, 1, 3, 10, 20 h; the 429 was not served
        named=4,
        recall=1.0,
        clusters=1,
        named_within=(  # first requests at 0, 1, 3, 10 h; named at 4, 4, 30, 50 h; the events end at 48 h
            Within(6, 2, 4, 0, 0.5),
            Within(24, 2, 4, 0, 0.5),
            Within(48, 1, 1, 3, 1.0),
            Within(72, 0, 0, 4, None),
        ),
        answered=5,
        days_seen=2.0,
    )


def test_a_campaign_nobody_was_warned_of_was_served_in_full(judged: Evaluation) -> None:
    beta = judged.campaigns[1]
    assert (beta.detected, beta.hours_to_detection, beta.share_served_before) == (False, None, 1.0)
    assert beta.first_request == "2026-03-02T05:00:00.000Z"
    assert (beta.named, beta.recall, beta.silent_accounts) == (1, 0.5, 1)
    assert beta.named_within[1] == Within(24, 1, 1, 0, 1.0)  # d2 never sent a request


def test_whoever_was_named_stays_named(judged: Evaluation) -> None:
    assert judged.named == 9  # c1 c2 h2, c3, h3 h4 h1, c4, d1; not x5 (resolved) and not x7 (left)
    assert judged.precision == 5 / 9
    assert judged.honest.named == {"ci": 2, "individual": 1, "classroom": 1}
    assert judged.honest.named_accounts["h2"] == "classroom"
    assert judged.honest.limited == {"classroom": 1, "unlisted": 1}


def test_false_alerts_count_once_at_their_highest_severity(judged: Evaluation) -> None:
    assert judged.honest.false_alerts == {"info": {}, "warning": {"ci": 1}, "critical": {"classroom": 1}}
    assert judged.days == 2.0
    assert judged.honest.false_alerts_per_day == {"info": 0.0, "warning": 0.5, "critical": 0.5}
    assert judged.alerts == 3


def test_clusters_are_as_pure_as_their_largest_actor(judged: Evaluation) -> None:
    first, second = judged.clusters
    assert (first.cluster_id, first.accounts, first.actor, first.campaigns) == ("k1", 6, "campaign:alpha", 2)
    assert first.purity == 4 / 6
    assert (second.actor, second.purity) == ("benign:ci", 2 / 3)
    assert judged.purity == 6 / 9


def test_a_tie_with_honest_accounts_is_no_detection(written: Written) -> None:
    result = evaluate(*written(alerts=[alert("a1", 4, "critical", ["c1", "h1"])]), REQUESTS)
    assert not result.campaigns[0].detected
    assert result.honest.false_alerts["critical"] == {"individual": 1}


def test_honest_people_of_several_classes_outweigh_a_campaign_together(written: Written) -> None:
    result = evaluate(*written(alerts=[alert("a1", 4, "critical", ["c1", "c2", "h1", "h2", "h3"])]))
    assert not result.campaigns[0].detected


@pytest.mark.parametrize("silent", [{"severity": "info"}, {"kind": "account"}, {"status": "resolved"}])
def test_quiet_resolved_and_account_alerts_detect_no_campaign(written: Written, silent: dict[str, str]) -> None:
    paths = written(alerts=[{**alert("a1", 4, "warning", ["c1", "c2"]), **silent}])
    assert not evaluate(*paths, REQUESTS).campaigns[0].detected


def test_without_events_it_says_what_it_cannot_know(written: Written) -> None:
    result = evaluate(*written(alerts=[alert("a1", 4, "warning", ["c1", "c2"])]))
    alpha = result.campaigns[0]
    assert (alpha.detected, alpha.recall) == (True, 0.5)
    assert (alpha.first_request, alpha.hours_to_detection, alpha.share_served_before) == (None,) * 3
    assert alpha.named_within == ()
    assert result.honest.false_alerts_per_day == {"info": None, "warning": None, "critical": None}
    assert [sentence.split(" need ")[1] for sentence in result.missing] == ["the events", "summary.json or the events"]


def test_the_summary_of_a_replay_gives_the_days(written: Written) -> None:
    directory, truth = written()
    span = {"first_timestamp": at(0), "last_timestamp": at(84), "events_read": 5}
    (directory / "summary.json").write_text(json.dumps(span), encoding="utf-8")
    assert evaluate(directory, truth).days == 3.5


def test_nothing_found_in_nothing(written: Written) -> None:
    result = evaluate(*written())
    assert (result.named, result.precision, result.purity, result.clusters) == (0, None, None, ())


def test_the_record_is_json_and_the_table_names_everybody(judged: Evaluation) -> None:
    record = json.loads(json.dumps(judged.as_record()))
    assert record["campaigns"][0]["name"] == "alpha"
    console = Console(width=140, record=True)
    console.print(render(judged))
    shown = console.export_text()
    for text in ("alpha", "4.00 h", "60.0%", "classroom", "0.50", "55.6%", "k1"):
        assert text in shown


def test_a_broken_record_is_named_with_its_line(written: Written) -> None:
    directory, truth = written(alerts=[alert("a1", 4, "warning", ["c1"]), {"alert_id": 5}])
    with pytest.raises(StreamerError, match=r"alerts\.jsonl:2: "):
        evaluate(directory, truth)


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"truth\.jsonl: cannot be read"):
        evaluate(tmp_path, tmp_path / "truth.jsonl")
