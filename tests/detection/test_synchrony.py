"""Accounts that are active in the same ten minutes, against everybody's day."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import numpy.typing as npt
import pytest

from streamer.detection.account_stage import AccountStage
from streamer.detection.evidence import EvidenceItem
from streamer.detection.profile import Rows
from streamer.detection.settings import ReferenceSettings, WindowSettings
from streamer.detection.synchrony import SLOTS, Day, Floats, active_slots, synchrony
from tests.detection.handmade import DAY_MS, MINUTE_MS, START_MS, at, begun, default_settings, watched

DEFAULTS = default_settings()
SETTINGS = replace(
    DEFAULTS,
    group=replace(DEFAULTS.group, min_accounts=8, cause_correlation=0.3),
    reference=ReferenceSettings(epoch_s=6 * 3600, lag_epochs=1, memory_epochs=8),
)
# The last window of a day: the slots of a row are those of this day, in order.
NOW = START_MS // DAY_MS * SLOTS + SLOTS - 1
EPOCH, DAY = 36, 144  # windows
_TIDE = 1 + 0.9 * np.sin(np.arange(SLOTS) / SLOTS * 2 * np.pi)
SHAPE: Floats = _TIDE / _TIDE.sum()


def rows_of(active: npt.NDArray[np.bool_], window: int = NOW) -> Rows:
    rows = watched([f"a{number}" for number in range(len(active))], window).table().copy()
    bits = active.reshape(len(active), 24, 6)
    rows["slots"] = (bits << np.arange(6)).sum(axis=2)
    return rows


def strangers(count: int, seed: int, sessions: int = 4) -> npt.NDArray[np.bool_]:
    """Accounts that come in sessions of half an hour, when everybody does."""
    rng = np.random.default_rng((count, seed))
    active = np.zeros((count, SLOTS), dtype=np.bool_)
    for account in active:
        for start in rng.choice(SLOTS, rng.poisson(sessions) + 1, p=SHAPE):
            account[min(start, SLOTS - 3) :][:3] = True
    return active


def found_of(active: npt.NDArray[np.bool_]) -> EvidenceItem | None:
    return synchrony(rows_of(active), SHAPE, NOW, SETTINGS)


def claim(active: npt.NDArray[np.bool_]) -> float:
    item = found_of(active)
    assert item is not None
    return item.log10_p


def test_accounts_that_work_at_the_same_minutes_are_told_of() -> None:
    work = strangers(1, 7)[0]
    driven = strangers(30, 1) & (np.random.default_rng(1).random((30, SLOTS)) < 0.1) | work
    item = found_of(driven)
    assert item is not None
    assert item.family == "synchrony"
    assert item.observed > 0.7
    assert item.log10_p < -4
    assert "30 accounts are active in the same ten minutes" in item.statement


@pytest.mark.parametrize("size", [8, 30, 150])
def test_strangers_are_told_of_no_more_often_than_is_claimed(size: int) -> None:
    found = [found_of(strangers(size, seed)) for seed in range(300)]
    # One of eight who comes at the same minutes of a few hours by chance leaves too few to say anything of.
    claims = [item.log10_p for item in found if item is not None]
    assert len(claims) >= 250
    assert sum(log10_p <= -1 for log10_p in claims) <= 30 + 16
    assert sum(log10_p <= -2 for log10_p in claims) <= 3 + 6


def test_without_allowance_for_a_common_cause_the_rate_is_about_what_is_claimed() -> None:
    alone = replace(SETTINGS, group=replace(SETTINGS.group, cause_correlation=0.0))
    found = [synchrony(rows_of(strangers(30, seed)), SHAPE, NOW, alone) for seed in range(300)]
    assert 10 <= sum(item.log10_p <= -1 for item in found if item is not None) <= 50


def test_a_lesson_is_a_common_cause() -> None:
    lesson = strangers(25, 2)
    lesson[:, 60:66] |= np.random.default_rng(2).random((25, 6)) < 0.5
    assert -2 < claim(lesson) < -0.3


def test_nothing_follows_from_those_who_are_always_there_nor_from_a_handful() -> None:
    assert found_of(np.ones((30, SLOTS), dtype=np.bool_)) is None
    assert found_of(strangers(7, 1)) is None
    assert synchrony(rows_of(strangers(30, 1)), None, NOW, SETTINGS) is None


def test_what_is_older_than_a_day_does_not_count() -> None:
    rows = rows_of(np.ones((1, SLOTS), dtype=np.bool_))
    assert active_slots(rows, NOW, SETTINGS).sum() == SLOTS
    assert active_slots(rows, NOW + 6 * 10, SETTINGS).sum() == SLOTS - 60
    assert active_slots(rows, NOW + 6 * 30, SETTINGS).sum() == 0


@pytest.mark.parametrize("window_s", [60, 600, 1800])
def test_the_ten_minutes_of_requests_are_marked_and_forgotten_after_a_day(window_s: int) -> None:
    settings = replace(SETTINGS, window=WindowSettings(window_s=window_s, lateness_s=0))
    stage = AccountStage(settings)
    begun(stage)
    minutes = [61, 65, 79, 300, 1500, 1505]  # of which the first is more than a day before the last
    for minute in minutes:
        begun(stage, minute * MINUTE_MS)
        stage.observe(at(minute * MINUTE_MS, "a"))
    reports = stage.drain()
    (row,) = [row for row in reports[-1].active.table() if row["total_requests"] == len(minutes)]
    member = watched(["a"], reports[-1].window).table().copy()
    member["slots"] = row["slots"]
    day_begins = START_MS // MINUTE_MS % 1440
    expected = {(day_begins + minute) // 10 % SLOTS for minute in (300, 1500, 1505)}
    assert set(np.flatnonzero(active_slots(member, reports[-1].window, settings)[0]).tolist()) == expected


def told(days: int) -> Day:
    """As many days in which as many accounts as a window's number of the day are active."""
    day = Day(SETTINGS)
    for window in range(days * DAY):
        day.learn(window, 1 + window % DAY)
    return day


