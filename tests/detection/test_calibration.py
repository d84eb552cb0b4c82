"""How often honest traffic brings a group: counted, lagged, and never from the same group twice."""

from __future__ import annotations

import math
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.detection.calibration import NEVER, Calibration, tail
from streamer.detection.settings import DAY_S, CalibrationSettings, WindowSettings

DAY = 144  # windows
MEMORY, LAG, WARM_UP, SAME_GROUP, TAIL_GROUPS = 7, 1, 2, 2, 3
BEGIN = 1000
# Here everything that was learned on the first day counts, for the first time.
WARM = BEGIN + (LAG + WARM_UP) * DAY


def calibration() -> Calibration:
    settings = CalibrationSettings(
        memory_s=MEMORY * DAY_S,
        lag_s=LAG * DAY_S,
        warm_up_s=WARM_UP * DAY_S,
        same_group_s=SAME_GROUP * DAY_S,
        tail_groups=TAIL_GROUPS,
        min_excess=0.5,
    )
    return Calibration(settings, WindowSettings(window_s=600))


def taught(*scores: float, window: int = BEGIN) -> Calibration:
    """Groups of strangers to each other, one of each score."""
    one = calibration()
    one.begin(BEGIN)
    for number, score in enumerate(scores):
        one.learn(window, score, range(100 * number, 100 * number + 10))
    return one


def rate(one: Calibration, score: float, window: int = WARM) -> float:
    found = one.rate(window, score)
    assert found is not None
    return found


def again(one: Calibration) -> Calibration:
    restored = calibration()
    restored.restore(msgspec.msgpack.decode(msgspec.msgpack.encode(one.snapshot())))
    return restored


def test_nothing_is_claimed_before_groups_were_judged_for_long_enough() -> None:
    assert calibration().rate(WARM, 1.0) is None
    one = taught(1.0)
    assert one.rate(WARM - 1, 1.0) is None
    assert one.rate(WARM, 1.0) is not None


def test_it_began_when_it_first_began() -> None:
    one = taught(1.0)
    one.begin(WARM - 1)
    assert one.rate(WARM, 1.0) is not None


def test_the_rate_is_what_was_counted_by_the_days_it_was_counted_in() -> None:
    one = taught(1.0, 2.0, 3.0, 4.0, 5.0)
    assert rate(one, 1.0) == 5 / WARM_UP
    assert rate(one, 2.0) == 4 / WARM_UP
    assert rate(one, 2.1) == 3 / WARM_UP
    assert rate(one, 1.0, WARM + 2 * DAY) == 5 / (WARM_UP + 2)


def test_beyond_what_was_seen_often_the_rate_falls_with_the_score_but_never_to_nothing() -> None:
    one = taught(1.0, 2.0, 3.0, 4.0, 5.0)
    scores = [4.0, 5.0, 6.0, 10.0, 50.0, 200.0]
    rates = [rate(one, score) for score in scores]
    assert all(earlier > later > 0 for earlier, later in pairwise(rates))
    # Three scores are above the fourth highest, 2, by 2 in the mean: exp(-(6 - 2) / 2) of them and a half.
    assert rates[2] == pytest.approx(3.5 * math.exp(-2.0) / WARM_UP)
    assert rate(one, 1e9) == NEVER / WARM_UP


def test_where_nothing_was_seen_the_rate_still_falls_with_the_score() -> None:
    one = taught()
    assert rate(one, 0.0) == 0.5 / WARM_UP
    assert rate(one, 0.0) > rate(one, 3.0) > rate(one, 30.0) > 0


def test_scores_that_are_all_alike_promise_no_certainty() -> None:
    # Without the least excess, a score a hair above would count as impossible.
    assert tail([4.0, 4.0, 4.0], 4.5, 0.5) == pytest.approx(2.5 * math.exp(-1.0))


def test_a_group_that_is_judged_again_counts_once_with_its_highest_score() -> None:
    one = taught(1.0, 1.0, 1.0)
    for window, score, accounts in ((BEGIN + 1, 5.0, range(10)), (BEGIN + 2, 3.0, range(5, 15))):
        one.learn(window, score, accounts)
    assert rate(one, 1.0) == 3 / WARM_UP
    assert rate(one, 4.0) == pytest.approx(rate(taught(1.0, 1.0, 5.0), 4.0))


