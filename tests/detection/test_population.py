"""The reference: the same however it was counted, lagged, and fair to small groups."""

from __future__ import annotations

import math
import random
from collections import Counter

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.detection.evidence import MISSING, Count
from streamer.detection.population import (
    POOLED,
    SETTLED,
    Cell,
    Feature,
    Histogram,
    Population,
    Reference,
    census,
    span_class,
)
from streamer.detection.settings import ReferenceSettings, WindowSettings
from tests.detection.handmade import HOUR_MS, profile

SETTINGS = ReferenceSettings(
    epoch_s=6 * 3600,
    lag_epochs=1,
    memory_epochs=6,
    warm_up_s=86_400,
    min_accounts=100,
    min_stratum_accounts=50,
)
WINDOW = WindowSettings(window_s=600)
PER_EPOCH = 36

counts = st.builds(
    Count,
    st.sampled_from([POOLED, "free", "payg"]),
    st.integers(0, 6),
    st.integers(0, 2),
    st.integers(0, 20),
    st.integers(1, 100),
)
learned = st.lists(st.tuples(st.integers(0, 6 * PER_EPOCH), st.lists(counts, max_size=5)), max_size=8)
histograms = st.dictionaries(st.integers(0, 60), st.integers(1, 500), min_size=1, max_size=30)


def population() -> Population:
    return Population(SETTINGS, WINDOW)


def settled(number: int, place: int = 5, stratum: str = POOLED) -> Count:
    return Count(stratum, Feature.VOLUME, SETTLED, place, number)


