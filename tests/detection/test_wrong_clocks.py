"""Accounts whose clock is far ahead cost nobody anything: neither them that are right, nor what is said of these."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import settings as trials
from hypothesis import strategies as st

from streamer.detection.account_stage import AccountStage
from streamer.detection.event_clock import CONFIRMATIONS, LONG_RUN, NEVER_MS
from streamer.detection.evidence import WindowReport
from streamer.detection.request import RequestRecord
from tests.detection.handmade import DAY_MS, HOUR_MS, MINUTE_MS, at, default_settings, said

SETTINGS = default_settings()
YEAR_MS = 365 * DAY_MS
GAPS_MS = st.sampled_from([0, 1, MINUTE_MS, 10 * MINUTE_MS, 2 * HOUR_MS, DAY_MS, 3 * DAY_MS])


class Wrong(NamedTuple):
    """Some requests in a row of accounts whose clock is wrong, and after how many of the others they come."""

    place: int
    account: int
    requests: int
    ahead_ms: int


def right(gaps_ms: list[int], accounts: int) -> list[RequestRecord]:
    """Requests of accounts that take turns, after these gaps; the first come at once, and say when it is."""
    now_ms, found = 0, []
    for number, gap_ms in enumerate([0] * CONFIRMATIONS + gaps_ms):
        now_ms += gap_ms
        found.append(at(now_ms, f"a{number % accounts}", f"r{number}"))
    return found


def mixed(requests: list[RequestRecord], runs: list[Wrong]) -> list[RequestRecord]:
    found = list(requests)
    for number, run in enumerate(sorted(runs, reverse=True)):
        # Not all at once, as a clock that is wrong goes on.
        wrong = [
            at(YEAR_MS + run.ahead_ms + later * MINUTE_MS, f"wrong{run.account}", f"w{number}-{later}")
            for later in range(run.requests)
        ]
        found[run.place : run.place] = wrong
    return found


def looked_at(
    requests: list[RequestRecord], batch: int = 1, present_ms: int = NEVER_MS
) -> tuple[AccountStage, list[WindowReport]]:
    stage = AccountStage(SETTINGS, present_ms=present_ms)
    reports = []
    for start in range(0, len(requests), batch):
        stage.observe_all(requests[start : start + batch])
        reports += stage.advance(stage.watermark_ms)
    return stage, reports + stage.drain()


def runs_of(accounts: int, first: int) -> st.SearchStrategy[list[Wrong]]:
    """Some runs of so many accounts in all, after at least `first` of the other requests."""
    run = st.builds(
        Wrong,
        st.integers(first, 120),
        st.integers(0, accounts - 1),
        st.integers(1, 40),
        st.sampled_from([0, 1, HOUR_MS, 70 * YEAR_MS]),
    )
    return st.lists(run, max_size=6)


def assert_nothing_is_lost(requests: list[RequestRecord], runs: list[Wrong], batch: int) -> None:
    stage, reports = looked_at(mixed(requests, runs), batch)
    alone, expected = looked_at(requests)
    assert (alone.counts.used, alone.counts.late, alone.counts.ahead) == (len(requests), 0, 0)
    assert (stage.counts.used, stage.counts.late) == (len(requests), 0)
    assert stage.counts.ahead == sum(run.requests for run in runs)
    assert said(reports) == said(expected)


@trials(max_examples=30)
@given(
    st.lists(GAPS_MS, min_size=40, max_size=120),
    st.integers(CONFIRMATIONS, 20),
    runs_of(CONFIRMATIONS // 2, first=30),
    st.sampled_from([1, 9, 500]),
)
def test_half_of_those_who_must_agree_move_nothing(
    gaps_ms: list[int], accounts: int, runs: list[Wrong], batch: int
) -> None:
    assert_nothing_is_lost(right(gaps_ms, accounts), runs, batch)


@trials(max_examples=30)
@given(
    st.lists(GAPS_MS, min_size=40, max_size=120),
    st.integers(3, 20),
    runs_of(1, first=0),
    st.sampled_from([1, 9, 500]),
)
def test_one_account_moves_nothing_even_at_the_start(
    gaps_ms: list[int], accounts: int, runs: list[Wrong], batch: int
) -> None:
    assert_nothing_is_lost(right(gaps_ms, accounts), runs, batch)


@trials(max_examples=30)
@given(st.lists(GAPS_MS, min_size=1, max_size=60), st.integers(1, 20), st.sampled_from([1, 9, 500]))
def test_gaps_cost_nothing_however_few_the_accounts(gaps_ms: list[int], accounts: int, batch: int) -> None:
    stage, _ = looked_at(right(gaps_ms, accounts), batch)
    assert (stage.counts.used, stage.counts.late, stage.counts.ahead) == (CONFIRMATIONS + len(gaps_ms), 0, 0)


def test_eight_requests_of_one_account_in_2099_leave_the_others_in_time() -> None:
    requests = right([MINUTE_MS] * 600, 20)
    assert_nothing_is_lost(requests, [Wrong(300, 0, 8, 70 * YEAR_MS)], batch=2000)


def test_a_weekend_after_which_only_some_come_back_costs_nothing() -> None:
    friday = right([10 * MINUTE_MS] * 32, 8)
    monday = [at(3 * DAY_MS + number * HOUR_MS, f"a{number % 2}") for number in range(30)]
    stage, _ = looked_at([*friday, *monday])
    assert (stage.counts.used, stage.counts.ahead) == (70, 0)


@pytest.mark.parametrize("place", [0, 300])
@pytest.mark.parametrize("count, believed", [(8, False), (40, False), (LONG_RUN, True)])
def test_what_lies_beyond_the_present_takes_many_requests_in_a_row(count: int, place: int, believed: bool) -> None:  # noqa: FBT001
    requests = right([MINUTE_MS] * 600, 20)
    ahead = [at(70 * YEAR_MS + number, f"b{number}", f"b{number}") for number in range(count)]
    stage, _ = looked_at([*requests[:place], *ahead, *requests[place:]], present_ms=at(YEAR_MS, "a").timestamp_ms)
    assert (stage.counts.ahead == count, stage.counts.late > 0) == (not believed, believed)
    assert stage.counts.used == len(requests) or believed


def test_a_stream_that_lies_beyond_the_present_is_believed_as_any_other() -> None:
    requests = right([MINUTE_MS] * 2 * LONG_RUN + [DAY_MS] + [MINUTE_MS] * 100, 20)
    stage, reports = looked_at(requests, present_ms=1)
    assert (stage.counts.used, stage.counts.late, stage.counts.ahead) == (len(requests), 0, 0)
    assert said(reports) == said(looked_at(requests)[1])
