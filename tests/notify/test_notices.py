"""Which label sets fire and which have ended, whatever the order in which the records come."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.detection.records import Alert
from streamer.notify.notices import ACCOUNT, CAMPAIGN, MAX_IN_CALL, Notices, Wording, calls
from streamer.notify.records import AlertRecord, FeedbackRecord, MemberRecord, read
from streamer.notify.situation import SKEW_MS, Situation
from tests.notify.records import HOUR_MS, NOON_MS, account_alert, alert, member, value

if TYPE_CHECKING:
    from streamer.detection.records import Membership

NOW_MS = NOON_MS + 100 * HOUR_MS


class Desk:
    """Notices and a situation, fed by hand; each record is written a second after the one before."""

    def __init__(self, wording: Wording | None = None) -> None:
        self.situation = Situation()
        self.notices = Notices(self.situation, wording or Wording({}))
        self.written = itertools.count(NOW_MS, 1000)

    def wait(self, for_ms: int) -> None:
        self.written = itertools.count(next(self.written) + for_ms, 1000)

    def take(self, *records: Alert | Membership) -> None:
        for record in records:
            written_ms = next(self.written)
            if isinstance(record, Alert):
                found = read(value(record), AlertRecord)
                assert found is not None
                touched = self.situation.alert(found, written_ms)
            else:
                named = read(value(record), MemberRecord)
                assert named is not None
                touched = self.situation.member(named, written_ms)
            self.notices.update(touched, written_ms)

    def say(self, action: str, alert_id: str) -> None:
        written_ms = next(self.written)
        self.notices.update(
            self.situation.feedback(FeedbackRecord(action=action, alert_id=alert_id), written_ms), written_ms
        )

    def firing(self) -> set[tuple[str, str, str]]:
        return {_short(dict(notice.labels)) for notice in self.notices.firing()}

    def ended(self) -> set[tuple[str, str, str]]:
        return {_short(dict(notice.labels)) for notice in self.notices.ended(NOW_MS)}


def _short(labels: dict[str, str]) -> tuple[str, str, str]:
    return labels["alert_id"], labels["severity"], labels.get("cluster_id", "")


def test_an_update_keeps_the_label_set_and_what_rises_ends_under_the_old_one() -> None:
    desk = Desk()
    desk.take(alert("a-1", severity="warning"), alert("a-1", 2, severity="warning"))
    assert (desk.firing(), desk.ended()) == ({("a-1", "warning", "c-1")}, set())
    desk.take(alert("a-1", 3, severity="critical"))
    assert (desk.firing(), desk.ended()) == ({("a-1", "critical", "c-1")}, {("a-1", "warning", "c-1")})
    desk.take(alert("a-1", 2, severity="warning"))
    assert desk.firing() == {("a-1", "critical", "c-1")}, "an old revision came again"


def test_what_ended_and_fires_again_is_not_among_the_ended() -> None:
    desk = Desk()
    desk.take(alert("a-1"), alert("a-1", 2, status="resolved"))
    assert (desk.firing(), desk.ended()) == (set(), {("a-1", "critical", "c-1")})
    desk.take(alert("a-1", 3))
    assert (desk.firing(), desk.ended()) == ({("a-1", "critical", "c-1")}, set())


def test_what_a_person_dismissed_is_over_with_its_members_until_confirmed() -> None:
    desk = Desk()
    desk.take(alert("a-1"), account_alert("ada"), alert("a-2", accounts=()))
    desk.say("dismiss", "a-1")
    assert desk.firing() == {("a-2", "critical", "c-2")}
    assert desk.ended() == {("a-1", "critical", "c-1"), ("a-ada", "warning", "c-1")}
    assert [found.alert_id for found in desk.situation.clusters()] == ["a-2"]
    desk.take(alert("a-1", 2))
    assert desk.firing() == {("a-2", "critical", "c-2")}, "an update does not undo it"
    desk.say("confirm", "a-1")
    assert len(desk.firing()) == 3
    assert desk.ended() == set()


def raised_again(alert_id: str, revision: int, hours: int = 30) -> Alert:
    """The first revision of an alert that comes back."""
    at_ms = NOON_MS + hours * HOUR_MS
    return alert(alert_id, revision, detected_at=at_ms, updated_at=at_ms)


def test_one_that_comes_back_is_heard_with_its_members_and_begins_when_it_comes_back() -> None:
    desk = Desk()
    desk.take(alert("a-1"), account_alert("ada"), alert("a-1", 2, status="resolved"))
    assert desk.firing() == set()
    before = next(desk.written)
    desk.take(raised_again("a-1", 3))
    assert desk.firing() == {("a-1", "critical", "c-1"), ("a-ada", "warning", "c-1")}
    assert desk.ended() == set()
    (campaign,) = [found for found in desk.notices.firing() if dict(found.labels)["alert_id"] == "a-1"]
    assert campaign.started_ms == min(before + 1000, NOON_MS + 30 * HOUR_MS)
    assert campaign.annotations["revision"] == "3"


def test_what_was_dismissed_and_is_raised_again_is_heard_until_it_is_dismissed_again() -> None:
    for said_again, firing in (("", {("a-1", "critical", "c-1")}), ("dismiss", set())):
        desk = Desk()
        desk.take(alert("a-1"))
        desk.say("dismiss", "a-1")
        desk.take(alert("a-1", 2, status="resolved"))
        desk.wait(SKEW_MS)
        desk.take(raised_again("a-1", 3), alert("a-1", 4, updated_at=NOON_MS + 31 * HOUR_MS))
        if said_again:
            desk.say(said_again, "a-1")
        assert desk.firing() == firing
        assert {found.alert_id for found in desk.situation.speaking()} == {name for name, _, _ in firing}


@given(st.permutations(range(5)))
def test_in_whatever_order_the_topics_are_read_a_dismissal_is_of_what_was_raised_before(order: list[int]) -> None:
    feedback_at = order.index(4)
    desk = Desk()
    records = [alert("a-1"), alert("a-1", 2, status="resolved"), raised_again("a-1", 3)]
    written = [NOW_MS, NOW_MS + 2000, NOW_MS + 24 * HOUR_MS]
    for place in range(len(records) + 1):
        if place == min(feedback_at, len(records)):
            desk.situation.feedback(FeedbackRecord(action="dismiss", alert_id="a-1"), NOW_MS + 1000)
        if place < len(records):
            found = read(value(records[place]), AlertRecord)
            assert found is not None
            desk.situation.alert(found, written[place])
    assert [found.revision for found in desk.situation.speaking()] == [3]


def test_who_left_the_cluster_speaks_alone() -> None:
    desk = Desk()
    desk.take(alert("a-1", accounts=()), member("ada", "c-1"), account_alert("ada"))
    assert ("a-ada", "warning", "c-1") in desk.firing()
    desk.take(member("ada", "c-1", 2, "left"))
    assert ("a-ada", "warning", "") in desk.firing()


def test_whom_another_cluster_took_over_stays_inhibited() -> None:
    desk = Desk()
    desk.take(account_alert("ada"), alert("a-1"), alert("a-2", accounts=("cy",)), member("ada", "c-2", 2))
    desk.take(alert("a-1", 2, status="resolved"))
    assert ("a-ada", "warning", "c-2") in desk.firing()


STORY: list[Alert | Membership] = [
    account_alert("ada"),
    member("ada", "c-1", 2),
    alert("a-1", 2),
    account_alert("bob", 3),
    alert("a-2", 3, accounts=("cy",), severity="warning"),
    member("cy", "c-2", 3),
    account_alert("cy", 4),
    member("bob", "c-2", 4),
    alert("a-2", 5, accounts=("cy",)),
    alert("a-1", 6, status="resolved"),
]


@given(st.randoms(use_true_random=False), st.integers(0, 20))
def test_topics_read_at_any_pace_and_twice_give_the_same(rng: object, repeats: int) -> None:
    """Order holds within a topic alone."""
    expected = Desk()
    expected.take(*STORY)
    alerts = [record for record in STORY if isinstance(record, Alert)]
    members = [record for record in STORY if not isinstance(record, Alert)]
    desk = Desk()
    left: list[list[Alert | Membership]] = [[*alerts], [*members]]
    while any(left):
        topic = rng.choice([part for part in left if part])  # type: ignore[attr-defined]
        desk.take(topic.pop(0))
    for record in STORY[:repeats]:
        desk.take(record)
    assert desk.firing() == expected.firing()
    assert desk.firing() == {("a-cy", "warning", "c-2"), ("a-bob", "warning", "c-2"), ("a-2", "critical", "c-2")}


def test_a_cluster_and_its_members_are_in_one_call_and_it_comes_first_and_goes_last() -> None:
    desk = Desk()
    desk.take(alert("a-1"), alert("a-2", accounts=()), account_alert("ada"), account_alert("bob"))
    first, whole = calls(desk.notices.firing(), desk.notices.ended(NOW_MS), NOW_MS, 60_000)
    assert [body["labels"]["alert_id"] for body in first] == ["a-1"]
    assert [body["labels"]["alertname"] for body in whole] == [CAMPAIGN, ACCOUNT, ACCOUNT, CAMPAIGN]
    desk.take(alert("a-1", 2, status="resolved"))
    (whole,) = calls(desk.notices.firing(), desk.notices.ended(NOW_MS), NOW_MS + 60_000, 60_000)
    over = [body["labels"]["alert_id"] for body in whole if body["labels"].get("cluster_id") == "c-1"]
    assert over == ["a-ada", "a-bob", "a-1"]
    assert all(body["startsAt"] < body["endsAt"] for body in whole)


def test_no_call_is_too_large_and_none_parts_a_cluster() -> None:
    desk = Desk()
    for number in range(MAX_IN_CALL):
        name = f"n{number}"
        desk.take(alert(f"a-{number}", accounts=(name,)), account_alert(name))
    bodies = list(calls(desk.notices.firing(), [], NOW_MS, 60_000))
    assert max(map(len, bodies)) <= MAX_IN_CALL
    for body in bodies[1:]:
        found = [each["labels"]["cluster_id"] for each in body]
        assert all(found.count(cluster) == 2 for cluster in found)


def test_what_changes_is_an_annotation_and_the_operator_adds_labels_and_links() -> None:
    wording = Wording({"environment": "test"}, 1, "http://page/alerts/{alert_id}?c={cluster_id}", "http://books/")
    desk = Desk(wording)
    desk.take(alert("a-1"))
    (notice,) = desk.notices.firing()
    assert {name for name, _ in notice.labels} == {
        *("environment", "alertname", "kind", "severity", "alert_id", "cluster_id")
    }
    assert notice.link == "http://page/alerts/a-1?c=c-1"
    assert notice.annotations["runbook_url"] == "http://books/campaign.md"
    assert notice.annotations["score"] == "17.5"
    assert notice.annotations["description"] == "evenness: used alike\nnewness: newer than others"


@pytest.mark.parametrize("kind", [AlertRecord, MemberRecord])
def test_what_is_no_record_is_none(kind: type[object]) -> None:
    assert read(b"{", kind) is None
    assert read(b"\xff", kind) is None
    assert read(b'{"alert_id": 7}', kind) is None
