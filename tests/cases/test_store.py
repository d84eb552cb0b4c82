"""A store takes records in any order, repeated ones too, and never holds more than it may."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.cases.records import MemberRecord
from streamer.cases.store import Bounds, CaseStore
from streamer.sinks.feedback import FeedbackAction
from tests.cases import made_up
from tests.cases.made_up import ALERT_ID, BEGAN, CLUSTER_ID, alert, limit, said, text

RNG = random.Random(3)


def test_the_latest_revision_speaks_and_all_are_history() -> None:
    store = CaseStore()
    for revision in (2, 3, 1, 2):
        store.alert(alert(revision=revision, account_count=revision))
    case = store.case(ALERT_ID)
    assert case is not None
    assert case.alert.revision == 3
    assert [(each.revision, each.account_count) for each in case.revisions] == [(1, 1), (2, 2), (3, 3)]


def test_an_account_that_only_the_alert_names_is_a_member_too() -> None:
    store = CaseStore()
    store.alert(alert(accounts=("acct_1", "acct_2")))
    store.member(MemberRecord("acct_2", CLUSTER_ID, since="2026-03-04T11:00:00.000Z", score=0.5))
    case = store.case(ALERT_ID)
    assert case is not None
    assert {member.account_id: member.score for member in case.members} == {"acct_1": 14.574, "acct_2": 0.5}


def test_a_later_membership_takes_the_place_of_an_earlier_one_whatever_comes_first() -> None:
    store = CaseStore()
    store.alert(alert())
    early = MemberRecord("acct_1", CLUSTER_ID, since="2026-03-04T11:00:00.000Z")
    late = MemberRecord("acct_1", CLUSTER_ID, since="2026-03-04T12:00:00.000Z", status="left")
    for each in (late, early):
        store.member(each)
    case = store.case(ALERT_ID)
    assert case is not None
    assert [member.status for member in case.members] == ["left"]
    assert case.live_members == []


def test_limits_hold_until_they_are_lifted_or_event_time_has_passed_them() -> None:
    store = CaseStore()
    store.alert(alert(accounts=("a", "b", "c")))
    for name, hours in (("a", 9), ("b", 99), ("c", 99)):
        store.limit(limit(name, expires_h=hours, mode="enforce" if name == "c" else "shadow"))
    store.lift("b")
    store.lift("nobody")
    case = store.case(ALERT_ID)
    assert case is not None
    assert {name: state.state for name, state in case.limits.items()} == {"a": "shadow", "b": "lifted", "c": "enforced"}
    assert [listed.limits_held for listed in store.listed()] == [2]
    store.alert(alert(revision=6))
    case = store.case(ALERT_ID)
    assert case is not None
    assert case.limits["a"].state == "expired"
    store.limit(limit("b"))
    assert store.limit_of("b") is not None
    assert [state.limit.account_id for state in (store.case(ALERT_ID) or case).holding] == ["c", "b"]


def test_the_last_word_about_the_alert_counts_and_words_about_accounts_do_not() -> None:
    store = CaseStore()
    store.alert(alert(accounts=("a",)))
    for each in (said("dismiss", 1), said("confirm", 2), said("dismiss", 3, account_id="a"), said("dismiss", 1)):
        store.feedback(each)
    case = store.case(ALERT_ID)
    assert case is not None
    assert case.verdict == "confirmed"
    assert len(case.feedback) == 3
    (listed,) = store.listed()
    assert (listed.verdict, listed.fires) == ("confirmed", True)
    store.feedback(said("dismiss", 4))
    assert [each.fires for each in store.listed()] == [False]


def test_an_alert_that_comes_back_goes_on_as_one_case() -> None:
    store = CaseStore()
    back = text(BEGAN + timedelta(days=3))
    store.alert(alert(revision=1))
    store.alert(alert(revision=2, status="resolved", resolved_at=text(BEGAN + timedelta(hours=30))))
    store.alert(alert(revision=3, detected_at=back, updated_at=back, account_count=20))
    case = store.case(ALERT_ID)
    assert case is not None
    assert (case.alert.status, case.alert.account_count, case.alert.detected_at) == ("firing", 20, back)
    assert [each.status for each in case.revisions] == ["firing", "resolved", "firing"]
    assert [each.fires for each in store.listed()] == [True]


def test_a_dismissal_is_of_what_had_been_raised_by_then() -> None:
    noon = round(datetime(2026, 3, 4, 12, tzinfo=UTC).timestamp() * 1000)
    day = 86_400_000
    story = ((1, "firing", -day), (2, "resolved", 1000), (3, "firing", day), (4, "firing", 2 * day))
    verdicts: tuple[tuple[FeedbackAction, str | None], ...] = (("dismiss", None), ("confirm", "confirmed"))
    for said_first in (True, False):
        for action, verdict in verdicts:
            store = CaseStore()
            if said_first:
                store.feedback(said(action))
            for revision, status, after_ms in story:
                store.alert(alert(revision=revision, status=status), noon + after_ms)
            store.feedback(said(action))
            case, (listed,) = store.case(ALERT_ID), store.listed()
            assert case is not None
            assert len(case.feedback) == 1
            assert (case.verdict, listed.verdict, listed.fires) == (verdict, verdict, True)
            store.feedback(said("dismiss", 2, created_at="2026-03-05T12:00:00.000Z"))
            assert [each.fires for each in store.listed()] == [False]


def test_a_dismissal_counts_where_nobody_knows_when_the_alert_was_written_or_it_was_said() -> None:
    for created_at, written_ms in (("2026-03-04T12:00:00.000Z", 0), ("yesterday", 2**60)):
        store = CaseStore()
        store.alert(alert(), written_ms)
        store.feedback(said("dismiss", created_at=created_at))
        assert [each.fires for each in store.listed()] == [False]


def test_a_case_is_found_by_alert_cluster_and_account() -> None:
    store = CaseStore()
    store.alert(alert("a-1", accounts=("named",)))
    store.alert(alert("a-2"))
    store.member(MemberRecord("member", "c-2"))
    assert store.find("a-1") == ["a-1"]
    assert store.find("c-2") == ["a-2"]
    assert store.find("named") == ["a-1"]
    assert store.find("member") == ["a-2"]
    assert store.find("nobody") == []


def test_what_fires_is_forgotten_last() -> None:
    store = CaseStore(Bounds(alerts=2))
    store.alert(alert("a-1"))
    store.alert(alert("a-2", status="resolved"))
    store.alert(alert("a-3"))
    assert [each.alert.alert_id for each in store.listed()] == ["a-3", "a-1"]
    store.alert(alert("a-4"))
    assert [each.alert.alert_id for each in store.listed()] == ["a-4", "a-3"]


def test_with_an_alert_its_members_are_forgotten() -> None:
    store = CaseStore(Bounds(alerts=1))
    store.alert(alert("a-1", status="resolved"))
    store.member(MemberRecord("member", "c-1"))
    store.alert(alert("a-2"))
    assert store.find("member") == []
    store.alert(alert("a-2", revision=2, cluster_id="c-1"))
    assert [member.account_id for member in getattr(store.case("a-2"), "members", ())] == []


def test_of_many_revisions_the_first_and_the_latest_stay() -> None:
    store = CaseStore(Bounds(revisions=3))
    for revision in range(1, 9):
        store.alert(alert(revision=revision))
    case = store.case(ALERT_ID)
    assert case is not None
    assert [each.revision for each in case.revisions] == [1, 7, 8]


def test_a_case_has_another_version_when_its_members_changed_and_only_then() -> None:
    store = CaseStore()
    store.alert(alert())
    store.member(MemberRecord("a", CLUSTER_ID))
    versions = [store.case(ALERT_ID)]
    store.member(MemberRecord("a", "c-other"))
    store.limit(limit("a"))
    versions.append(store.case(ALERT_ID))
    store.member(MemberRecord("b", CLUSTER_ID))
    versions.append(store.case(ALERT_ID))
    one, same, other = (each.version for each in versions if each is not None)
    assert one == same != other


def test_members_that_do_not_fit_are_counted() -> None:
    store = CaseStore(Bounds(members=10))
    store.alert(alert())
    for number in range(25):
        store.member(made_up.member(number, RNG, 25))
    case = store.case(ALERT_ID)
    assert case is not None
    assert (len(case.members), case.members_left_out) == (10, 15)
    store.member(MemberRecord("other", "c-other"))
    assert len(getattr(store.case(ALERT_ID), "members", ())) == 0


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.sampled_from(["alert", "member", "limit", "lift", "said"]), st.integers(0, 30), st.integers(1, 9)),
        max_size=300,
    )
)
def test_memory_is_bounded_whatever_arrives(records: list[tuple[str, int, int]]) -> None:
    bounds = Bounds(alerts=5, revisions=3, members=20, limits=7, feedback=6)
    store = CaseStore(bounds)
    for kind, number, other in records:
        if kind == "alert":
            store.alert(alert(f"a-{number}", revision=other, status="firing" if number % 3 else "resolved"))
        elif kind == "member":
            store.member(MemberRecord(f"m-{number}-{other}", f"c-{number % 7}"))
        elif kind == "limit":
            store.limit(limit(f"m-{number}", alert_id=f"a-{other}"))
        elif kind == "lift":
            store.lift(f"m-{number}")
        else:
            store.feedback(said("confirm", number, alert_id=f"a-{other}"))
        assert len(store) <= bounds.alerts
        assert len(store._limits) <= bounds.limits
        assert len(store._feedback) <= bounds.feedback
        assert store._member_count == sum(map(len, store._members.values())) <= bounds.members
        assert all(len(each) <= bounds.revisions for each in store._revisions.values())
        assert store._revisions.keys() == store._alerts.keys()
        assert store._members_changed.keys() == store._members.keys()
    for listed in store.listed():
        case = store.case(listed.alert.alert_id)
        assert case is not None
        assert case.revisions[-1].revision == case.alert.revision