def test_a_group_with_fewer_than_half_of_its_accounts_known_is_another() -> None:
    one = taught(1.0, 1.0, 1.0)
    one.learn(BEGIN, 1.0, [0, 1, 2, 3, *range(1000, 1006)])
    assert rate(one, 1.0) == 4 / WARM_UP
    one.learn(BEGIN, 1.0, [100, 101, 102, 103, 104, *range(2000, 2005)])
    assert rate(one, 1.0) == 4 / WARM_UP


def test_a_group_that_comes_back_after_long_is_another() -> None:
    for passed, groups in ((SAME_GROUP * DAY - 1, 3), (SAME_GROUP * DAY, 4)):
        one = taught(1.0, 1.0, 1.0)
        one.learn(BEGIN + passed, 1.0, range(10))
        window = BEGIN + passed + LAG * DAY
        assert rate(one, 1.0, window + 1) == pytest.approx(groups / ((passed + 1) / DAY))


def test_what_was_learned_of_late_does_not_count_yet() -> None:
    one = taught(1.0, 1.0, 1.0)
    one.learn(WARM, 1.0, range(900, 910))
    assert rate(one, 1.0, WARM + LAG * DAY - 1) == pytest.approx(3 / ((WARM_UP + 1) - 1 / DAY))
    assert rate(one, 1.0, WARM + LAG * DAY) == 4 / (WARM_UP + 1)


def test_what_is_too_old_counts_no_more_and_is_dropped() -> None:
    one = taught(1.0, 1.0, 1.0, 1.0)
    last = BEGIN + (LAG + MEMORY) * DAY - 1
    one.forget(last)
    assert rate(one, 1.0, last) == pytest.approx(4 / (MEMORY - 1 / DAY))
    assert len(one.snapshot()["groups"]) == 4
    assert rate(one, 1.0, last + 1) < 1 / MEMORY
    assert rate(one, 1.0, last + 10 * DAY) < 1 / MEMORY
    one.forget(last + 1)
    assert one.snapshot()["groups"] == one.snapshot()["of_account"] == []


def test_accounts_are_dropped_when_they_tell_nothing_any_more() -> None:
    one = taught(1.0)
    one.forget(BEGIN + SAME_GROUP * DAY - 1)
    assert len(one.snapshot()["of_account"]) == 10
    one.forget(BEGIN + SAME_GROUP * DAY)
    assert one.snapshot()["of_account"] == []
    assert len(one.snapshot()["groups"]) == 1


learned = st.lists(
    st.tuples(st.integers(0, 3 * DAY), st.floats(0, 50), st.sets(st.integers(0, 30), min_size=1, max_size=12)),
    max_size=30,
)
Learned = list[tuple[int, float, set[int]]]


@given(learned, st.integers(0, 30))
def test_a_restored_calibration_goes_on_as_if_nothing_had_happened(found: Learned, crash: int) -> None:
    steady, shaky, window = taught(), taught(), BEGIN
    for number, (step, score, accounts) in enumerate(found):
        if number == crash:
            shaky = again(shaky)
        window += step
        for one in (steady, shaky):
            one.learn(window, score, accounts)
            one.forget(window)
        assert steady.rate(window, score) == shaky.rate(window, score)
    assert again(shaky).snapshot() == steady.snapshot()


@given(learned, st.integers(0, 10 * DAY))
def test_forgetting_changes_no_rate(found: Learned, later: int) -> None:
    kept, forgetful, window = taught(), taught(), BEGIN
    for step, score, accounts in sorted(found, key=lambda one: one[0])[:8]:
        window += step
        for one in (kept, forgetful):
            one.learn(window, score, accounts)
        forgetful.forget(window)
    for score in (0.0, 10.0, 40.0):
        assert kept.rate(window + later, score) == forgetful.rate(window + later, score)


@given(st.lists(st.floats(0, 20), max_size=12), st.floats(0, 100), st.floats(0, 100))
def test_a_higher_score_is_never_claimed_to_come_more_often(scores: list[float], one: float, other: float) -> None:
    found = taught(*scores)
    # At the threshold itself half a score is added for what was not seen yet, which counting does not do.
    assert rate(found, max(one, other)) <= rate(found, min(one, other)) + 0.5 / WARM_UP
