"""Which ways to behave more newcomers have than earlier days brought."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.detection.cells import HABITS, LEAST_DISPERSION, Cells, Crowd
from streamer.detection.settings import CellSettings
from tests.detection.crowds import Values, driven, honest

SETTINGS = CellSettings()
LEAST = 8


def cells(days: int = 4, a_day: int = 300, own: CellSettings = SETTINGS) -> Cells:
    """What honest newcomers did on some days."""
    return Cells([(range(day * a_day, (day + 1) * a_day), honest(a_day, seed=day)) for day in range(days)], own)


def crowds(values: Values, of: Cells | None = None) -> list[Crowd]:
    return (of or cells()).crowds(values, frozenset(), LEAST)


def test_newcomers_as_every_day_are_no_crowd() -> None:
    for seed in range(90, 95):
        assert all(crowd.log10_p > -2 for crowd in crowds(honest(250, seed)))


def test_those_whom_one_program_drives_are_found_among_as_many_others() -> None:
    found = crowds(np.concatenate((driven(60, 1), honest(200, 90))))
    best = min(found, key=lambda crowd: crowd.log10_p)
    ours = int((best.places < 60).sum())
    assert ours >= 40
    assert ours >= 0.9 * len(best.places)
    assert best.log10_p <= -3
    assert best.seen > 5 * best.usual


def test_twice_as_many_newcomers_of_all_kinds_are_no_crowd() -> None:
    assert all(crowd.log10_p > -2 for crowd in crowds(honest(1200, 91)))


def test_a_crowd_that_came_every_day_is_no_crowd() -> None:
    days = [
        (range(day * 300, (day + 1) * 300), np.concatenate((driven(60, 1, day), honest(240, day)))) for day in range(4)
    ]
    found = Cells(days, SETTINGS).crowds(np.concatenate((driven(60, 1, 9), honest(240, 90))), frozenset(), LEAST)
    assert all(crowd.log10_p > -2 for crowd in found)


def test_those_of_whom_is_known_what_they_are_do_not_count_as_usual() -> None:
    known = frozenset(day * 300 + at for day in range(4) for at in range(60))
    found = 0
    for program in range(1, 7):
        days = [
            (range(day * 300, (day + 1) * 300), np.concatenate((driven(60, program, day), honest(240, day))))
            for day in range(4)
        ]
        now = np.concatenate((driven(60, program, 9), honest(240, 90)))
        found += any(crowd.log10_p <= -3 for crowd in Cells(days, SETTINGS).crowds(now, known, LEAST))
    assert found >= 4


def test_volume_and_times_form_no_crowd() -> None:
    late = honest(250, 90)
    rest = np.setdiff1d(np.arange(late.shape[1]), HABITS)
    same = late.copy()
    same[:, rest] = 3.0
    one, other = crowds(late), crowds(same)
    assert [crowd.places.tolist() for crowd in one] == [crowd.places.tolist() for crowd in other]


@settings(max_examples=15)
@given(st.permutations(range(80)), st.integers(0, 3))
def test_the_cells_are_the_same_wherever_the_same_days_are_known(order: list[int], program: int) -> None:
    values = np.concatenate((driven(40, program), honest(40, 90)))
    one, other = cells(2), cells(2)
    first, again = (of.crowds(values, frozenset(), LEAST) for of in (one, other))
    assert [(c.places.tolist(), c.log10_p) for c in first] == [(c.places.tolist(), c.log10_p) for c in again]
    grown = one.crowds(values[order], frozenset(), LEAST)
    assert all(len(crowd.places) >= LEAST and crowd.log10_p <= 0 for crowd in grown)


def test_what_nobody_tells_is_in_the_middle() -> None:
    nothing = np.full((30, honest(1).shape[1]), np.nan, dtype=np.float16)
    assert all(np.isfinite(crowd.log10_p) for crowd in crowds(np.concatenate((nothing, honest(200, 90)))))
    gateway = [(range(300), np.where(np.arange(honest(1).shape[1]) < 5, np.nan, honest(300)).astype(np.float16))]
    assert all(crowd.log10_p > -2 for crowd in Cells(gateway, SETTINGS).crowds(honest(200, 90), frozenset(), LEAST))


@pytest.mark.parametrize("bound", [0.02, 0.3])
def test_the_bound_says_how_many_may_be_what_every_day_brings(bound: float) -> None:
    mixed = np.concatenate((driven(60, 1), honest(200, 90)))
    found = crowds(mixed, cells(own=replace(SETTINGS, error_ratio=bound)))
    assert sum(len(crowd.places) for crowd in found) > 0
    assert LEAST_DISPERSION > 0
