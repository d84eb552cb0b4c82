"""The table of how accounts behave now, and the samples of how they behaved on the days before."""

from __future__ import annotations

import random
from collections.abc import Container
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as trials
from hypothesis import strategies as st

from streamer.detection.behaviour import WIDTH
from streamer.detection.behaviour_table import SPARE, BehaviourTable
from streamer.detection.settings import LikenessSettings
from tests.detection.crowds import Values, honest, named, told_of
from tests.detection.handmade import START_MS, default_settings, key_of

WINDOW = default_settings().window
DAY = 144  # windows
FIRST_DAY = 20_000
SETTINGS = LikenessSettings()


def table(**settings: Any) -> BehaviourTable:
    return BehaviourTable(replace(SETTINGS, **settings), WINDOW)


def at_day(day: int, window: int = 0) -> int:
    return (FIRST_DAY + day) * DAY + window


def put(one: BehaviourTable, names: list[str], window: int, value: float = 0.0, **columns: Any) -> None:
    one.put(told_of(names, np.full((len(names), honest(1).shape[1]), value, np.float16), **columns), names, window)


def sampled(one: BehaviourTable, before: int, without: Container[int]) -> tuple[Values, int]:
    """How accounts behaved on the days before a window, but for some of them; and how many days."""
    days = one.sampled_days(before, before + 100 * DAY)
    rows = one.sample(days)
    return rows["values"][[key not in without for key in rows["key"].tolist()]], len(days)


def first_values(values: Values) -> list[float]:
    return sorted(values[:, 0].tolist())


def restored(one: BehaviourTable, **settings: Any) -> BehaviourTable:
    state = msgspec.msgpack.decode(msgspec.msgpack.encode(one.snapshot()))
    other = table(**settings)
    put(other, ["left", "over"], at_day(0))  # what it knew before is no more
    other.restore(state)
    return other


def test_the_newest_row_of_an_account_counts() -> None:
    one = table()
    put(one, ["a", "b"], at_day(0), 1.0, total_requests=5, total_output_tokens=50)
    put(one, ["a"], at_day(0, 40), 2.0, total_requests=[9], total_output_tokens=90)
    a, b = key_of("a"), key_of("b")
    assert len(one) == 2
    assert one.of([b, a])[:, 0].tolist() == [1.0, 2.0]
    assert (one.requests(a), one.requests(b)) == (9, 5)
    assert one.totals(a) == (START_MS, 9, 90)
    assert one.totals(key_of("nobody")) is None
    assert (one.name(a), one.name(b)) == ("a", "b")


def test_who_was_told_of_lately_is_known() -> None:
    one = table()
    put(one, ["a"], at_day(0))
    put(one, ["b", "c"], at_day(0, 9))
    keys = {name: key_of(name) for name in "abc"}
    assert one.lately(at_day(0, 1)) == sorted((keys["b"], keys["c"]))
    assert one.lately(at_day(0)) == sorted(keys.values())
    assert one.lately(at_day(0, 10)) == []
    assert [one.told_since(keys[name], at_day(0, 9)) for name in "abc"] == [False, True, True]
    assert one.told_since(keys["a"], at_day(0))
    assert not one.told_since(key_of("nobody"), 0)


def test_more_accounts_than_there_was_room_for_at_first() -> None:
    one, names = table(), named("a", 3000)
    values = honest(3000)
    for start in range(0, 3000, 700):
        part = names[start : start + 700]
        one.put(told_of(part, values[start : start + 700]), part, at_day(0))
    assert np.array_equal(one.of([key_of(name) for name in names]), values)
    assert [one.name(key_of(name)) for name in names] == names


days = st.lists(st.tuples(st.integers(0, 3), st.sampled_from(named("a", 40))), max_size=80, unique=True)


