"""Who is named as part of a cluster, once, and of whom it is said that they left."""

from __future__ import annotations

import pytest

from streamer.detection.cluster import DOUBTS_TO_LEAVE, Cluster, ClusterAccount, Finding
from streamer.detection.cluster_stage import ClusterStage
from streamer.detection.lead_book import LeadBook
from streamer.detection.memberships import MAX_TIES_SHOWN, memberships
from streamer.detection.records import Decision, Membership
from tests.detection.handmade import default_settings, evidence, key_of, lead, leads, link, watched

NOW_MS = 7_000


def account(name: str) -> ClusterAccount:
    return ClusterAccount(name, 0, 0.5, first_seen_ms=3, requests=11, output_tokens=900)


def cluster(names: str, *, is_alarming: bool = True, kind: str = "cluster") -> Cluster:
    found = Finding(0, -10.0, evidence()[::-1], 1e-6, is_alarming)
    return Cluster("c-1", kind, 0, 0, {key_of(name): account(name) for name in names}, {"pf": found})


def book(*ties: tuple[str, str]) -> LeadBook:
    one = LeadBook(default_settings())
    for value, names in ties:
        one.add(lead(names, value), 0)
    return one


def said(decisions: list[Decision]) -> list[tuple[str, str]]:
    return [(found.account_id, found.status) for found in decisions if isinstance(found, Membership)]


def test_a_member_is_named_with_all_that_is_known_of_it() -> None:
    one = cluster("a")
    one.links = {link("pf").key: link("pf")}
    assert memberships(one, [], book(("pf", "ab"), ("elsewhere", "ac")), NOW_MS) == [
        Membership(
            account_id="a",
            cluster_id="c-1",
            since=NOW_MS,
            score=0.5,
            evidence=("evenness", "rhythm"),
            status="member",
            links=("payment:pf",),
            first_seen_at=3,
            request_count=11,
            output_tokens=900,
        )
    ]


def test_everybody_is_named_once_and_in_order() -> None:
    one = cluster("cab")
    assert said(memberships(one, [], book(), NOW_MS)) == [("a", "member"), ("b", "member"), ("c", "member")]
    assert memberships(one, [], book(), NOW_MS) == []
    one.accounts[key_of("d")] = account("d")
    assert said(memberships(one, [], book(), NOW_MS)) == [("d", "member")]


@pytest.mark.parametrize("is_alarming, kind", [(False, "cluster"), (True, "account")])
def test_what_is_for_the_record_and_a_single_account_name_nobody(is_alarming: bool, kind: str) -> None:  # noqa: FBT001
    one = cluster("abc", is_alarming=is_alarming, kind=kind)
    assert memberships(one, [account("z")], book(), NOW_MS) == []
    assert one.named == set()


def test_who_was_not_named_while_it_was_for_the_record_is_named_when_it_is_more() -> None:
    one = cluster("ab", is_alarming=False)
    assert memberships(one, [], book(), NOW_MS) == []
    one.findings["pf"].is_alarming = True
    assert said(memberships(one, [], book(), NOW_MS)) == [("a", "member"), ("b", "member")]


def test_who_left_is_said_after_who_joined() -> None:
    one = cluster("bc")
    decisions = memberships(one, [account("z"), account("a")], book(), NOW_MS)
    assert said(decisions) == [("b", "member"), ("c", "member"), ("a", "left"), ("z", "left")]
    assert {(found.cluster_id, found.since) for found in decisions if isinstance(found, Membership)} == {
        ("c-1", NOW_MS)
    }


def test_who_left_and_comes_back_is_named_again() -> None:
    one = cluster("ab")
    memberships(one, [], book(), NOW_MS)
    gone = one.accounts.pop(key_of("a"))
    assert said(memberships(one, [gone], book(), NOW_MS)) == [("a", "left")]
    one.accounts[key_of("a")] = gone
    assert said(memberships(one, [], book(), NOW_MS)) == [("a", "member")]


def test_no_more_ties_are_shown_than_fit() -> None:
    one = cluster("a")
    names = [f"p{number}" for number in range(MAX_TIES_SHOWN + 4)]
    one.links = {link(name).key: link(name) for name in names}
    (found,) = memberships(one, [], book(*((name, "ab") for name in reversed(names))), NOW_MS)
    assert isinstance(found, Membership)
    assert found.links == tuple(sorted(f"payment:{name}" for name in names))[:MAX_TIES_SHOWN]


def told(stage: ClusterStage, window: int, *, busy: bool, odd: bool) -> list[Decision]:
    """Accounts that are used alike; `busy` is what makes it an alarm, `odd` is the last of them, which is not like it."""
    names = [f"a{number:02}" for number in range(20)]
    rows = watched(names, window, requests=40, bins=90).table().copy()
    if busy:
        rows["scores"] = 2.5
        rows["scores"][:, 2] = -2.5
    if odd:
        rows["scores"][-1] = 9.0
    seen = watched(names, window)._replace(rows=rows.tobytes())
    stage.observe(leads(window, lead(names), watched=seen, tests=1))
    return stage.advance()


@pytest.mark.parametrize("named_before", [True, False])
def test_that_somebody_left_is_said_of_those_only_who_were_named(named_before: bool) -> None:  # noqa: FBT001
    stage, every = ClusterStage(default_settings(), 1), 36  # windows between two doubts
    members = said(told(stage, every, busy=named_before, odd=False))
    assert members == [(f"a{number:02}", "member") for number in range(20) if named_before]
    for doubts in range(1, DOUBTS_TO_LEAVE):
        assert said(told(stage, (1 + doubts) * every, busy=named_before, odd=True)) == []
    decisions = said(told(stage, (1 + DOUBTS_TO_LEAVE) * every, busy=True, odd=True))
    expected = [(f"a{number:02}", "member") for number in range(19)]
    assert decisions == ([("a19", "left")] if named_before else expected)
