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
    news = HandOffNews(book, members, rate, Clusters(settings.alert, 1000))
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


def test_of_whom_nothing_is_known_nothing_counts() -> None:
    assert taken("giver")[0] == taken("taker")[0] == []