@trials(max_examples=60)
@given(days, st.randoms(use_true_random=False), st.integers(1, 9))
def test_a_sample_is_the_same_in_whatever_order_and_batches_rows_came(
    told: list[tuple[int, str]], rng: random.Random, size: int
) -> None:
    whole, parts = table(sample_accounts=8), table(sample_accounts=8)
    for one in (whole, parts):
        put(one, ["first"], at_day(-1))  # the day on which a table begins counts no more when another is known
    for day in range(4):
        names = [name for at, name in told if at == day]
        numbers = [float(name[1:]) + 100 * day for name in names]
        values = dict(zip(names, numbers, strict=True))

        def give(one: BehaviourTable, some: list[str], day: int = day, values: dict[str, float] = values) -> None:
            for name in some:
                put(one, [name], at_day(day), values[name])

        give(whole, names)
        mixed = rng.sample(names, len(names))
        for start in range(0, len(mixed), size):
            batch = mixed[start : start + size]
            rows = np.concatenate([told_of([n], np.full((1, WIDTH), values[n], np.float16)) for n in batch])
            parts.put(rows, batch, at_day(day))
    for before in range(5):
        some, many = sampled(whole, at_day(before), ()), sampled(parts, at_day(before), ())
        assert some[1] == many[1]
        assert np.array_equal(some[0], many[0])
        counts = [min(8, sum(at == day for at, _ in told)) for day in range(before)]
        if any(counts):
            assert len(some[0]) == sum(counts)
            assert some[1] == sum(count > 0 for count in counts)
    assert sampled(whole, at_day(9), ())[0].shape[1] == WIDTH


def test_a_day_keeps_no_more_than_its_sample() -> None:
    one = table(sample_accounts=50)
    for number in range(300):
        put(one, named(f"n{number}-", 3), at_day(0, number % DAY))
        assert sum(map(len, one._samples[FIRST_DAY])) <= SPARE * 50 + 3
    assert len(sampled(one, at_day(1), ())[0]) == 50


def test_a_sample_is_fair_to_keys_small_and_large() -> None:
    one, names = table(sample_accounts=200), named("a", 1000)
    large = np.array([[key_of(name) >= 2**63] for name in names], dtype=np.float16)
    one.put(told_of(names, large), names, at_day(0))
    assert 70 < sampled(one, at_day(1), ())[0][:, 0].sum() < 130


def test_of_a_day_an_account_counts_once_as_it_was_first_told() -> None:
    one = table(sample_accounts=4)
    names = named("a", 4)
    for turn in range(4):
        put(one, names, at_day(0, 36 * turn), float(turn))
    assert first_values(sampled(one, at_day(1), ())[0]) == [0.0] * 4


def test_a_sample_is_of_days_that_had_ended_and_without_who_is_left_out() -> None:
    one = table()
    for day in range(-1, 3):
        put(one, ["a", "b", "c"], at_day(day), float(day))
    for before, expected in ((1, [0.0]), (2, [0.0, 1.0]), (3, [0.0, 1.0, 2.0])):
        values, count = sampled(one, at_day(before), ())
        assert (first_values(values), count) == (sorted(expected * 3), before)
    assert sampled(one, at_day(2) - 1, ())[1] == 1  # the second day lacks a window
    assert first_values(sampled(one, at_day(2), {key_of("a"), key_of("b")})[0]) == [0.0, 1.0]
    # Where none had ended, the first that is known.
    values, count = sampled(one, at_day(0), ())
    assert (first_values(values), count) == ([0.0] * 3, 1)


def test_the_day_on_which_it_began_counts_only_while_no_other_is_known() -> None:
    one = table()
    put(one, ["a"], at_day(0, 100))
    for before in (at_day(0), at_day(1)):
        assert one.sampled_days(before, at_day(1) - 1) == ()
        assert one.sampled_days(before, at_day(1)) == (FIRST_DAY,)
    put(one, ["a"], at_day(1))
    for other in (one, restored(one)):
        assert other.began == FIRST_DAY
        assert other.sampled_days(at_day(2), at_day(2) - 1) == (FIRST_DAY,)  # the second has not ended
        assert other.sampled_days(at_day(2), at_day(2)) == (FIRST_DAY + 1,)
        assert other.sampled_days(at_day(0), at_day(2)) == (FIRST_DAY + 1,)  # rather a later one
    assert table().began < 0


