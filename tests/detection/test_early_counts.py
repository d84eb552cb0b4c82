"""Counts of an open window: every bound once, however the window grew."""

from __future__ import annotations

from hypothesis import given
from hypothesis import settings as trials
from hypothesis import strategies as st

from streamer.detection.early_counts import BOUNDS_PER_OCTAVE, MIN_GROWTH, EarlyCounts
from streamer.detection.open_window import OpenWindow
from tests.detection.handmade import START_MS, at

FIRST = 8


def bounds_to(count: int) -> list[int]:
    """The bounds that a count has passed, by their definition."""
    steps = (-(-FIRST * 2 ** (step / BOUNDS_PER_OCTAVE) // 1) for step in range(80))
    return sorted({int(bound) for bound in steps if bound <= count})


def add(window: OpenWindow, account: int) -> None:
    window.add([at(0, f"a{account}")], [START_MS])


@trials(max_examples=60)
@given(
    accounts=st.lists(st.integers(0, 2) | st.integers(0, 60), max_size=400),
    cuts=st.lists(st.integers(0, 400), max_size=30),
)
def test_every_bound_is_told_once_and_never_before_it_is_passed(accounts: list[int], cuts: list[int]) -> None:
    counts, window = EarlyCounts(FIRST), OpenWindow()
    told: dict[str, list[int]] = {}
    so_far: dict[str, int] = {}
    for number, account in enumerate([*accounts, None]):
        closing = account is None
        if closing or number in cuts:
            passed = counts.passed(7, window, closing=closing)
            names = window.account_ids()
            for place, bound in zip(passed.place.tolist(), passed.bound.tolist(), strict=True):
                told.setdefault(names[place], []).append(bound)
                assert bound <= so_far[names[place]]
        if account is not None:
            add(window, account)
            so_far[f"a{account}"] = so_far.get(f"a{account}", 0) + 1
    assert told == {name: found for name, count in so_far.items() if (found := bounds_to(count))}


def test_a_bound_is_told_a_few_requests_after_it_was_passed() -> None:
    counts, window = EarlyCounts(FIRST), OpenWindow()
    told = []
    for number in range(1, 200):
        add(window, 1)
        told += [(number, bound) for bound in counts.passed(7, window).bound.tolist()]
    assert [bound for _, bound in told] == bounds_to(told[-1][1])
    assert all(bound <= number < bound + MIN_GROWTH + 1 for number, bound in told)
    assert told[0] == (FIRST, FIRST)


def test_the_next_window_begins_anew() -> None:
    counts = EarlyCounts(FIRST)
    for number in (7, 8):
        window = OpenWindow()
        for _ in range(FIRST):
            add(window, 1)
        assert counts.passed(number, window).bound.tolist() == [FIRST]
        assert counts.passed(number, window, closing=True).bound.tolist() == []


def test_bounds_are_a_fifth_apart() -> None:
    assert bounds_to(20) == [8, 10, 12, 14, 16, 20]
