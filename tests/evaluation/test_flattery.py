"""Records written to look better than the run was; each must fail to."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.evaluation import CampaignResult, Evaluation, evaluate
from tests.evaluation.handmade import Request, alert, at, member, write

REQUESTS = [*(Request(hours, f"c{hours + 1}") for hours in range(4)), Request(50, "c1"), Request(100, "h1")]
GOOD = ["c1", "c2", "c3", "c4"]
BAD = ["h1", "h2", "h3", "h4"]


class Judged:
    """What is made of records."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def __call__(self, alerts: list[Any], members: list[Any] | None = None) -> Evaluation:
        return evaluate(*write(self._directory, alerts, members or []), REQUESTS)


@pytest.fixture
def judged(tmp_path: Path) -> Judged:
    return Judged(tmp_path)


def alpha(result: Evaluation) -> CampaignResult:
    return result.campaigns[0]


def named(result: Evaluation, hours: int) -> int:
    return next(within.named for within in alpha(result).named_within if within.hours == hours)


def test_accounts_that_a_late_revision_adds_were_not_named_early(judged: Judged) -> None:
    result = judged([alert("a1", 4, "warning", ["c1"]), alert("a1", 60, "warning", GOOD, revision=2)])
    assert (named(result, 24), named(result, 48), named(result, 72)) == (1, 1, 4)


def test_a_revision_that_is_dated_back_counts_after_those_before_it(judged: Judged) -> None:
    result = judged([alert("a1", 60, "warning", BAD), alert("a1", 1, "warning", GOOD, revision=2)])
    assert alpha(result).hours_to_detection == 60
    assert named(result, 48) == 0


def test_a_revision_cannot_be_older_than_the_detection_it_names(judged: Judged) -> None:
    result = judged([alert("a1", 1, "warning", GOOD, detected_at=at(10))])
    assert alpha(result).hours_to_detection == 10


def test_an_alert_that_began_about_the_wrong_people_detects_when_it_turns_to_the_right_ones(judged: Judged) -> None:
    result = judged([alert("a1", 2, "critical", ["h1", "h2", "c1"]), alert("a1", 30, "warning", GOOD, revision=2)])
    assert alpha(result).hours_to_detection == 30
    assert result.honest.false_alerts["critical"] == {"individual": 1}  # and it stays a false alert
    assert result.precision == 4 / 6


def test_an_alert_that_turns_to_the_wrong_people_is_a_false_one_too(judged: Judged) -> None:
    result = judged([alert("a1", 2, "warning", GOOD), alert("a1", 9, "critical", BAD, revision=2)])
    assert alpha(result).hours_to_detection == 2
    assert sum(result.honest.false_alerts["critical"].values()) == 1
    assert result.churn.dropped == 4


def test_resolving_an_alert_takes_no_name_back_and_names_nobody(judged: Judged) -> None:
    result = judged(
        [alert("a1", 2, "warning", [*BAD]), alert("a1", 3, "warning", GOOD, status="resolved", revision=2)],
    )
    assert not alpha(result).detected
    assert (result.named, result.precision) == (4, 0)
    assert sum(result.honest.false_alerts["warning"].values()) == 1


def test_leaving_takes_no_name_back(judged: Judged) -> None:
    members = [*(member(name, 2, "k1") for name in [*GOOD, *BAD]), *(member(name, 3, "k1", "left") for name in BAD)]
    result = judged([], members)
    assert (result.named, result.precision) == (8, 0.5)
    assert (result.churn.members, result.churn.left, result.churn.ratio) == (8, 4, 0.5)
    assert result.clusters[0].purity == 0.5


def test_leaving_without_a_word_is_leaving(judged: Judged) -> None:
    result = judged([alert("a1", 2, "warning", [*GOOD, "h1"]), alert("a1", 3, "warning", GOOD, revision=2)])
    assert (result.churn.left, result.churn.dropped, result.churn.ratio) == (0, 1, 1 / 5)


def test_leaving_at_rest_is_told_apart_only_while_the_alert_rests(judged: Judged) -> None:
    alerts = [
        alert("a1", 2, "warning", GOOD),
        alert("a1", 10, "warning", GOOD, status="resolved", revision=2),
        alert("a1", 20, "warning", GOOD, revision=3),
    ]
    members = [
        *(member(name, 2, "k1") for name in GOOD),
        member("c1", 10, "k1", "left"),
        member("c2", 21, "k1", "left"),
    ]
    churn = judged(alerts, members).churn
    assert (churn.rested, churn.left, churn.ratio) == (1, 1, 1 / 4)


def test_whoever_does_not_come_back_with_an_alert_rests_and_was_not_dropped(judged: Judged) -> None:
    alerts = [
        alert("a1", 2, "warning", [*GOOD, "h1"]),
        alert("a1", 10, "warning", [*GOOD, "h1"], status="resolved", revision=2),
        alert("a1", 60, "warning", GOOD[:3], revision=3),
        alert("a1", 61, "warning", GOOD[:2], revision=4),
    ]
    churn = judged(alerts).churn
    assert (churn.rested, churn.dropped, churn.ratio) == (2, 1, 1 / 5)