def test_nothing_is_known_of_nobody() -> None:
    values, count = sampled(table(), at_day(0), ())
    assert (len(values), count) == (0, 0)
    assert table().lately(0) == []


def test_once_a_day_those_not_told_of_for_long_are_forgotten() -> None:
    one = table(memory_s=2 * 86_400)
    put(one, ["old"], at_day(0, 143))
    put(one, ["new"], at_day(1))
    one.sweep(at_day(2))
    assert len(one) == 2
    one.sweep(at_day(3))
    assert one.lately(0) == [key_of("new")]
    assert not one.told_since(key_of("old"), 0)
    put(one, ["next", "more"], at_day(3))  # one of them in the place of the old
    keys = {name: key_of(name) for name in ("new", "next", "more")}
    assert {one.name(key) for key in keys.values()} == set(keys)
    one.sweep(at_day(3, 143))
    assert len(one) == 3


def test_old_samples_are_dropped() -> None:
    one = table(sample_days=3)
    for day in range(6):
        put(one, ["a"], at_day(day), float(day))
        one.sweep(at_day(day))
    assert first_values(sampled(one, at_day(6), ())[0]) == [2.0, 3.0, 4.0, 5.0]


def test_beyond_the_bound_a_draw_that_is_the_same_everywhere_says_who_stays() -> None:
    names = named("a", 200)
    kept = []
    for seed in range(3):
        one = table(max_accounts=80)
        for name in random.Random(seed).sample(names, 200):
            put(one, [name], at_day(0))
        one.sweep(at_day(0))
        assert len(one) == 80
        kept.append(one.lately(0))
    assert kept[0] == kept[1] == kept[2]
    # And the draw is fair to keys small and large.
    assert 20 < sum(key < 2**63 for key in kept[0]) < 60


@pytest.mark.parametrize("count, left", [(100, 100), (101, 80)])
def test_between_days_it_may_grow_a_quarter_beyond_the_bound(count: int, left: int) -> None:
    one = table(max_accounts=80)
    one.sweep(at_day(0))
    put(one, named("a", count), at_day(0))
    one.sweep(at_day(0, 1))
    assert len(one) == left


def test_a_restored_table_does_not_sweep_again_that_day() -> None:
    one = table(max_accounts=80)
    one.sweep(at_day(0))
    put(one, named("a", 90), at_day(0))
    other = restored(one, max_accounts=80)
    other.sweep(at_day(0, 1))
    assert len(other) == 90


steps = st.lists(
    st.tuples(st.integers(0, 200), st.lists(st.sampled_from(named("a", 30)), min_size=1, max_size=12, unique=True)),
    max_size=12,
)


@trials(max_examples=60)
@given(steps, st.integers(0, 12))
def test_a_restored_table_goes_on_as_if_nothing_had_happened(seen: list[tuple[int, list[str]]], crash: int) -> None:
    bounds = {"max_accounts": 12, "sample_accounts": 6, "sample_days": 3}
    steady, shaky = table(**bounds), table(**bounds)
    window = at_day(0)
    for number, (step, names) in enumerate(seen):
        window += step
        if number == crash:
            shaky = restored(shaky, **bounds)
        for one in (steady, shaky):
            put(one, names, window, float(number))
            one.sweep(window)
        assert shaky.lately(0) == steady.lately(0)
        keys = steady.lately(0)
        assert np.array_equal(shaky.of(keys), steady.of(keys))
        assert [shaky.name(key) for key in keys] == [steady.name(key) for key in keys]
        some, others = sampled(steady, window, ()), sampled(shaky, window, ())
        assert some[1] == others[1]
        assert np.array_equal(some[0], others[0])
    assert restored(shaky, **bounds).snapshot() == shaky.snapshot()
