"""Whose hand-offs count: those of strangers, one of whom took over what it would not have sent otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from streamer.detection.clusters import Clusters
from streamer.detection.evidence import HandOff
from streamer.detection.hand_off_news import HandOffNews
from streamer.detection.lead_book import LeadBook
from streamer.detection.member_table import MemberTable
from streamer.detection.passing_rate import PassingRate
from tests.detection.handmade import HOURS, SLOTS, asked_at, default_settings, key_of, leads, slots_of, watched

WINDOW = 2000
LATER = WINDOW + 3 * 144
AT_ANY_MINUTE = slots_of(asked_at(1, 24))[0]
ON_A_TIMER = slots_of((np.arange(SLOTS) % (SLOTS // HOURS) == 2)[np.newaxis])[0]
PASSED = HandOff(key_of("giver"), key_of("taker"), 0, 900, by_shape=False)


def taken(*known: str, **columns: Any) -> tuple[list[HandOff], float]:
    """The hand-off from a giver to a taker if it counts, and how often a refused request then goes on by chance."""
    settings = default_settings()
    book, members, rate = LeadBook(settings), MemberTable(), PassingRate(settings)
    seen = watched(known or ("giver", "taker"), WINDOW, **columns)
    members.put(seen.table(), seen.account_ids, [("large",)] * len(seen.account_ids))
    news = HandOffNews(settings, book, members, rate, Clusters(settings.alert, 1000))
    found = news.take(WINDOW, [leads(WINDOW, hand_offs=[PASSED], refused=(0, 70))])
    assert [passed for _, passed in book.hand_offs] == found
    return found, rate.at(LATER)


@pytest.mark.parametrize(
    "giver, taker, counts",
    [
        (AT_ANY_MINUTE, AT_ANY_MINUTE, True),
        (ON_A_TIMER, AT_ANY_MINUTE, True),
        (AT_ANY_MINUTE, ON_A_TIMER, False),
        (ON_A_TIMER, ON_A_TIMER, False),
    ],
)
def test_who_runs_on_a_timer_took_nothing_over(giver: Any, taker: Any, counts: bool) -> None:  # noqa: FBT001
    found, rate = taken(slots=[giver, taker])
    assert found == [PASSED] * counts
    assert rate == pytest.approx((1 + counts) / 100)  # and it is not learned as what chance brings


@pytest.mark.parametrize(
    "columns, counts",
    [
        ({"organization": [7, 7]}, False),
        ({"organization": [7, 8]}, True),
        ({"place": [(0, 5, 0), (3, 5, 0)]}, False),
        ({"place": [(0, 0, 0), (0, 0, 0)]}, True),
    ],
)
def test_what_is_one_owners_affair_does_not_count(columns: dict[str, Any], counts: bool) -> None:  # noqa: FBT001
    assert taken(**columns)[0] == [PASSED] * counts


class Told:
    """Two accounts that hand over to one another, now from one address and now from two."""

    def __init__(self) -> None:
        settings = default_settings()
        self.book, self.members = LeadBook(settings), MemberTable()
        self.news = HandOffNews(
            settings, self.book, self.members, PassingRate(settings), Clusters(settings.alert, 1000)
        )

    def passes(self, window: int, *, addresses: tuple[int, int]) -> bool:
        seen = watched(("giver", "taker"), window, place=[(0, address, 0) for address in addresses])
        self.members.put(seen.table(), seen.account_ids, [("large",)] * 2)
        return bool(self.news.take(window, [leads(window, hand_offs=[PASSED], refused=(0, 70))]))


def test_whoever_was_seen_at_one_address_stays_one_owner_and_what_was_told_before_is_taken_back() -> None:
    told = Told()
    assert told.passes(WINDOW, addresses=(5, 6))
    assert len(told.book.hand_offs) == 1
    assert not told.passes(WINDOW + 1, addresses=(5, 5))
    assert told.book.hand_offs == []
    again = HandOffNews(
        default_settings(),
        told.book,
        told.members,
        PassingRate(default_settings()),
        Clusters(default_settings().alert, 9),
    )
    again.restore(told.news.snapshot())
    told.news = again
    assert not told.passes(WINDOW + 2, addresses=(5, 6))
    assert told.passes(WINDOW + 1 + 30 * 144, addresses=(5, 6))


def test_of_whom_nothing_is_known_nothing_counts() -> None:
    assert taken("giver")[0] == taken("taker")[0] == []
