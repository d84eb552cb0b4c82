"""Trees tell members from others by what several numbers say together, and judge nobody they were grown on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.detection.forest import Floats, Forest
from streamer.detection.links import Keys

COLUMNS = 6


def cloud(count: int, seed: int) -> Floats:
    found: Floats = np.random.default_rng(seed).normal(size=(count, COLUMNS))
    return found


def owners(count: int, first: int = 0) -> Keys:
    return np.arange(first, first + count, dtype=np.uint64)


def agreeing(values: Floats) -> Floats:
    """Rows of which the first two numbers have one sign: each number alone is as anybody's."""
    found = values.copy()
    found[:, 1] = np.abs(found[:, 1]) * np.sign(found[:, 0])
    return found


def disagreeing(values: Floats) -> Floats:
    found: Floats = agreeing(values) * np.array([1, -1, 1, 1, 1, 1])
    return found


def test_what_no_number_tells_alone_several_tell_together() -> None:
    forest = Forest(agreeing(cloud(60, 1)), disagreeing(cloud(1500, 2)), owners(1500))
    members = forest.shares(agreeing(cloud(100, 3)), owners(100, 5000))
    strangers = forest.shares(disagreeing(cloud(100, 4)), owners(100, 5000))
    assert (members[:, np.newaxis] > strangers).mean() > 0.85


def test_an_account_is_judged_only_by_trees_that_were_not_grown_on_it() -> None:
    # One of the others is in the middle of the members. Trees that were grown on it know that it is none of them.
    member = np.full((40, COLUMNS), 2.0) + cloud(40, 1) / 10
    others = np.concatenate((cloud(300, 2), np.full((1, COLUMNS), 2.0)))
    forest = Forest(member, others, owners(301))
    as_itself, as_stranger = (forest.shares(others[-1:], owners(1, key))[0] for key in (300, 9999))
    assert as_itself > as_stranger
    assert as_itself == pytest.approx(1.0, abs=0.02)


def test_all_rows_of_an_account_are_its_own() -> None:
    # The same account was told of on three days: no tree that was grown on one of them judges the others.
    member = np.full((40, COLUMNS), 2.0) + cloud(40, 1) / 10
    days = np.full((3, COLUMNS), 2.0)
    keys = np.concatenate((owners(300), np.full(3, 300, dtype=np.uint64)))
    forest = Forest(member, np.concatenate((cloud(300, 2), days)), keys)
    assert forest.shares(days, keys[-3:]) == pytest.approx([1.0] * 3, abs=0.02)


def test_few_members_weigh_as_much_as_the_many_others() -> None:
    forest = Forest(np.zeros((10, COLUMNS)), np.zeros((1000, COLUMNS)), owners(1000))
    assert forest.shares(np.zeros((1, COLUMNS)), owners(1, 5000)) == pytest.approx([0.5])


def test_the_same_rows_give_the_same_trees() -> None:
    one, other = (Forest(cloud(20, 1), cloud(400, 2), owners(400)) for _ in range(2))
    asked = cloud(50, 3)
    assert np.array_equal(one.shares(asked, owners(50)), other.shares(asked, owners(50)))


def test_nobody_asked_nobody_told() -> None:
    forest = Forest(cloud(20, 1), cloud(400, 2), owners(400))
    assert not len(forest.shares(np.zeros((0, COLUMNS)), owners(0)))


@settings(max_examples=25)
@given(st.integers(1, 30), st.integers(1, 60), st.integers(0, 1000), st.sampled_from([0, 1, 1e6]))
def test_whatever_they_are_grown_on_what_they_say_is_a_share(
    members: int, others: int, seed: int, width: float
) -> None:
    rows = cloud(members + others, seed) * width
    forest = Forest(rows[:members], rows[members:], owners(others))
    found = forest.shares(rows, owners(members + others))
    assert ((found >= 0) & (found <= 1 + 1e-9)).all()
