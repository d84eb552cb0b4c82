"""The life of an alert, as a timeline that reads like one."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as trials
from hypothesis import strategies as st

from streamer.detection.cluster_stage import ClusterStage
from streamer.detection.evidence import Burst, EvidenceItem, LeadReport
from streamer.detection.names import SEVERITIES
from streamer.detection.records import Alert, Decision, Limit, LimitLifted, Membership
from streamer.detection.settings import AlertSettings, DetectionSettings, LimitSettings
from tests.detection.handmade import WINDOW_MS, default_settings, key_of, lead, leads, link, watched

HOUR = 6  # windows
QUIET = 12 * HOUR
START = 100
SETTINGS = replace(
    default_settings(),
    alert=AlertSettings(resolve_after_s=12 * 3600, update_every_s=3600, runbook="runbook.md"),
    limit=LimitSettings(severities=("critical", "warning"), expires_after_s=86_400, allow=("vip",)),
)
# Used alike, busy, and regular: three families, of which the first is a trace of control.
DRIVEN: dict[str, Any] = {"requests": 40, "bins": 90}


def named(count: int, prefix: str = "a") -> list[str]:
    return [f"{prefix}{number:03}" for number in range(count)]


def told(window: int, names: list[str], value: str = "pf", partition: int = 0, score: float = 2.5) -> LeadReport:
    """A group on one payment instrument whose accounts score high in everything."""
    seen = watched(names, window, **DRIVEN)
    rows = seen.table().copy()
    rows["scores"] = score
    rows["scores"][:, 2] = -score  # regular gaps
    return leads(window, lead(names, value), partition=partition, watched=seen._replace(rows=rows.tobytes()), tests=1)


class Timeline:
    """A stage with one source, told window by window."""

    def __init__(self, settings: DetectionSettings = SETTINGS) -> None:
        self.stage = ClusterStage(settings, 1)

    def tell(self, window: int, names: list[str], value: str = "pf") -> list[Decision]:
        self.stage.observe(told(START + window, names, value))
        return self.stage.advance()

    def silence(self, through: int) -> list[Decision]:
        self.stage.observe(leads(START + through))
        return self.stage.advance()


def alerts(decisions: list[Decision]) -> list[Alert]:
    return [d for d in decisions if isinstance(d, Alert)]


def only(decisions: list[Decision]) -> Alert:
    (found,) = alerts(decisions)
    return found


def test_a_group_becomes_an_alert_its_members_and_their_limits() -> None:
    decisions = Timeline().tell(5, [*named(20), "vip"])
    alert = only(decisions)
    assert (alert.revision, alert.status, alert.kind) == (1, "firing", "cluster")
    assert alert.severity in {"critical", "warning"}
    assert alert.detected_at == alert.updated_at == (START + 6) * WINDOW_MS
    assert (alert.account_count, alert.request_count) == (21, 840)
    assert (alert.runbook, alert.models, alert.resolved_at) == ("runbook.md", ("large",), None)
    assert "21 accounts tied by payment instruments" in alert.summary
    assert [(shared.kind, shared.value, shared.account_count) for shared in alert.links] == [("payment", "pf", 21)]
    members = [d for d in decisions if isinstance(d, Membership)]
    assert [m.account_id for m in members] == [*named(20), "vip"]
    assert {(m.cluster_id, m.since, m.links) for m in members} == {
        (alert.cluster_id, (START + 6) * WINDOW_MS, ("payment:pf",))
    }
    limits = [d for d in decisions if isinstance(d, Limit)]
    assert [limit.account_id for limit in limits] == named(20)
    assert {limit.alert_id for limit in limits} == {alert.alert_id}


def test_a_group_that_is_not_improbable_is_not_told() -> None:
    one = Timeline()
    report = told(START, named(20), score=0.0)
    rows = report.watched.table().copy()
    rows["bins"] = [[place * 9 % 200] * rows["bins"].shape[1] for place in range(20)]
    one.stage.observe(report._replace(watched=report.watched._replace(rows=rows.tobytes())))
    assert one.stage.advance() == []


def test_nothing_is_said_while_nothing_changes() -> None:
    one = Timeline()
    assert one.tell(0, named(20))
    for window in range(1, 3 * HOUR):
        assert one.tell(window, named(20)) == []


def test_it_resolves_when_it_was_quiet_for_long_and_its_limits_are_lifted() -> None:
    one = Timeline()
    fired = only(one.tell(0, named(20)))
    assert [alert.alert_id for alert in one.stage.firing] == [fired.alert_id]
    assert one.silence(QUIET - 1) == []
    decisions = one.silence(QUIET)
    resolved = only(decisions)
    assert (resolved.alert_id, resolved.revision, resolved.status) == (fired.alert_id, 2, "resolved")
    assert resolved.resolved_at == resolved.updated_at == (START + QUIET + 1) * WINDOW_MS
    assert (resolved.detected_at, resolved.limits_proposed) == (fired.detected_at, 0)
    lifted = [d for d in decisions if isinstance(d, LimitLifted)]
    assert [d.account_id for d in lifted] == named(20)
    assert len(one.stage.limits) == 0
    assert one.stage.firing == []
    assert one.silence(5 * QUIET) == []


def test_how_far_the_time_jumps_does_not_change_when_it_resolved() -> None:
    one, other = Timeline(), Timeline()
    for each in (one, other):
        each.tell(0, named(20))
    stepwise = [d for window in range(1, 3 * QUIET) for d in one.silence(window)]
    assert other.silence(3 * QUIET) == stepwise


def test_after_it_resolved_the_same_group_comes_back_as_the_same_alert() -> None:
    one = Timeline()
    first = only(one.tell(0, named(20)))
    decisions = one.tell(QUIET + 1, named(20), "another card")
    resolved, second = alerts(decisions)
    assert (resolved.alert_id, resolved.revision, resolved.status) == (first.alert_id, 2, "resolved")
    assert (second.alert_id, second.revision, second.status) == (first.alert_id, 3, "firing")
    assert second.cluster_id == first.cluster_id
    assert second.detected_at == second.updated_at == (START + QUIET + 2) * WINDOW_MS
    assert second.resolved_at is None
    assert "Resolved" not in second.summary
    kinds = [type(d) for d in decisions if isinstance(d, Limit | LimitLifted)]
    assert kinds == [LimitLifted] * 20 + [Limit] * 20
    assert {d.cluster_id for d in decisions if isinstance(d, Membership)} == {first.cluster_id}
    assert [alert.revision for alert in alerts(one.silence(2 * QUIET + 1))] == [4]


@pytest.mark.parametrize("observed, severity", [(159.0, "info"), (160.0, "warning"), (1e9, "warning")])
def test_one_account_pages_nobody_however_loud(observed: float, severity: str) -> None:
    item = EvidenceItem("burst", "many requests", observed, 10.0, -10.0)
    one = Timeline()
    burst = Burst("loud", key_of("loud"), -10.0, item)
    one.stage.observe(leads(START, watched=watched(["loud"], START), bursts=[burst]))
    decisions = one.stage.advance()
    decision = only(decisions)
    assert [d.account_id for d in decisions if isinstance(d, Limit)] == ["loud"] * (severity == "warning")
    assert (decision.kind, decision.severity, decision.cluster_id) == ("account", severity, None)
    assert decision.summary == "Account loud: many requests."


def test_a_window_waits_for_all_partitions_and_repeats_are_ignored() -> None:
    stage = ClusterStage(SETTINGS, 2)
    report = told(START, named(20))
    for _ in range(2):
        stage.observe(report)
    assert stage.advance() == []
    stage.observe(leads(START, partition=1))
    assert only(stage.advance()).account_count == 20
    for _ in range(2):
        stage.observe(report)
        assert stage.advance() == []


def test_what_partitions_say_is_taken_in_one_order() -> None:
    parts = [told(START, named(20, prefix), prefix, partition) for partition, prefix in enumerate("abc")]
    answers = []
    for order in (parts, parts[::-1]):
        stage = ClusterStage(SETTINGS, 3)
        for part in order:
            stage.observe(part)
        answers.append(stage.advance())
    assert answers[0] == answers[1]
    assert {shared.value for alert in alerts(answers[0]) for shared in alert.links} == set("abc")


def test_a_snapshot_of_another_format_is_refused() -> None:
    stage = ClusterStage(SETTINGS, 1)
    state = stage.snapshot()
    state["format"] += 1
    with pytest.raises(ValueError, match="format"):
        stage.restore(state)


life = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 3, HOUR, 40, QUIET - 1, QUIET, QUIET + 1, 200]),
        st.sets(st.sampled_from(named(24)), min_size=4, max_size=24),
        st.sampled_from("pqrs"),
    ),
    max_size=10,
)
Life = list[tuple[int, set[str], str]]


def lived(seen: Life, crashes: frozenset[int] = frozenset()) -> list[Decision]:
    stage, window, decisions = ClusterStage(SETTINGS, 1), START, list[Decision]()
    for position, (step, accounts, value) in enumerate(seen):
        window += step + 1
        stage.observe(told(window, sorted(accounts), value))
        if position in crashes:
            state = msgspec.msgpack.decode(msgspec.msgpack.encode(stage.snapshot()))
            stage = ClusterStage(SETTINGS, 1)
            stage.restore(state)
        decisions += stage.advance()
    stage.observe(leads(window + 2 * QUIET))
    return decisions + stage.advance()


@trials(max_examples=40)
@given(life)
def test_every_alert_is_a_story_that_begins_goes_on_and_ends_with_its_limits(seen: Life) -> None:
    stories: dict[str, list[Alert]] = defaultdict(list)
    held: dict[str, Limit] = {}
    for decision in lived(seen):
        if isinstance(decision, Alert):
            stories[decision.alert_id].append(decision)
        elif isinstance(decision, Limit):
            held[decision.account_id] = decision
        elif isinstance(decision, LimitLifted):
            assert held.pop(decision.account_id).alert_id == decision.alert_id
    assert {limit for limit in held.values() if limit.alert_id not in stories} == set()
    for story in stories.values():
        assert [alert.revision for alert in story] == list(range(1, len(story) + 1))
        assert story[-1].status == "resolved"
        for earlier, later in pairwise(story):
            assert later.updated_at >= earlier.updated_at
            if earlier.status == "resolved":  # the group comes back: its alert begins anew
                assert later.status == "firing"
                assert later.detected_at == later.updated_at >= earlier.updated_at
            else:
                assert later.detected_at == earlier.detected_at
                assert SEVERITIES.index(later.severity) >= SEVERITIES.index(earlier.severity)


@trials(max_examples=40)
@given(life, st.frozensets(st.integers(0, 10)))
def test_a_stage_restored_at_any_place_says_the_same(seen: Life, crashes: frozenset[int]) -> None:
    assert lived(seen, crashes) == lived(seen)


def test_the_link_of_a_lead_is_what_it_says() -> None:
    assert lead(["a"]).link == link("pf")
