"""Who keeps to the clock: timers are told from people and from what a scheduler hands out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as trials
from hypothesis import strategies as st

from streamer.detection.clocks import ALL_KEEP_P, clockwork, marks, timeless
from tests.detection.handmade import HOURS, SLOTS, Marks, asked_at, rows_of, slots_of

PER_HOUR = SLOTS // HOURS
DAY_MINUTES = 24 * 60
SHARE, SHARE_OF_FIVE = 0.01, 0.017


def timers(count: int, every_min: int, seed: int = 0, late_min: int = 0, for_min: int = 1) -> Marks:
    """Accounts that a timer starts, each at a minute of its own, up to `late_min` late, and that take `for_min`."""
    rng = np.random.default_rng((count, every_min, seed))
    active = np.zeros((count, SLOTS), dtype=np.bool_)
    for account in active:
        starts = np.arange(rng.integers(every_min), DAY_MINUTES, every_min)
        begins = starts + rng.integers(0, late_min + 1, len(starts))
        for minute in range(for_min):
            account[(begins + minute) % DAY_MINUTES // 10] = True
    return active


def people(count: int, seed: int, sessions: float = 5.0, length: int = 3) -> Marks:
    """Accounts that come when they like, and stay for a while."""
    rng = np.random.default_rng((count, seed, 1))
    active = np.zeros((count, SLOTS), dtype=np.bool_)
    for account in active:
        for start in rng.integers(0, SLOTS, rng.poisson(sessions)):
            account[(start + np.arange(rng.integers(1, length + 1))) % SLOTS] = True
    return active


def scattered(count: int, times: int, seed: int) -> Marks:
    """Accounts that ask in as many ten minutes of the day, drawn at random."""
    rng = np.random.default_rng((count, times, seed, 2))
    return rng.random((count, SLOTS)).argsort(axis=1) < times


def of_minutes(places: Sequence[int]) -> Marks:
    """An account that is active for ten minutes every two hours, at these places in the hour."""
    active = np.zeros((1, SLOTS), dtype=np.bool_)
    for number, place in enumerate(places):
        active[0, 2 * PER_HOUR * number + place] = True
    return active


def told(active: Marks) -> int:
    """How many of some accounts, each looked at alone, keep to the clock."""
    return sum(not timeless(one[np.newaxis]).any() for one in active)


@pytest.mark.parametrize("every_min", [15, 20, 30, 60, 120, 180])
def test_accounts_on_timers_keep_to_the_clock(every_min: int) -> None:
    assert told(timers(50, every_min)) == 50
    assert not timeless(timers(50, every_min, 1)).any()


@pytest.mark.parametrize("every_min, for_min", [(60, 25), (60, 8), (30, 8), (120, 45)])
def test_what_takes_longer_than_ten_minutes_begins_by_the_clock_all_the_same(every_min: int, for_min: int) -> None:
    assert told(timers(50, every_min, for_min=for_min)) >= 45


def test_an_hourly_timer_may_be_some_minutes_late() -> None:
    assert told(timers(50, 60, late_min=5)) >= 45


@pytest.mark.parametrize("every_min", [5, 10])
def test_who_is_always_there_begins_never(every_min: int) -> None:
    always = timers(10, every_min)
    assert clockwork(always).tolist() == [0.0] * 10
    assert timeless(always).all()


@pytest.mark.parametrize("length", [1, 3, 9])
@pytest.mark.parametrize("sessions", [2.0, 6.0, 20.0])
def test_people_come_at_any_minute(sessions: float, length: int) -> None:
    come = people(1000, 3, sessions, length)
    assert told(come) <= 10 + 10
    assert clockwork(come).mean() <= 5.3


def test_what_a_scheduler_hands_out_comes_at_any_minute() -> None:
    assert timeless(asked_at(400, 20)).all()


@pytest.mark.parametrize(
    "places, keeps",
    [
        ([], False),
        ([2], False),
        ([2, 2], False),
        ([2, 2, 2], False),  # once in 36
        ([2, 2, 2, 2], True),  # once in 216
        ([2, 2, 2, 3], False),
        ([2, 2, 2, 2, 2, 5], True),
        ([2, 2, 2, 2, 5, 5], False),
        ([0, 1, 2, 3, 4, 5], False),
    ],
)
def test_of_few_starts_little_follows(places: list[int], keeps: bool) -> None:  # noqa: FBT001
    assert timeless(of_minutes(places)).tolist() == [not keeps]


def test_the_statistic_is_that_of_pearson() -> None:
    counts = np.bincount([1, 1, 1, 4, 5], minlength=6)
    expected = float(((counts - 5 / 6) ** 2 / (5 / 6)).sum())
    assert clockwork(of_minutes([1, 1, 1, 4, 5])) == pytest.approx([expected])
    assert clockwork(of_minutes([])) == [0.0]
    assert clockwork(np.zeros((0, SLOTS), dtype=np.bool_)).shape == (0,)


def test_a_start_is_what_follows_ten_minutes_of_rest_also_over_midnight() -> None:
    around = np.zeros((1, SLOTS), dtype=np.bool_)
    around[0, [SLOTS - 1, 0, 1, 50]] = True  # one begins in the last ten minutes of an hour, the other in the third
    assert clockwork(around).tolist() == [6 * 2 / 2 - 2]


@trials(max_examples=30)
@given(st.integers(1, 70), st.integers(0, 2**32))
def test_of_accounts_that_ask_at_random_hardly_any_are_called_clockwork(times: int, seed: int) -> None:
    # One in a hundred; of five starts rather one in sixty, as there are few ways in which they can fall.
    share = SHARE_OF_FIVE if times == 5 else SHARE
    assert told(scattered(1000, times, seed)) <= 1000 * share + 4 * (1000 * share) ** 0.5


@trials(max_examples=30)
@given(st.integers(1, 60), st.integers(2, 300), st.integers(0, 2**32))
def test_a_group_that_asks_at_random_is_hardly_ever_taken_for_one_on_timers(times: int, size: int, seed: int) -> None:
    groups = [timeless(scattered(size, times, seed + number)) for number in range(20)]
    assert sum(not group.any() for group in groups) <= 2


def test_in_a_group_the_others_are_judged_by_themselves() -> None:
    mixed = np.concatenate((timers(30, 60), people(20, 5)))
    free = timeless(mixed)
    assert not free[:30].any()
    assert free[30:].sum() >= 18


def test_each_may_be_by_chance_what_all_together_cannot() -> None:
    # Three starts of four in the same ten minutes: of one account it says little.
    nearly = np.concatenate([of_minutes([place, place, place, (place + 2) % 6]) for place in range(6)] * 4)
    assert timeless(nearly[:1]).all()
    assert timeless(nearly[:2]).all()
    assert not timeless(nearly).any()
    assert ALL_KEEP_P < 0.01
    # As do many whose timers go off three times a day.
    assert timeless(timers(1, 480)).all()
    assert not timeless(timers(20, 480)).any()


def test_the_rest_of_a_group_keeps_to_the_clock_only_by_what_it_does_itself() -> None:
    # The clear ones do not count: those left are like anybody.
    free = timeless(np.concatenate((timers(200, 60), people(12, 1))))
    assert free[200:].sum() >= 11


def test_marks_are_the_ten_minutes_that_rows_tell_of() -> None:
    active = scattered(20, 30, 1)
    rows = rows_of([f"a{number}" for number in range(20)], slots=slots_of(active))
    assert np.array_equal(marks(rows["slots"]), active)
    assert marks(rows["slots"][:0]).shape == (0, SLOTS)
