"""How often a refused request goes on elsewhere by chance: learned, lagged, and only of what is remembered."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.detection.passing_rate import PRIOR_REFUSED, PRIOR_SEEN, PassingRate
from streamer.detection.settings import ReferenceSettings
from tests.detection.handmade import default_settings

EPOCH = 36  # windows
LAG, MEMORY = 1, 4
SETTINGS = replace(
    default_settings(), reference=ReferenceSettings(epoch_s=6 * 3600, lag_epochs=LAG, memory_epochs=MEMORY)
)
START = 100 * EPOCH
UNKNOWN = PRIOR_SEEN / PRIOR_REFUSED


def taught(*told: tuple[int, int, int]) -> PassingRate:
    """What was refused and what went on, by windows after `START`."""
    rate = PassingRate(SETTINGS)
    for window, refused, seen in told:
        rate.learn(START + window, refused, seen)
    return rate


def test_before_anything_was_learned_hand_offs_are_rare_but_not_impossible() -> None:
    rate = PassingRate(SETTINGS)
    assert 0 < rate.at(START) == UNKNOWN < 0.1
    assert rate.recently_refused(START) == 1.0


def test_the_rate_is_what_went_on_of_what_was_refused() -> None:
    rate = taught((0, 400, 3), (1, 570, 6))
    assert rate.at(START + 2 * EPOCH) == 10 / 1000


def test_what_happened_in_this_epoch_and_the_last_does_not_count_yet() -> None:
    rate = taught((0, 970, 9), (EPOCH, 10, 10), (2 * EPOCH, 10, 10))
    assert rate.at(START + 2 * EPOCH - 1) == UNKNOWN
    assert rate.at(START + 2 * EPOCH) == rate.at(START + 3 * EPOCH - 1) == 10 / 1000
    assert rate.at(START + 3 * EPOCH) == pytest.approx(20 / 1010)


def test_what_is_too_old_is_dropped() -> None:
    rate = taught((0, 10**6, 10**6))
    for epoch in range(1, LAG + MEMORY + 2):
        rate.learn(START + epoch * EPOCH, 1000, 0)
    assert rate.at(START + (LAG + MEMORY + 2) * EPOCH) > 0.5
    rate.learn(START + (LAG + MEMORY + 2) * EPOCH, 1000, 0)
    assert rate.at(START + (LAG + MEMORY + 2) * EPOCH) < 0.001
    assert len(rate.snapshot()) == LAG + MEMORY + 2


def test_a_window_in_which_nothing_happened_leaves_no_trace() -> None:
    assert taught((0, 0, 0), (EPOCH, 0, 0)).snapshot() == []
    assert taught((0, 0, 1)).snapshot() == [[100, 0, 1]]


def test_what_was_refused_of_late_counts_at_once_and_as_long_as_hand_offs_are_remembered() -> None:
    rate = taught((0, 7, 0), (EPOCH, 50, 5))
    memory = 2 * 144  # hand-offs are remembered for two days
    assert rate.recently_refused(START + EPOCH) == 57.0
    assert rate.recently_refused(START + memory + EPOCH - 1) == 57.0
    assert rate.recently_refused(START + memory + EPOCH) == 50.0
    assert rate.recently_refused(START + memory + 2 * EPOCH) == 1.0


happened = st.lists(st.tuples(st.integers(0, 3 * EPOCH), st.integers(0, 50), st.integers(0, 50)), max_size=20)


@given(happened, st.integers(0, 20))
def test_a_restored_rate_goes_on_as_if_nothing_had_happened(told: list[tuple[int, int, int]], crash: int) -> None:
    steady, shaky, window = PassingRate(SETTINGS), PassingRate(SETTINGS), START
    for number, (step, refused, seen) in enumerate(told):
        if number == crash:
            state = msgspec.msgpack.decode(msgspec.msgpack.encode(shaky.snapshot()))
            shaky = PassingRate(SETTINGS)
            shaky.restore(state)
        window += step
        for rate in (steady, shaky):
            rate.learn(window, refused, seen)
        assert steady.at(window) == shaky.at(window) > 0
        assert steady.recently_refused(window) == shaky.recently_refused(window) >= 1