def test_an_alert_that_comes_back_is_looked_at_again(judged: Judged) -> None:
    def resolved(name: str, hours: float, accounts: list[str], revision: int) -> dict[str, Any]:
        return alert(name, hours, "warning", accounts, status="resolved", revision=revision)

    alerts = [
        alert("a1", 2, "warning", BAD),
        alert("a1", 3, "warning", BAD, revision=2),
        resolved("a1", 10, BAD, 3),
        alert("a1", 20, "info", BAD, revision=4),
        resolved("a1", 30, BAD, 5),
        alert("a1", 40, "critical", [*GOOD, "h1"], revision=6),
    ]
    result = judged(alerts)
    # Somebody was told of honest people twice; the third time it was about a campaign.
    assert {name: sum(counts.values()) for name, counts in result.honest.false_alerts.items()} == {
        "warning": 1,
        "info": 1,
        "critical": 0,
    }
    assert [found.alert_id for found in result.false_alerts] == ["a1", "a1"]
    assert result.alerts == 3
    assert alpha(result).hours_to_detection == 40
    assert alpha(result).clusters == 1
    assert judged([*alerts, *alerts]) == result


def test_a_revision_told_twice_counts_once(judged: Judged) -> None:
    once = [alert("a1", 2, "warning", BAD), alert("a2", 5, "warning", GOOD)]
    assert judged([*once, *once, *once]) == judged(once)


def test_an_old_revision_delivered_again_changes_nothing(judged: Judged) -> None:
    once = [alert("a1", 2, "warning", ["c1", "c2"]), alert("a1", 5, "warning", GOOD, revision=2)]
    assert judged([*once, once[0]]) == judged(once)


def test_an_alert_about_honest_people_alone_is_false_whatever_it_is_called(judged: Judged) -> None:
    result = judged([alert("a1", 2, "critical", BAD, cluster_id="campaign-alpha", kind="cluster")])
    assert not alpha(result).detected
    assert result.precision == 0
    assert result.honest.false_alerts["critical"] == {"ci": 1}


def test_an_alert_about_nobody_is_false(judged: Judged) -> None:
    result = judged([alert("a1", 2, "critical", [])])
    assert result.honest.false_alerts["critical"] == {"nobody": 1}


def test_members_beyond_the_list_of_an_alert_count_in_what_it_is_about(tmp_path: Path) -> None:
    campaign, crowd = [f"c{at}" for at in range(1000)], [f"h{at}" for at in range(1500)]
    truth = {**dict.fromkeys(campaign, "campaign:alpha"), **dict.fromkeys(crowd, "benign:region")}
    capped = alert("a1", 2, "critical", campaign, account_count=2500)
    members = [member(name, 2, "k1") for name in [*campaign, *crowd]]
    result = evaluate(*write(tmp_path, [capped], members, truth=truth))
    assert not alpha(result).detected
    assert result.honest.false_alerts["critical"] == {"region": 1}
    assert (result.named, result.precision) == (2500, 0.4)


def test_members_beyond_the_list_of_an_alert_are_named_and_not_dropped(tmp_path: Path) -> None:
    campaign = [f"c{at}" for at in range(1500)]
    truth = dict.fromkeys(campaign, "campaign:alpha")
    requests = [Request(0, name) for name in campaign]
    alerts = [
        alert("a1", 2, "critical", campaign[:1000], account_count=1500),
        alert("a1", 9, "critical", campaign[500:], account_count=1500, revision=2),
    ]
    members = [member(name, 2 if at < 1000 else 7, "k1") for at, name in enumerate(campaign)]
    result = evaluate(*write(tmp_path, alerts, members, truth=truth), [*requests, Request(99, "h")])
    assert [within.named for within in alpha(result).named_within] == [1000, 1500, 1500, 1500]
    assert result.churn.dropped == 0


def test_accounts_that_a_capped_list_leaves_out_are_not_dropped(judged: Judged) -> None:
    alerts = [alert("a1", 4, "critical", ["c1", "c2"]), alert("a1", 9, "critical", ["c2"], account_count=4, revision=2)]
    assert judged(alerts).churn.dropped == 0
    assert judged([alerts[0], {**alerts[1], "account_count": 1}]).churn.dropped == 1


def test_accounts_that_are_counted_and_never_listed_are_doubted(judged: Judged) -> None:
    hidden = judged([alert("a1", 2, "critical", GOOD, account_count=900)])
    assert any("that count more accounts" in sentence for sentence in hidden.missing)
    assert not judged([alert("a1", 4, "critical", GOOD, account_count=4)]).missing


@pytest.mark.parametrize("strangers, doubted", [(2, False), (3, True)])
def test_a_truth_that_knows_hardly_anybody_is_doubted(judged: Judged, strangers: int, doubted: bool) -> None:  # noqa: FBT001
    members = [member(name, 4, "k1") for name in ("c1", "c2", *(f"x{number}" for number in range(strangers)))]
    assert any("is it of the same world?" in sentence for sentence in judged([], members).missing) is doubted