def after_a_day(number: int) -> Population:
    """As many settled accounts a day, in each of the first four epochs a quarter."""
    found = population()
    for epoch in range(4):
        found.learn(epoch * PER_EPOCH, [settled(number // 4)])
    return found


@given(learned, st.randoms(use_true_random=False))
def test_counts_add_up_in_any_order_and_however_they_are_split(
    seen: list[tuple[int, list[Count]]], rng: random.Random
) -> None:
    whole, parts = population(), population()
    for window, summary in seen:
        whole.learn(window, summary)
    pieces = [
        (window, [count._replace(total=share)])
        for window, summary in seen
        for count in summary
        for share in (count.total // 3, count.total - count.total // 3)
        if share
    ]
    pieces += [(window, []) for window, _ in seen]
    rng.shuffle(pieces)
    for window, summary in pieces:
        parts.learn(window, summary)
    assert parts.snapshot() == whole.snapshot()
    one, other = (each.reference(8 * PER_EPOCH) for each in (whole, parts))
    assert (one.accounts, one.ready, one.rows_per_day) == (other.accounts, other.ready, other.rows_per_day)


@given(learned)
def test_a_restored_population_is_the_same(seen: list[tuple[int, list[Count]]]) -> None:
    whole, again = population(), population()
    for window, summary in seen:
        whole.learn(window, summary)
    again.restore(msgspec.msgpack.decode(msgspec.msgpack.encode(whole.snapshot())))
    again.learn(7 * PER_EPOCH, [settled(3)])
    whole.learn(7 * PER_EPOCH, [settled(3)])
    assert again.snapshot() == whole.snapshot()
    assert again.reference(9 * PER_EPOCH).accounts == whole.reference(9 * PER_EPOCH).accounts


@pytest.mark.parametrize("epoch, counted", [(2, False), (3, True), (8, True), (9, False)])
def test_an_epoch_counts_after_the_lag_until_it_is_out_of_memory(epoch: int, counted: bool) -> None:  # noqa: FBT001
    one = population()
    one.learn(PER_EPOCH, [settled(500)])
    one.learn(2 * PER_EPOCH - 1, [settled(500)])
    found = one.reference(epoch * PER_EPOCH).histogram(Feature.VOLUME, bucket=SETTLED)
    assert (found is not None) == counted
    assert found is None or found.total == 1000


def test_the_last_epochs_do_not_change_what_a_window_is_judged_by() -> None:
    plain, poisoned = after_a_day(400), after_a_day(400)
    for window in (4 * PER_EPOCH, 5 * PER_EPOCH - 1, 5 * PER_EPOCH, 5 * PER_EPOCH + 7):
        poisoned.learn(window, [settled(10_000, place=40)])
    judged = 5 * PER_EPOCH + 8
    one, other = (each.reference(judged).histogram(Feature.VOLUME, bucket=SETTLED) for each in (plain, poisoned))
    assert one is not None
    assert other is not None
    assert (one.total, one.quantile(1.0)) == (other.total, other.quantile(1.0)) == (400, 5)


def test_a_reference_stays_as_it_is_for_its_epoch() -> None:
    one = after_a_day(400)
    first = one.reference(5 * PER_EPOCH)
    assert one.reference(6 * PER_EPOCH - 1) is first
    assert one.reference(6 * PER_EPOCH) is not first


@pytest.mark.parametrize("epoch, ready", [(0, False), (4, False), (5, True)])
def test_nothing_is_judged_before_a_day_was_learned(epoch: int, ready: bool) -> None:  # noqa: FBT001
    assert after_a_day(400).reference(epoch * PER_EPOCH).ready is ready


@pytest.mark.parametrize("accounts, ready", [(96, False), (100, True)])
def test_nothing_is_judged_by_too_few_accounts(accounts: int, ready: bool) -> None:  # noqa: FBT001
    found = after_a_day(accounts).reference(5 * PER_EPOCH)
    assert (found.accounts, found.ready) == (accounts, ready)


def test_accounts_are_those_of_a_day_not_of_all_days() -> None:
    one = population()
    for epoch in range(6):
        one.learn(epoch * PER_EPOCH, [settled(100)])
    assert one.reference(7 * PER_EPOCH).accounts == 400
    for epoch in range(6, 40):
        one.learn(epoch * PER_EPOCH, [settled(100)])
    assert one.reference(41 * PER_EPOCH).accounts == 400


def test_memory_does_not_grow_with_time() -> None:
    one = population()
    for epoch in range(50):
        one.learn(epoch * PER_EPOCH, [settled(10)])
        one.reference(epoch * PER_EPOCH)
    assert len(one.snapshot()["epochs"]) <= SETTINGS.memory_epochs + SETTINGS.lag_epochs + 1


def reference(cells: dict[Cell, int]) -> Reference:
    return Reference(0, Counter(cells), 1.0, SETTINGS)


def test_a_small_plan_is_judged_by_everyone() -> None:
    found = reference(
        {
            (POOLED, Feature.OUTPUT, 0, 3): 200,
            ("free", Feature.OUTPUT, 0, 4): 50,
            ("payg", Feature.OUTPUT, 0, 5): 49,
        }
    )
    totals = {
        stratum: histogram.total
        for stratum in ("free", "payg", "unheard-of")
        if (histogram := found.histogram(Feature.OUTPUT, stratum)) is not None
    }
    assert totals == {"free": 50, "payg": 200, "unheard-of": 200}


def test_too_few_of_everyone_is_no_reference() -> None:
    assert reference({(POOLED, Feature.OUTPUT, 0, 3): 49}).histogram(Feature.OUTPUT) is None


def test_scores_come_from_the_plan_and_are_unknown_where_nothing_is_known() -> None:
    cells = {
        (POOLED, Feature.OUTPUT, 0, 3): 100,
        (POOLED, Feature.OUTPUT, 0, 9): 100,
        ("free", Feature.OUTPUT, 0, 9): 100,
        ("free", Feature.OUTPUT, 0, 12): 100,
        (POOLED, Feature.AGE, 0, 3): 100,
    }
    found = reference(cells)
    free = found.scores(profile("a", stratum="free", bins=(5, 5, 5, 9, MISSING)))
    payg = found.scores(profile("a", stratum="payg", bins=(5, 5, 5, 9, 3)))
    assert [math.isnan(score) for score in free] == [True, True, True, False, True]
    assert free[3] < 0 < payg[3]
    assert payg[4] == 0.0


def test_mid_ranks_by_hand() -> None:
    found = Histogram({0: 1, 1: 2, 3: 1})
    assert (found.total, found.score(1)) == (4, 0.0)
    assert found.score(0) == pytest.approx(-found.score(3))
    assert found.score(99) == found.score(3)
    # P(Z < score) of the lowest bin is its mid-rank: (1 - 1/2 + 1/2) / (4 + 1).
    assert 0.5 * (1 + math.erf(found.score(0) / math.sqrt(2))) == pytest.approx(0.2)


@given(histograms)
def test_scores_rise_with_the_bin_and_are_centred(population_counts: dict[int, int]) -> None:
    found = Histogram(population_counts)
    scores = [found.score(place) for place in range(62)]
    assert scores == sorted(scores)
    assert all(map(math.isfinite, scores))
    mean = sum(found.score(place) * count for place, count in population_counts.items()) / found.total
    assert abs(mean) < 0.2


def test_the_scores_of_a_fine_histogram_scatter_like_a_normal() -> None:
    drawn = np.random.default_rng(1).gamma(2.0, 20.0, 5000).astype(int)
    found = Histogram(dict(Counter(drawn.tolist())))
    assert np.var([found.score(place) for place in drawn.tolist()]) == pytest.approx(1.0, abs=0.02)
    assert found.variance == pytest.approx(np.var(drawn))


@pytest.mark.parametrize("share, place", [(0.0, 0), (0.5, 0), (0.51, 7), (1.0, 7)])
def test_a_quantile_is_a_bin_in_which_there_is_somebody(share: float, place: int) -> None:
    assert Histogram({0: 50, 7: 50}).quantile(share) == place


@given(histograms, st.integers(1, 8))
def test_a_tail_never_rises_with_the_bin(population_counts: dict[int, int], bins_per_unit: int) -> None:
    found = Histogram(population_counts)
    tails = [found.tail_log10(place, bins_per_unit) for place in range(200)]
    assert tails[0] == 0.0
    assert tails == sorted(tails, reverse=True)
    assert tails[-1] < -1


def test_a_tail_goes_on_as_the_excess_does_beyond_what_was_seen() -> None:
    # Exponential with a mean of 10 bins: a factor of ten every 23 bins.
    drawn = np.random.default_rng(2).exponential(10.0, 20_000).astype(int)
    found = Histogram(dict(Counter(drawn.tolist())))
    for place, expected in ((0, 0.0), (23, -1.0), (46, -2.0), (92, -4.0), (184, -8.0)):
        assert found.tail_log10(place, 4) == pytest.approx(expected, abs=0.05 - 0.06 * expected)


def test_young_accounts_are_compared_with_young_ones() -> None:
    assert [span_class(hours * HOUR_MS, 0) for hours in (0, 1, 2, 11, 12, 500)] == [0, 0, 1, 1, 2, 2]


def test_a_settled_account_is_counted_once_a_day_a_young_one_in_each_window_for_its_habits() -> None:
    old, young = profile("a"), profile("a", span=0)
    assert census(old, daily=False) == []
    assert {cell[1] for cell in census(old, daily=True)} == set(range(5))
    assert {cell[1] for cell in census(young, daily=False)} == {Feature.VOLUME, Feature.HOURS, Feature.RHYTHM}
    assert {cell[0] for cell in census(old, daily=True)} == {POOLED, "payg"}


def test_what_is_unknown_is_not_counted() -> None:
    unknown = profile("a", bins=(5, MISSING, MISSING, MISSING, 5))
    assert {cell[1] for cell in census(unknown, daily=True)} == {Feature.VOLUME, Feature.AGE}
