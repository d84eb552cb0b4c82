"""The reference: the same however it was counted, lagged, and fair to small groups."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as trials
from hypothesis import strategies as st

from streamer.detection.account_rows import census
from streamer.detection.population import (
    POOLED,
    SURPRISE_BINS_PER_UNIT,
    Histogram,
    Population,
    Reference,
    cell_codes,
    strata_of,
)
from streamer.detection.profile import (
    BINS,
    BUCKETS,
    HABITS,
    MISSING,
    PROFILE,
    SETTLED,
    Feature,
    Rows,
    habit_buckets,
    span_classes,
)
from streamer.detection.settings import ReferenceSettings, WindowSettings
from tests.detection.handmade import FREE, HOUR_MS, OTHER, PAYG, cells, rows_of

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

CODES = strata_of(SETTINGS) * Feature.COUNT * BUCKETS * BINS
counts = st.dictionaries(st.integers(0, CODES - 1) | st.integers(0, 3), st.integers(1, 100), max_size=5)
learned = st.lists(st.tuples(st.integers(0, 6 * PER_EPOCH), counts), max_size=8)
histograms = st.dictionaries(st.integers(0, 60), st.integers(1, 500), min_size=1, max_size=30)
Summary = dict[int, int]


def histogram(values: Mapping[int, int]) -> Histogram:
    found = np.zeros(BINS, dtype=np.int64)
    found[list(values)] = list(values.values())
    return Histogram(found)


def population() -> Population:
    return Population(SETTINGS, WINDOW)


def settled(number: int, place: int = 5, stratum: int = POOLED) -> Summary:
    """So many settled accounts; whole ones of the volume, for that is how they are counted."""
    return {int(cell_codes(stratum, Feature.VOLUME, SETTLED, place)[0]): number}


def window_of(number: int, place: int = 5) -> Summary:
    return {int(cell_codes(POOLED, Feature.WINDOW_REQUESTS, 0, place)[0]): number}


def told(one: Population, *seen: tuple[int, Summary]) -> Population:
    for window, summary in seen:
        one.learn(window, cells(summary))
    return one


def after_a_day(number: int) -> Population:
    """As many settled accounts a day, in each of the first four epochs a quarter."""
    return told(
        population(), *((epoch * PER_EPOCH, settled(number // 4) | window_of(number // 4)) for epoch in range(4))
    )


def all_of(one: Reference) -> tuple[object, ...]:
    return one.accounts, one.ready, one._counts.tobytes(), one._scores.tobytes(), one._variance.tobytes()


@trials(max_examples=20)
@given(learned, st.randoms(use_true_random=False))
def test_counts_add_up_in_any_order_and_however_they_are_split(
    seen: list[tuple[int, Summary]], rng: random.Random
) -> None:
    whole = told(population(), *seen)
    pieces = [
        (window, {code: share})
        for window, summary in seen
        for code, count in summary.items()
        for share in (count // 3, count - count // 3)
        if share
    ]
    pieces += [(window, {}) for window, _ in seen]
    rng.shuffle(pieces)
    parts = told(population(), *pieces)
    for epoch in (2, 5, 8):
        one, other = (each.reference(epoch * PER_EPOCH) for each in (whole, parts))
        assert all_of(one) == all_of(other)
    assert parts.snapshot() == whole.snapshot()


@trials(max_examples=20)
@given(learned, st.integers(0, 12))
def test_a_restored_population_is_the_same(seen: list[tuple[int, Summary]], asked: int) -> None:
    whole, again = told(population(), *seen), population()
    whole.reference(asked * PER_EPOCH)
    again.restore(msgspec.msgpack.decode(msgspec.msgpack.encode(whole.snapshot())))
    for one in (whole, again):
        told(one, (13 * PER_EPOCH, settled(3)))
    for epoch in (13, 14, 15):
        assert all_of(again.reference(epoch * PER_EPOCH)) == all_of(whole.reference(epoch * PER_EPOCH))
    assert again.snapshot() == whole.snapshot()


def test_what_is_summed_up_step_by_step_is_what_is_summed_up_at_once() -> None:
    rng = random.Random(4)
    stepwise = population()
    for epoch in range(30):
        told(stepwise, (epoch * PER_EPOCH, {rng.randrange(CODES): rng.randrange(1, 9) for _ in range(20)}))
        at_once = population()
        at_once.restore(stepwise.snapshot())
        now = epoch * PER_EPOCH + PER_EPOCH - 1
        assert all_of(stepwise.reference(now)) == all_of(at_once.reference(now))


@pytest.mark.parametrize("epoch, counted", [(2, False), (3, True), (8, True), (9, False)])
def test_an_epoch_counts_after_the_lag_until_it_is_out_of_memory(epoch: int, counted: bool) -> None:  # noqa: FBT001
    one = population()
    told(one, (PER_EPOCH, window_of(500)), (2 * PER_EPOCH - 1, window_of(500)))
    found = one.reference(epoch * PER_EPOCH).histogram(Feature.WINDOW_REQUESTS)
    assert (found is not None) == counted
    assert found is None or found.total == 1000


def test_the_last_epochs_do_not_change_what_a_window_is_judged_by() -> None:
    plain, poisoned = after_a_day(400), after_a_day(400)
    for window in (4 * PER_EPOCH, 5 * PER_EPOCH - 1, 5 * PER_EPOCH, 5 * PER_EPOCH + 7):
        told(poisoned, (window, window_of(10_000, place=40)))
    judged = 5 * PER_EPOCH + 8
    one, other = (each.reference(judged).histogram(Feature.WINDOW_REQUESTS) for each in (plain, poisoned))
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


def test_the_first_window_with_a_population_is_kept() -> None:
    one = after_a_day(400)
    one.reference(4 * PER_EPOCH)
    assert one.known_from is None
    for window in (5 * PER_EPOCH + 2, 5 * PER_EPOCH + 3, 6 * PER_EPOCH):
        one.reference(window)
        assert one.known_from == 5 * PER_EPOCH + 2


@pytest.mark.parametrize("accounts, ready", [(96, False), (100, True)])
def test_nothing_is_judged_by_too_few_accounts(accounts: int, ready: bool) -> None:  # noqa: FBT001
    found = after_a_day(accounts).reference(5 * PER_EPOCH)
    assert (found.accounts, found.ready) == (accounts, ready)


def test_accounts_are_those_of_a_day_not_of_all_days() -> None:
    one = population()
    for epoch in range(6):
        told(one, (epoch * PER_EPOCH, settled(100)))
    assert one.reference(7 * PER_EPOCH).accounts == 400
    for epoch in range(6, 40):
        told(one, (epoch * PER_EPOCH, settled(100)))
    assert one.reference(41 * PER_EPOCH).accounts == 400


def test_memory_does_not_grow_with_time() -> None:
    one = population()
    for epoch in range(50):
        told(one, (epoch * PER_EPOCH, settled(10)))
        one.reference(epoch * PER_EPOCH)
    assert len(one.snapshot()["epochs"]) <= SETTINGS.memory_epochs + SETTINGS.lag_epochs + 1


def reference(found: dict[tuple[int, int, int, int], int]) -> Reference:
    """What is known of a population by stratum, feature, bucket and bin; there is always enough of the volume."""
    table = np.zeros((strata_of(SETTINGS), Feature.COUNT, BUCKETS, BINS), dtype=np.int64)
    table[POOLED, Feature.VOLUME, SETTLED, 200] = 1000
    for cell, count in found.items():
        table[cell] = count
    return Reference(0, table, 1.0, SETTINGS)


def score(known: Reference, feature: int, place: int, stratum: int = PAYG, span: int = SETTLED) -> float:
    rows = rows_of(["a"], stratum=stratum, span=span)
    rows["bins"][:, PROFILE.index(feature)] = place
    return float(known.scores(rows)[0, PROFILE.index(feature)])


def test_a_small_plan_is_judged_by_everyone() -> None:
    found = reference(
        {
            (POOLED, Feature.OUTPUT, 0, 3): 200,
            (FREE, Feature.OUTPUT, 0, 4): 50,
            (PAYG, Feature.OUTPUT, 0, 5): 49,
        }
    )
    assert score(found, Feature.OUTPUT, 4, FREE) == 0.0  # in the middle of its own
    assert score(found, Feature.OUTPUT, 3, PAYG) == score(found, Feature.OUTPUT, 3, OTHER) == 0.0  # of everyone's
    assert score(found, Feature.OUTPUT, 4, PAYG) > 2


def test_too_few_of_everyone_is_no_reference() -> None:
    assert math.isnan(score(reference({(POOLED, Feature.OUTPUT, 0, 3): 49}), Feature.OUTPUT, 3))


def test_scores_come_from_the_plan_and_are_unknown_where_nothing_is_known() -> None:
    found = reference(
        {
            (POOLED, Feature.OUTPUT, 0, 3): 100,
            (POOLED, Feature.OUTPUT, 0, 9): 100,
            (FREE, Feature.OUTPUT, 0, 9): 100,
            (FREE, Feature.OUTPUT, 0, 12): 100,
        }
    )
    assert score(found, Feature.OUTPUT, 9, FREE) < 0 < score(found, Feature.OUTPUT, 9, PAYG)
    assert math.isnan(score(found, Feature.OUTPUT, MISSING, FREE))
    assert math.isnan(score(found, Feature.AGE, 3))
    assert math.isnan(score(found, Feature.VOLUME, 3, span=0))
    assert not math.isnan(score(found, Feature.VOLUME, 3, span=SETTLED))


def test_nothing_is_scored_before_the_reference_is_ready() -> None:
    counts_ = np.zeros((strata_of(SETTINGS), Feature.COUNT, BUCKETS, BINS), dtype=np.int64)
    assert np.nansum(np.abs(Reference(0, counts_, 0.0, SETTINGS).scores(rows_of(["a", "b"])))) == 0
    assert Reference(0, counts_, 0.0, SETTINGS).scores(rows_of([])).shape == (0, len(PROFILE))


def test_mid_ranks_by_hand() -> None:
    found = reference({(POOLED, Feature.OUTPUT, 0, 0): 100, (POOLED, Feature.OUTPUT, 0, 1): 200})
    # P(Z < score) of the lowest bin is its mid-rank: (100 - 50 + 1/2) / (300 + 1).
    assert 0.5 * (1 + math.erf(score(found, Feature.OUTPUT, 0) / math.sqrt(2))) == pytest.approx(50.5 / 301)
    assert 0.5 * (1 + math.erf(score(found, Feature.OUTPUT, 1) / math.sqrt(2))) == pytest.approx(200.5 / 301)


@trials(max_examples=20)
@given(histograms)
def test_scores_rise_with_the_bin_and_are_centred(population_counts: dict[int, int]) -> None:
    found = reference({(POOLED, Feature.OUTPUT, 0, place): 50 * n for place, n in population_counts.items()})
    rows = rows_of([str(place) for place in range(62)])
    rows["bins"][:, PROFILE.index(Feature.OUTPUT)] = range(62)
    scores = found.scores(rows)[:, PROFILE.index(Feature.OUTPUT)].astype(float)
    assert scores.tolist() == sorted(scores.tolist())
    assert np.isfinite(scores).all()
    weights = np.array([population_counts.get(place, 0) for place in range(62)], dtype=float)
    assert abs(float(weights @ scores / weights.sum())) < 0.2


def test_the_scores_of_a_fine_histogram_scatter_like_a_normal() -> None:
    drawn = np.minimum(np.random.default_rng(1).gamma(2.0, 20.0, 5000).astype(int), BINS - 1)
    places, numbers = np.unique(drawn, return_counts=True)
    found = reference(
        {(POOLED, Feature.VOLUME, 1, place): n for place, n in zip(places.tolist(), numbers.tolist(), strict=True)}
    )
    rows = rows_of([str(number) for number in range(5000)], span=1)
    rows["bins"][:, PROFILE.index(Feature.VOLUME)] = drawn
    assert np.var(found.scores(rows)[:, 0]) == pytest.approx(1.0, abs=0.02)
    assert found.usual_variance(rows)[0] == pytest.approx(np.var(drawn))
    # Nobody that young is known: they are compared with those seen for long, who are all alike here.
    assert found.usual_variance(rows_of(["young"], span=0)).tolist() == [1.0]


@pytest.mark.parametrize("share, place", [(0.0, 0), (0.5, 0), (0.51, 7), (1.0, 7)])
def test_a_quantile_is_a_bin_in_which_there_is_somebody(share: float, place: int) -> None:
    assert histogram({0: 50, 7: 50}).quantile(share) == place


@given(histograms, st.integers(1, 8))
def test_a_tail_never_rises_with_the_bin(population_counts: dict[int, int], bins_per_unit: int) -> None:
    found = histogram(population_counts)
    tails = [found.tail_log10(place, bins_per_unit) for place in range(200)]
    assert tails[0] == 0.0
    assert tails == sorted(tails, reverse=True)
    assert tails[-1] < -1


def test_a_tail_goes_on_as_the_excess_does_beyond_what_was_seen() -> None:
    # Exponential with a mean of 10 bins: a factor of ten every 23 bins.
    drawn = np.random.default_rng(2).exponential(10.0, 20_000).astype(int)
    places, numbers = np.unique(np.minimum(drawn, BINS - 1), return_counts=True)
    found = histogram(dict(zip(places.tolist(), numbers.tolist(), strict=True)))
    for place, expected in ((0, 0.0), (23, -1.0), (46, -2.0), (92, -4.0), (184, -8.0)):
        assert found.tail_log10(place, 4) == pytest.approx(expected, abs=0.05 - 0.06 * expected)


def test_young_accounts_are_compared_with_young_ones() -> None:
    ages = np.array([hours * HOUR_MS for hours in (0, 1, 2, 11, 12, 500)])
    assert span_classes(ages[-1], ages[-1] - ages).tolist() == [0, 0, 1, 1, 2, 2]


def test_habits_are_compared_within_an_octave_of_requests() -> None:
    rows = rows_of([str(n) for n in range(6)], requests_24h=[1, 2, 3, 4, 0xFFFF, 24 * 0xFFFF], span=[0, 0, 0, 0, 2, 2])
    found = habit_buckets(rows).tolist()
    assert found[1] == found[2] != found[0]
    assert found[3] == found[1] + 1
    assert found[4] == found[5] < BUCKETS


def features(rows: Rows, *, daily: bool) -> set[tuple[int, int]]:
    codes, numbers = census(rows, np.full(len(rows), daily), (0, 0))
    assert len(set(codes.tolist())) == len(codes)
    assert (numbers > 0).all()
    cell = codes // BINS // BUCKETS
    return set(zip((cell // Feature.COUNT).tolist(), (cell % Feature.COUNT).tolist(), strict=True))


WINDOWED = {(POOLED, Feature.SURPRISE), (POOLED, Feature.WINDOW_REQUESTS)}


def test_a_settled_account_is_counted_once_a_day_a_young_one_in_each_window_for_its_habits() -> None:
    old, young = rows_of(["a"]), rows_of(["a"], span=0)
    assert features(old, daily=False) == WINDOWED
    assert features(old, daily=True) == WINDOWED | {(who, f) for who in (POOLED, PAYG) for f in PROFILE}
    assert features(young, daily=False) == WINDOWED | {(who, f) for who in (POOLED, PAYG) for f in HABITS}


def test_what_is_unknown_is_not_counted() -> None:
    unknown = rows_of(["a"])
    unknown["bins"] = MISSING
    unknown["bins"][:, PROFILE.index(Feature.AGE)] = 5
    assert features(unknown, daily=True) == WINDOWED | {(POOLED, Feature.AGE), (PAYG, Feature.AGE)}


@pytest.mark.parametrize("surprise, place", [(0.0, 0), (0.2499, 0), (0.49999, 1), (300.0, BINS - 1)])
def test_a_surprise_is_counted_in_the_bin_that_it_is_in(surprise: float, place: int) -> None:
    codes, _ = census(rows_of(["a"], surprise=surprise), np.zeros(1, dtype=np.bool_), (0, 0))
    assert int(cell_codes(POOLED, Feature.SURPRISE, 0, place)[0]) in codes.tolist()
    assert SURPRISE_BINS_PER_UNIT == 4


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 2), st.integers(-1, BINS - 1), st.booleans()), min_size=1))
def test_the_census_of_many_is_the_sum_of_each(found: list[tuple[int, int, int, bool]]) -> None:
    names = [str(number) for number in range(len(found))]
    rows = rows_of(names, stratum=[max(1, f[0]) for f in found], span=[f[1] for f in found])
    rows["bins"] = np.array([[f[2]] * len(PROFILE) for f in found])
    daily = np.array([f[3] for f in found])
    whole = dict(zip(*(part.tolist() for part in census(rows, daily, (2, 1))), strict=True))
    summed: dict[int, int] = {}
    for number in range(len(found)):
        one = slice(number, number + 1)
        refused = (2, 1) if number == 0 else (0, 0)
        for code, count in zip(*(part.tolist() for part in census(rows[one], daily[one], refused)), strict=True):
            summed[code] = summed.get(code, 0) + count
    assert whole == summed
