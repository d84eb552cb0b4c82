"""The life of an alert, as a timeline that reads like one."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.detection.cluster_stage import ClusterStage
from streamer.detection.evidence import EvidenceItem
from streamer.detection.records import Alert, Decision, Limit, LimitLifted, Membership
from streamer.detection.settings import AlertSettings, DetectionSettings, LimitSettings
from streamer.detection.verdict import SEVERITIES
from tests.detection.handmade import WINDOW_MS, default_settings, suspect, suspects

HOUR = 6  # windows
QUIET = 12 * HOUR
CRITICAL, WARNING, INFO, NOTHING = -10.0, -3.5, -2.5, -1.5
SETTINGS = replace(
    default_settings(),
    alert=AlertSettings(
        critical_per_day=0.01,
        warning_per_day=0.1,
        info_per_day=1.0,
        resolve_after_s=12 * 3600,
        update_every_s=3600,
        growth_ratio=0.2,
        overlap_ratio=0.3,
        min_overlap=3,
        account_warning_ratio=16.0,
        runbook="runbook.md",
    ),
    limit=LimitSettings(severities=("critical", "warning"), expires_after_s=86_400, allow=("vip",)),
)


def named(count: int, prefix: str = "a") -> list[str]:
    return [f"{prefix}{number}" for number in range(count)]


class Timeline:
    """A stage with one source, told window by window."""

    def __init__(self, settings: DetectionSettings = SETTINGS) -> None:
        self.stage = ClusterStage(settings, 1)

    def tell(
        self, window: int, accounts: int | list[str], log10_p: float = CRITICAL, value: str = "pf"
    ) -> list[Decision]:
        names = named(accounts) if isinstance(accounts, int) else accounts
        self.stage.observe(suspects(window, suspect(names, window, value, log10_p)))
        return self.stage.advance()

    def silence(self, through: int) -> list[Decision]:
        self.stage.observe(suspects(through, tests=0))
        return self.stage.advance()


def alerts(decisions: list[Decision]) -> list[Alert]:
    return [d for d in decisions if isinstance(d, Alert)]


def only(decisions: list[Decision]) -> Alert:
    (found,) = alerts(decisions)
    return found


def test_a_group_becomes_an_alert_its_members_and_their_limits() -> None:
    decisions = Timeline().tell(5, [*named(8), "vip"])
    alert = only(decisions)
    assert (alert.revision, alert.status, alert.severity, alert.kind) == (1, "firing", "critical", "cluster")
    assert alert.detected_at == alert.updated_at == 6 * WINDOW_MS
    assert (alert.account_count, alert.request_count, alert.output_tokens) == (9, 90, 9000)
    assert alert.score == 10.0
    assert alert.false_alarm_rate == pytest.approx(1e-8)
    assert (alert.runbook, alert.models, alert.resolved_at) == ("runbook.md", ("large",), None)
    assert "9 accounts that share one payment instrument" in alert.summary
    members = [d for d in decisions if isinstance(d, Membership)]
    assert [m.account_id for m in members] == [*named(8), "vip"]
    assert {(m.cluster_id, m.since, m.evidence) for m in members} == {
        (alert.cluster_id, 6 * WINDOW_MS, ("evenness", "rhythm"))
    }
    limits = [d for d in decisions if isinstance(d, Limit)]
    assert [limit.account_id for limit in limits] == named(8)
    assert {limit.alert_id for limit in limits} == {alert.alert_id}


def test_what_chance_alone_would_show_more_than_once_a_day_is_not_said() -> None:
    assert Timeline().tell(0, 8, NOTHING) == []


def test_many_tests_make_it_less_of_a_finding() -> None:
    one = Timeline()
    one.stage.observe(suspects(0, tests=100_000))
    assert only(one.tell(1, 8, -5.5)).severity == "info"
    later = Timeline()
    later.stage.observe(suspects(0, tests=100_000))
    assert only(later.tell(24 * HOUR, 8, -5.5)).severity == "critical"  # the tests of the day before count no more


def test_information_limits_nobody() -> None:
    decisions = Timeline().tell(0, 8, INFO)
    assert (only(decisions).severity, only(decisions).limits_proposed) == ("info", 0)
    assert not [d for d in decisions if isinstance(d, Limit)]


def test_nothing_is_said_while_nothing_changes() -> None:
    one = Timeline()
    one.tell(0, 10)
    for window in range(1, 3 * HOUR):
        assert one.tell(window, 10) == []


def test_growth_by_a_fifth_is_said_at_once() -> None:
    one = Timeline()
    first = only(one.tell(0, 10))
    assert alerts(one.tell(1, 11)) == []
    second = only(one.tell(2, 12))
    assert (second.alert_id, second.revision, second.account_count) == (first.alert_id, 2, 12)
    assert (second.detected_at, second.updated_at) == (first.detected_at, 3 * WINDOW_MS)
    assert second.started_at == first.started_at


def test_slow_growth_is_said_once_an_hour() -> None:
    one = Timeline()
    said = [window for window in range(4 * HOUR) if alerts(one.tell(window, 200 + window))]
    assert said == [0, HOUR, 2 * HOUR, 3 * HOUR]


def test_a_new_member_is_named_at_once_even_if_the_alert_is_not_revised() -> None:
    one = Timeline()
    one.tell(0, 100)
    decisions = one.tell(1, 101)
    assert alerts(decisions) == []
    assert [d.account_id for d in decisions if isinstance(d, Membership)] == ["a100"]
    assert [d.account_id for d in decisions if isinstance(d, Limit)] == ["a100"]


def test_severity_rises_and_never_falls_while_it_fires() -> None:
    one = Timeline()
    said = [alerts(one.tell(window, 10, p)) for window, p in enumerate((INFO, INFO, WARNING, INFO, CRITICAL, INFO))]
    assert [[a.severity for a in found] for found in said] == [["info"], [], ["warning"], [], ["critical"], []]
    grown = only(one.tell(6, 20, INFO))
    assert (grown.severity, grown.revision) == ("critical", 4)


def test_it_resolves_when_it_was_quiet_for_long_and_its_limits_are_lifted() -> None:
    one = Timeline()
    fired = only(one.tell(0, 8))
    assert one.silence(QUIET - 1) == []
    decisions = one.silence(QUIET)
    resolved = only(decisions)
    assert (resolved.alert_id, resolved.revision, resolved.status) == (fired.alert_id, 2, "resolved")
    assert resolved.resolved_at == resolved.updated_at == (QUIET + 1) * WINDOW_MS
    assert (resolved.detected_at, resolved.limits_proposed) == (fired.detected_at, 0)
    lifted = [d for d in decisions if isinstance(d, LimitLifted)]
    assert [d.account_id for d in lifted] == named(8)
    assert len(one.stage.limits) == 0
    assert one.stage.firing == []
    assert one.silence(5 * QUIET) == []


def test_what_is_found_again_in_time_goes_on() -> None:
    one = Timeline()
    one.tell(0, 8)
    assert alerts(one.tell(QUIET, 8)) == []
    assert alerts(one.silence(2 * QUIET - 1)) == []
    assert only(one.silence(2 * QUIET)).status == "resolved"


def test_how_far_the_time_jumps_does_not_change_when_it_resolved() -> None:
    one, other = Timeline(), Timeline()
    for each in (one, other):
        each.tell(0, 8)
    stepwise = [d for window in range(1, 3 * QUIET) for d in one.silence(window)]
    assert other.silence(3 * QUIET) == stepwise


def test_after_it_resolved_the_same_group_is_a_new_alert() -> None:
    one = Timeline()
    first = only(one.tell(0, 8))
    decisions = one.tell(QUIET + 1, 8)
    resolved, second = alerts(decisions)
    assert (resolved.alert_id, resolved.status) == (first.alert_id, "resolved")
    assert (second.revision, second.status) == (1, "firing")
    assert second.alert_id != first.alert_id
    assert second.detected_at == (QUIET + 2) * WINDOW_MS
    kinds = [type(d) for d in decisions if isinstance(d, Limit | LimitLifted)]
    assert kinds == [LimitLifted] * 8 + [Limit] * 8


def test_clusters_that_prove_to_be_one_leave_one_alert() -> None:
    one = Timeline()
    older = only(one.tell(0, named(8, "a"), value="p"))
    younger = only(one.tell(1, named(8, "b"), value="q"))
    decisions = one.tell(2, named(8, "a") + named(8, "b"), value="r")
    resolved, grown = alerts(decisions)
    assert (resolved.alert_id, resolved.status, resolved.revision) == (younger.alert_id, "resolved", 2)
    assert f"merged into {older.cluster_id}" in resolved.summary
    assert (grown.alert_id, grown.account_count) == (older.alert_id, 16)
    moved = {d.account_id: d.cluster_id for d in decisions if isinstance(d, Membership)}
    assert moved == dict.fromkeys(named(8, "b"), older.cluster_id)
    last = {d.account_id: d for d in decisions if isinstance(d, Limit | LimitLifted)}
    assert all(isinstance(d, Limit) and d.alert_id == older.alert_id for d in last.values())
    assert set(last) == set(named(8, "b"))


def test_limits_are_renewed_while_the_group_is_found() -> None:
    one = Timeline()
    limits = [
        (window, len([d for d in one.tell(window, 8) if isinstance(d, Limit)])) for window in range(0, 24 * HOUR + 1, 3)
    ]
    assert [at for at in limits if at[1]] == [(0, 8), (12 * HOUR, 8), (24 * HOUR, 8)]


@pytest.mark.parametrize("observed, severity", [(159.0, "info"), (160.0, "warning"), (1e9, "warning")])
def test_one_account_pages_nobody_however_loud(observed: float, severity: str) -> None:
    burst = [EvidenceItem("burst", "many requests", observed, 10.0, -10.0)]
    found = suspect(["loud"], value="loud")._replace(kind="account", link_kind="account", evidence=burst)
    one = Timeline()
    one.stage.observe(suspects(0, found))
    assert only(one.stage.advance()).severity == severity


def test_limits_that_ran_out_make_room_for_others() -> None:
    one = Timeline(replace(SETTINGS, limit=LimitSettings(expires_after_s=3600, max_accounts=8)))
    limited = [
        [d.account_id for d in one.tell(window, named(8, prefix), value=prefix) if isinstance(d, Limit)]
        for window, prefix in ((0, "a"), (HOUR - 1, "b"), (HOUR, "b"))
    ]
    assert limited == [named(8, "a"), [], named(8, "b")]


def test_what_was_found_long_ago_speaks_no_more() -> None:
    one = Timeline()
    one.tell(0, 10, -20.0, value="p")
    scores = [only(one.tell(10 * HOUR * step, 10 + 5 * step, value="q")).score for step in range(1, 5)]
    assert scores == [20.0, 20.0, 10.0, 10.0]


def test_one_account_that_is_only_told_of_has_neither_cluster_nor_limit() -> None:
    one = Timeline()
    found = suspect(["loud"], value="loud")._replace(kind="account", link_kind="account")
    one.stage.observe(suspects(0, found))
    (decision,) = one.stage.advance()
    assert isinstance(decision, Alert)
    assert (decision.kind, decision.severity, decision.cluster_id) == ("account", "info", None)
    assert decision.summary == "Account loud: used alike."


def test_the_surest_thousand_are_listed() -> None:
    alert = only(Timeline().tell(0, 1500))
    assert (alert.account_count, len(alert.accounts)) == (1500, 1000)


def test_a_window_waits_for_all_partitions_and_repeats_are_ignored() -> None:
    stage = ClusterStage(SETTINGS, 2)
    report = suspects(3, suspect(named(8)), partition=0)
    for _ in range(2):
        stage.observe(report)
    assert stage.advance() == []
    stage.observe(suspects(3, partition=1))
    assert only(stage.advance()).false_alarm_rate == pytest.approx(1e-8)
    for _ in range(2):
        stage.observe(report)
        assert stage.advance() == []


def test_what_partitions_say_is_taken_in_one_order() -> None:
    parts = [suspects(3, suspect(named(8, p), value=p), partition=n) for n, p in enumerate("abc")]
    answers = []
    for order in (parts, parts[::-1]):
        stage = ClusterStage(SETTINGS, 3)
        for part in order:
            stage.observe(part)
        answers.append(stage.advance())
    assert answers[0] == answers[1]
    assert len(alerts(answers[0])) == 3


def test_a_snapshot_of_another_format_is_refused() -> None:
    stage = ClusterStage(SETTINGS, 1)
    state = stage.snapshot()
    state["format"] += 1
    with pytest.raises(ValueError, match="format"):
        stage.restore(state)


life = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 1, 1, 1, 3, 8, 40, QUIET - 1, QUIET, QUIET + 1, 200]),
        st.sets(st.sampled_from("abcdefghijklmnopqrst"), min_size=4, max_size=14),
        st.sampled_from("pqrs"),
        st.sampled_from([CRITICAL, WARNING, INFO, NOTHING]),
    ),
    max_size=14,
)


def lived(seen: list[tuple[int, set[str], str, float]], crashes: frozenset[int] = frozenset()) -> list[Decision]:
    stage, window, decisions = ClusterStage(SETTINGS, 1), 0, list[Decision]()
    for position, (step, accounts, value, log10_p) in enumerate(seen):
        window += step + 1
        stage.observe(suspects(window, suspect(sorted(accounts), window, value, log10_p)))
        if position in crashes:
            state = msgspec.msgpack.decode(msgspec.msgpack.encode(stage.snapshot()))
            stage = ClusterStage(SETTINGS, 1)
            stage.restore(state)
        decisions += stage.advance()
    stage.observe(suspects(window + 2 * QUIET, tests=0))
    return decisions + stage.advance()


@given(life)
def test_every_alert_is_a_story_that_begins_goes_on_and_ends(seen: list[tuple[int, set[str], str, float]]) -> None:
    stories: dict[str, list[Alert]] = defaultdict(list)
    for alert in alerts(lived(seen)):
        stories[alert.alert_id].append(alert)
    for story in stories.values():
        assert [alert.revision for alert in story] == list(range(1, len(story) + 1))
        assert [alert.status for alert in story] == ["firing"] * (len(story) - 1) + ["resolved"]
        assert len({alert.detected_at for alert in story}) == 1
        for earlier, later in pairwise(story):
            assert later.updated_at >= earlier.updated_at
            assert SEVERITIES.index(later.severity) >= SEVERITIES.index(earlier.severity)
            grown = later.account_count >= 1.2 * earlier.account_count
            waited = later.updated_at - earlier.updated_at >= HOUR * WINDOW_MS
            assert grown or waited or later.status == "resolved" or later.severity != earlier.severity


@given(life)
def test_limits_end_with_their_alert(seen: list[tuple[int, set[str], str, float]]) -> None:
    held: dict[str, Limit] = {}
    for decision in lived(seen):
        if isinstance(decision, Limit):
            assert decision.expires_at - decision.issued_at == 86_400_000
            held[decision.account_id] = decision
        elif isinstance(decision, LimitLifted):
            assert held.pop(decision.account_id).alert_id == decision.alert_id
    assert held == {}


@given(life, st.frozensets(st.integers(0, 14)))
def test_a_stage_restored_at_any_place_says_the_same(
    seen: list[tuple[int, set[str], str, float]], crashes: frozenset[int]
) -> None:
    assert lived(seen, crashes) == lived(seen)