def test_the_shape_of_the_day_is_that_of_the_past_and_lagged() -> None:
    day = told(2)
    assert day.shape(DAY) is None
    shape = day.shape(DAY + 2 * EPOCH)
    assert shape is not None
    assert shape == pytest.approx(np.arange(1, SLOTS + 1) / np.arange(1, SLOTS + 1).sum())
    for window in range(2 * DAY, 2 * DAY + EPOCH):
        day.learn(window, 1_000_000)
    assert day.shape(2 * DAY + 2 * EPOCH - 1) == pytest.approx(shape)
    late = day.shape(2 * DAY + 2 * EPOCH)
    assert late is not None
    assert late[0] > 0.02 > shape[0]


def test_a_day_is_kept_over_a_restart() -> None:
    day, again = told(2), Day(SETTINGS)
    again.restore(msgspec.msgpack.decode(msgspec.msgpack.encode(day.snapshot())))
    for one in (day, again):
        one.learn(2 * DAY, 77)
    shapes = [one.shape(2 * DAY + 2 * EPOCH) for one in (day, again)]
    assert shapes[0] is not None
    assert shapes[0] == pytest.approx(shapes[1])


def timers(count: int, seed: int) -> npt.NDArray[np.bool_]:
    """Accounts that timers start at the same minute of the same eight hours."""
    hours = np.random.default_rng(seed).permutation(24)[:8]
    active = np.zeros((count, SLOTS), dtype=np.bool_)
    active[:, 6 * hours + 2] = True
    return active


def test_those_who_keep_to_the_clock_are_left_out() -> None:
    assert found_of(timers(30, 1)) is None
    others = strangers(40, 4)
    assert found_of(np.concatenate((timers(30, 1), others))) == found_of(others)


def test_as_few_times_in_common_at_any_minute_are_told_of() -> None:
    driven = np.zeros((30, SLOTS), dtype=np.bool_)
    driven[:, np.arange(8) * 13] = True  # at any minute of the hour
    assert claim(driven) < -4