def test_members_that_come_later_do_not_make_an_earlier_alert_right(judged: Judged) -> None:
    result = judged([alert("a1", 2, "critical", ["h1", "c1"])], [member(name, 40, "k1") for name in GOOD])
    assert not alpha(result).detected
    assert sum(result.honest.false_alerts["critical"].values()) == 1


def test_a_membership_that_is_dated_back_counts_after_the_one_before_it(judged: Judged) -> None:
    result = judged([], [member("c1", 30, "k1", "left"), member("c1", 1, "k1")])
    assert (named(result, 24), named(result, 48)) == (0, 1)


def test_nobody_is_named_in_time_because_time_ran_out(tmp_path: Path) -> None:
    requests = [Request(0, "c1"), Request(90, "c2"), Request(95, "c3"), Request(100, "h1")]
    result = evaluate(*write(tmp_path, [alert("a1", 99, "critical", GOOD)]), requests)
    within = {each.hours: each for each in alpha(result).named_within}
    assert (within[6].named, within[6].of, within[6].left_out) == (0, 2, 1)
    assert (within[72].named, within[72].of, within[72].left_out) == (0, 1, 2)
    assert alpha(result).silent_accounts == 1


def test_accounts_named_before_they_sent_anything_are_doubted(judged: Judged) -> None:
    result = judged([], [member("c4", 1, "k1")])
    assert any("before their first request" in sentence for sentence in result.missing)


def test_nothing_said_before_a_campaign_is_about_it(tmp_path: Path) -> None:
    late = [Request(50 + hours, f"c{hours + 1}") for hours in range(4)]
    alerts = [alert("a1", 1, "critical", GOOD), alert("a1", 60, "critical", GOOD, revision=2)]
    result = evaluate(*write(tmp_path, alerts), late)
    assert alpha(result).hours_to_detection == 10
    assert alpha(result).share_served_before == 1.0


def test_a_quieter_claim_is_the_one_that_counts(judged: Judged) -> None:
    loud_then_sure = [
        alert("a1", 2, "info", BAD, false_alarm_rate=2.0),
        alert("a1", 3, "warning", BAD, false_alarm_rate=0.2, revision=2),
        alert("a1", 4, "info", BAD, false_alarm_rate=2.5, revision=3),
        alert("a2", 5, "critical", GOOD, false_alarm_rate=0.001),
    ]
    result = judged(loud_then_sure)
    assert [(line.claimed_per_day, line.counted) for line in result.calibration] == [(3, 1), (1, 1), (0.3, 1)]
    assert sum(result.honest.false_alerts["warning"].values()) == 1


WHO = st.lists(st.sampled_from([*GOOD, *BAD]), min_size=1, max_size=6, unique=True)
REVISIONS = st.lists(
    st.tuples(
        st.sampled_from(["a1", "a2"]),
        st.integers(1, 90),
        st.sampled_from(["info", "warning", "critical"]),
        WHO,
        st.sampled_from(["firing", "firing", "firing", "resolved"]),
    ),
    min_size=1,
    max_size=8,
)


def in_order(drawn: list[Any]) -> list[dict[str, Any]]:
    """The revisions as a detector writes them: by time, numbered for each alert."""
    written: list[dict[str, Any]] = []
    for name, hours, severity, accounts, status in sorted(drawn, key=lambda revision: revision[1]):
        number = 1 + sum(record["alert_id"] == name for record in written)
        written.append(alert(name, hours, severity, accounts, status=status, revision=number))
    return written


@given(REVISIONS)
@settings(max_examples=60)
def test_what_came_later_changes_nothing_that_was_before(drawn: list[Any]) -> None:
    written = in_order(drawn)
    with TemporaryDirectory() as directory:
        judge = Judged(Path(directory))
        whole = alpha(judge(written))
        if whole.detected_at is None:
            return
        until = [record for record in written if record["updated_at"] <= whole.detected_at.replace(".000Z", "Z")]
        cut = alpha(judge(until))
        assert (cut.alert_id, cut.detected_at, cut.share_served_before) == (
            whole.alert_id,
            whole.detected_at,
            whole.share_served_before,
        )
        before = [record for record in written if record["updated_at"] < whole.detected_at.replace(".000Z", "Z")]
        assert not alpha(judge(before)).detected


@given(REVISIONS, REVISIONS)
@settings(max_examples=60)
def test_nothing_that_is_added_takes_back_a_name_or_a_false_alert(drawn: list[Any], added: list[Any]) -> None:
    later = [(f"{name}x", hours, *rest) for name, hours, *rest in added]
    with TemporaryDirectory() as directory:
        judge = Judged(Path(directory))
        first, more = judge(in_order(drawn)), judge(in_order([*drawn, *later]))
    assert {each.alert_id for each in first.false_alerts} <= {each.alert_id for each in more.false_alerts}
    assert first.named <= more.named
    assert first.honest.named_accounts.keys() <= more.honest.named_accounts.keys()
    assert all(named(first, hours) <= named(more, hours) for hours in (6, 24, 48, 72))
