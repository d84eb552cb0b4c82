"""The members of a case, a page at a time."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest

from streamer.cases.case import Case
from streamer.cases.records import MemberRecord
from streamer.cases.store import CaseStore
from streamer.web.member_list import PAGE, asked_of, member_page
from tests.cases.made_up import ALERT_ID, CLUSTER_ID, alert, limit


@pytest.fixture(scope="module")
def case() -> Case:
    store = CaseStore()
    store.alert(alert())
    for number in range(130):
        store.member(
            MemberRecord(
                f"acct_{number:03d}",
                CLUSTER_ID,
                score=(number * 37 % 130) / 130,
                links=(f"payment:pf_{number % 3}",),
                status="left" if number % 10 == 0 else "member",
                request_count=number,
            )
        )
    store.limit(limit("acct_007"))
    store.limit(limit("acct_008"))
    store.lift("acct_008")
    found = store.case(ALERT_ID)
    assert found is not None
    return found


def names(case: Case, **query: str) -> list[str]:
    return [row.member.account_id for row in member_page(case, asked_of(query), {}).rows]


def test_every_account_is_on_one_page_whatever_the_order(case: Case) -> None:
    for sort in ("account", "score", "since", "first_seen", "requests", "tokens"):
        for down in "01":
            pages = [names(case, sort=sort, down=down, page=str(page)) for page in (1, 2, 3)]
            assert [len(page) for page in pages] == [PAGE, PAGE, 30]
            assert len({name for page in pages for name in page}) == 130


def test_they_are_sorted(case: Case) -> None:
    assert names(case, sort="account", down="0")[:2] == ["acct_000", "acct_001"]
    assert names(case, sort="requests")[:2] == ["acct_129", "acct_128"]
    scores = [row.member.score for row in member_page(case, asked_of({}), {}).rows]
    assert scores == sorted(scores, reverse=True)


def test_they_are_filtered(case: Case) -> None:
    assert names(case, q="acct_01", sort="account", down="0") == [f"acct_{number:03d}" for number in range(10, 20)]
    assert member_page(case, asked_of({"q": "pf_2"}), {}).found == 43
    assert member_page(case, asked_of({"show": "left"}), {}).found == 13
    assert names(case, show="limited") == ["acct_007"]
    assert names(case, q="nobody") == []


@pytest.mark.parametrize("page", ["0", "-1", "99", "x", "9" * 50, "²", ""])
def test_a_page_that_is_not_there_is_one_that_is(case: Case, page: str) -> None:
    assert 1 <= member_page(case, asked_of({"page": page}), {}).asked.page <= 3


def test_addresses_lead_where_they_say(case: Case) -> None:
    asked = asked_of({"q": "a&b=ü", "show": "left", "sort": "requests", "down": "0", "page": "2"})
    assert asked_of(dict(parse_qsl(asked.query()))) == asked
    assert dict(parse_qsl(asked.sorted_by("requests"))) | {"down": "1", "page": "1"} == dict(
        parse_qsl(asked.sorted_by("requests"))
    )
    assert asked_of(dict(parse_qsl(asked.sorted_by("account")))).down is False
    assert member_page(case, asked_of({"sort": "score; drop", "show": "?"}), {}).found == 130
