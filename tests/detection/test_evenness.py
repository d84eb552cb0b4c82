"""Evenness: a trace of control where a scheduler shares work out, and none where timers make accounts alike."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats as distributions

from streamer.detection.families import evenness
from streamer.detection.group import control
from streamer.detection.probability import FLOOR_LOG10
from streamer.detection.profile import PROFILE, SETTLED, Feature, Rows
from tests.detection.handmade import HOURS, SLOTS, Marks, asked_at, slots_of
from tests.detection.people import (
    BUSY,
    EVEN,
    LONG,
    NEW,
    PEOPLE,
    REGULAR,
    SETTINGS,
    STRANGERS,
    alarms,
    group,
    table,
    verdict,
)

HOURLY = np.arange(SLOTS) % (SLOTS // HOURS) == 0
TIMES = 24


def hourly(count: int) -> Marks:
    """Accounts that a timer starts once an hour, each at its own minute."""
    return np.array([np.roll(HOURLY, 5 * number) for number in range(count)])


def asking(active: Marks, seed: int = 0, **fixed: int) -> Rows:
    """Accounts that ask as much as each other, in these ten minutes."""
    rows = group(len(active), seed, {**EVEN, **{getattr(Feature, name): place for name, place in fixed.items()}})
    rows["requests_24h"], rows["slots"] = TIMES, slots_of(active)
    return rows


@pytest.mark.parametrize("size", [10, 40, 400])
def test_even_use_is_found_and_the_surer_the_more_accounts(size: int) -> None:
    item = evenness(table(group(size, fixed=EVEN)), SETTINGS)
    assert item is not None
    assert item.log10_p < -0.3 * size or item.log10_p == FLOOR_LOG10
    assert item.observed < item.expected
    assert f"{size} accounts are used alike: 20 to 20 requests" in item.statement


def test_evenness_is_the_chi_square_of_the_scatter_of_rates() -> None:
    bins = [60, 62, 64, 66, 68, 70, 72, 74, 76, 78]
    members = group(10)
    members["bins"][:, PROFILE.index(Feature.VOLUME)] = bins
    item = evenness(table(members), STRANGERS)
    usual = np.var(PEOPLE["bins"][:, PROFILE.index(Feature.VOLUME)])
    squares = sum((place - 69) ** 2 for place in bins) + 9 / 12  # a bin is as wide as one: it scatters by 1/12
    assert item is not None
    assert item.log10_p == pytest.approx(math.log10(distributions.chi2.cdf(squares / usual, 9)), rel=1e-5)


def test_uneven_use_is_no_evidence() -> None:
    item = evenness(table(np.concatenate((group(20, fixed=EVEN), group(20, 1, BUSY)))), SETTINGS)
    assert item is not None
    assert item.log10_p > -0.5


@pytest.mark.parametrize("requests, speaks", [(3, False), (4, True)])
def test_accounts_that_hardly_do_anything_are_even_for_nothing(requests: int, speaks: bool) -> None:  # noqa: FBT001
    quiet = group(40, fixed=EVEN)
    known = table(quiet)
    known.rows["requests_24h"] = requests
    assert (evenness(known, SETTINGS) is not None) is speaks


@pytest.mark.parametrize("cause", [BUSY, {**EVEN, **NEW}, {**BUSY, **NEW}])
def test_that_new_or_busy_accounts_are_even_is_no_alarm_without_one_more_family(cause: dict[int, int]) -> None:
    found = verdict(group(60, fixed=cause))
    assert found is not None
    clear = {item.family for item in found.evidence if item.log10_p <= SETTINGS.family_log10_p}
    assert clear >= {"evenness"}
    assert clear > {"evenness"}
    assert clear <= {"evenness", "newness", "volume"}
    assert not found.is_alarming
    assert alarms(group(60, fixed={**cause, **REGULAR})) == set()  # so are those of whom each has a timer
    assert {*clear, "output"} <= alarms(group(60, fixed={**cause, **LONG}))


@pytest.mark.parametrize("size", [12, 60, 300])
def test_strangers_on_timers_are_even_for_nothing_and_a_scheduled_group_of_the_same_counts_is_even(size: int) -> None:
    assert evenness(table(asking(hourly(size))), SETTINGS) is None
    scheduled = evenness(table(asking(asked_at(size, TIMES))), SETTINGS)
    assert scheduled is not None
    assert scheduled.log10_p <= SETTINGS.control_log10_p
    alike = {"RHYTHM": 8, "HOURS": 1, "OUTPUT": 45}
    assert alarms(asking(hourly(size), **alike)) == set()
    assert {"evenness", "rhythm", "output"} <= alarms(asking(asked_at(size, TIMES), **alike))


def test_timers_are_no_trace_of_control_for_a_lead() -> None:
    off = replace(SETTINGS, disabled_families=("rhythm",))
    assert control(table(asking(hourly(40))), off) == 0.0
    assert control(table(asking(asked_at(40, TIMES))), off) <= SETTINGS.control_log10_p


@pytest.mark.parametrize("scheduled, speaks", [(7, False), (8, True), (30, True)])
def test_those_on_timers_are_left_out_and_the_others_judged(scheduled: int, speaks: bool) -> None:  # noqa: FBT001
    mixed = asking(np.concatenate((hourly(40), asked_at(scheduled, TIMES))))
    item = evenness(table(mixed), SETTINGS)
    alone = evenness(table(mixed[40:]), SETTINGS)
    assert (item is not None) == speaks
    assert item == alone
    assert item is None or f"{scheduled} accounts are used alike" in item.statement


def test_those_on_timers_do_not_make_uneven_ones_even() -> None:
    mixed = asking(np.concatenate((hourly(40), asked_at(20, TIMES))))
    mixed["bins"][40:, PROFILE.index(Feature.VOLUME)] = group(20, 3)["bins"][:, PROFILE.index(Feature.VOLUME)]
    item = evenness(table(mixed), SETTINGS)
    assert item is not None
    assert item.log10_p > -1


@pytest.mark.parametrize("occasions, speaks", [(1, False), (3, False), (4, True)])
def test_what_is_asked_at_one_go_is_one_choice(occasions: int, speaks: bool) -> None:  # noqa: FBT001
    assert SETTINGS.min_requests == 4
    assert (evenness(table(asking(asked_at(40, occasions))), SETTINGS) is not None) is speaks


def test_of_accounts_that_have_only_just_come_one_go_is_enough() -> None:
    for span, speaks in ((0, True), (SETTLED - 1, True), (SETTLED, False)):
        rows = asking(asked_at(40, 1))
        rows["span"] = span
        assert (evenness(table(rows), SETTINGS) is not None) is speaks


@pytest.mark.parametrize("before_s, speaks", [(3599, True), (3600, False)])
def test_who_came_an_hour_ago_and_asked_at_one_go_made_one_choice(before_s: int, speaks: bool) -> None:  # noqa: FBT001
    rows = asking(asked_at(40, 1))
    rows["span"] = 0
    assert evenness(table(rows), SETTINGS) is not None
    # Somebody else of the group is still there.
    rows["before_ms"][0] = rows["first_seen_ms"].max() + before_s * 1000
    assert (evenness(table(rows), SETTINGS) is not None) is speaks


@pytest.mark.parametrize("came_before, speaks", [(2, True), (3, False)])
def test_of_those_who_come_one_after_another_the_first_are_looked_at(came_before: int, speaks: bool) -> None:  # noqa: FBT001
    rows = asking(asked_at(40, 1))
    rows["span"] = 0
    rows["first_seen_ms"][:came_before] -= 3_600_000
    assert (evenness(table(rows), SETTINGS) is not None) is speaks


def test_half_of_the_accounts_must_have_asked_on_as_many_occasions() -> None:
    for many, speaks in ((20, True), (19, False)):
        rows = asking(np.concatenate((asked_at(many, 4), asked_at(39 - many, 3))))
        assert (evenness(table(rows), SETTINGS) is not None) is speaks


def test_where_use_is_uneven_anyway_nobody_looks_at_clocks() -> None:
    uneven = group(40, 2)
    uneven["slots"] = slots_of(hourly(40))
    item = evenness(table(uneven), SETTINGS)
    assert item is not None
    assert "40 accounts" in item.statement
