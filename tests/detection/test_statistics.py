"""Statistics that forget: what River is relied on for, against sums by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from river import stats

from streamer.detection.statistics import (
    circular_concentration,
    fade_mean,
    fade_var,
    keep_ratio,
    log_steps,
    mean_from,
    mean_state,
    var_from,
    var_state,
)

HALF_LIFE_S = 3600.0
values = st.floats(-1e3, 1e3)
steps = st.lists(st.tuples(values, st.floats(0, 3 * HALF_LIFE_S)), min_size=1, max_size=30)


def test_a_weight_halves_with_each_half_life_and_never_grows() -> None:
    assert keep_ratio(0, HALF_LIFE_S) == 1.0
    assert keep_ratio(HALF_LIFE_S, HALF_LIFE_S) == 0.5
    assert keep_ratio(3 * HALF_LIFE_S, HALF_LIFE_S) == 0.125
    assert keep_ratio(-5, HALF_LIFE_S) == 1.0


def test_fading_changes_the_weight_and_not_the_value() -> None:
    mean, var = stats.Mean(), stats.Var(ddof=0)
    for x in (1.0, 2.0, 6.0):
        mean.update(x)
        var.update(x)
    before = var.get()
    fade_mean(mean, 0.5)
    fade_var(var, 0.5)
    assert mean_state(mean) == (1.5, 3.0)
    assert var.mean.n == 1.5
    assert var.get() == pytest.approx(before)


@given(steps)
def test_a_faded_mean_and_variance_are_the_weighted_ones(observed: list[tuple[float, float]]) -> None:
    mean, var = stats.Mean(), stats.Var(ddof=0)
    for x, elapsed_s in observed:
        fade_mean(mean, keep_ratio(elapsed_s, HALF_LIFE_S))
        fade_var(var, keep_ratio(elapsed_s, HALF_LIFE_S))
        mean.update(x)
        var.update(x)
    weights = [2 ** (-sum(s for _, s in observed[at + 1 :]) / HALF_LIFE_S) for at in range(len(observed))]
    total = math.fsum(weights)
    middle = math.fsum(w * x for w, (x, _) in zip(weights, observed, strict=True)) / total
    scatter = math.fsum(w * (x - middle) ** 2 for w, (x, _) in zip(weights, observed, strict=True)) / total
    assert mean.n == pytest.approx(total)
    assert mean.get() == pytest.approx(middle, abs=1e-6)
    if total > 1e-9:
        assert var.get() == pytest.approx(scatter, rel=1e-6, abs=1e-4)


@given(steps, values)
def test_a_restored_statistic_goes_on_to_the_bit(observed: list[tuple[float, float]], following: float) -> None:
    mean, var = stats.Mean(), stats.Var(ddof=0)
    for x, elapsed_s in observed:
        fade_var(var, keep_ratio(elapsed_s, HALF_LIFE_S))
        mean.update(x)
        var.update(x)
    mean_again, var_again = mean_from(*mean_state(mean)), var_from(*var_state(var))
    for one in (mean, var, mean_again, var_again):
        one.update(following)
    assert mean_state(mean_again) == mean_state(mean)
    assert var_state(var_again) == var_state(var)
    assert var_again.get() == var.get()


@given(st.integers(0, 10**12))
def test_log_steps_are_whole_close_and_rise_with_the_count(number: int) -> None:
    steps_of = log_steps(number)
    assert isinstance(steps_of, int)
    assert abs(steps_of - 256 * math.log2(1 + number)) <= 0.5
    assert log_steps(number + 1) >= steps_of


def test_log_steps_have_no_seam_where_the_table_ends() -> None:
    assert [log_steps(n) for n in (4094, 4095, 4096)] == [round(256 * math.log2(1 + n)) for n in (4094, 4095, 4096)]


def test_hours_close_together_are_concentrated_whatever_the_hour() -> None:
    office, night = 0b111 << 9, 1 << 23 | 0b11
    assert circular_concentration(office) == pytest.approx(circular_concentration(night))
    assert circular_concentration(office) > 0.9
    assert circular_concentration(1 | 1 << 12) == pytest.approx(0.0)
    assert circular_concentration(0) == 1.0
