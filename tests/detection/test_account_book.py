"""The accounts of a partition: one record each, forgotten when long gone, never more than they may be."""

from __future__ import annotations

import numpy as np
import pytest

from streamer.detection.account_book import ACCOUNT, RECORD_VERSION, AccountBook, requests_of
from streamer.detection.settings import AccountSettings
from tests.detection.handmade import DAY_MS, HOUR_MS, START_MS, key_of

SETTINGS = AccountSettings(retention_s=10 * 86_400, one_off_retention_s=2 * 86_400, one_off_requests=3, max_accounts=50)


def book(*, track_changes: bool = False) -> AccountBook:
    return AccountBook(SETTINGS, track_changes=track_changes)


def active(one: AccountBook, names: list[str], offset_ms: int, requests: int = 1) -> None:
    now_ms = START_MS + offset_ms
    slots = one.open(names, np.full(len(names), now_ms, dtype=np.int64), now_ms)
    one.rows["last_ms"][slots] = now_ms
    one.rows["requests"][slots] += requests


def requests(one: AccountBook, name: str) -> int:
    record = one.record(name)
    assert record is not None
    return requests_of(record)


def test_who_came_once_is_forgotten_before_who_came_often() -> None:
    one = book()
    active(one, ["once"], 0)
    active(one, ["often"], 0, 3)
    left = []
    for days in (1, 3, 9, 12):
        one.sweep(START_MS + days * DAY_MS)
        left.append(set(one))
    assert left == [{"once", "often"}, {"often"}, {"often"}, set()]


def test_whether_it_was_swept_or_not_who_was_gone_for_long_is_new() -> None:
    for swept in (False, True):
        one = book()
        active(one, ["a"], 0, 2)
        if swept:
            one.sweep(START_MS + 3 * DAY_MS)
        active(one, ["a"], 3 * DAY_MS)
        assert requests(one, "a") == 1
        assert one.rows["first_ms"][one.open(["a"], np.array([0]), START_MS + 3 * DAY_MS)] == START_MS + 3 * DAY_MS


def test_beyond_the_bound_the_longest_idle_go_first_and_of_those_the_first_by_name() -> None:
    one = book()
    for number in range(70):
        active(one, [f"a{number:02}"], number * 1000, 5)
    active(one, [f"b{number:02}" for number in range(10)], 0, 5)
    one.sweep(START_MS + 5 * HOUR_MS)
    assert len(one) == 50
    assert sorted(one) == [f"a{number:02}" for number in range(20, 70)]


@pytest.mark.parametrize("order", [1, -1])
def test_who_is_dropped_for_the_bound_does_not_depend_on_who_came_first(order: int) -> None:
    one = book()
    for name in [f"a{number:02}" for number in range(80)][::order]:
        active(one, [name], 0, 5)
    one.sweep(START_MS + 5 * HOUR_MS)
    assert sorted(one) == [f"a{number:02}" for number in range(30, 80)]


def test_a_place_that_was_freed_holds_nothing_of_who_was_there_before() -> None:
    one = book()
    active(one, ["gone"], 0, 2)
    one.rows["hours"], one.rows["languages"], one.rows["output"] = 7, 9, 3.0
    one.sweep(START_MS + 3 * DAY_MS)
    slots = one.open(["new"], np.array([START_MS + 4 * DAY_MS]), START_MS + 4 * DAY_MS)
    expected = np.zeros(1, dtype=ACCOUNT)
    first_ms = START_MS + 4 * DAY_MS
    expected["key"], expected["first_ms"], expected["last_ms"] = key_of("new"), first_ms, first_ms
    expected["hour"] = first_ms // HOUR_MS
    expected["census_day"] = expected["refused_day"] = first_ms // DAY_MS
    assert one.rows[slots].tobytes() == expected.tobytes()


def test_changes_are_given_once_and_not_of_who_was_forgotten() -> None:
    one = book(track_changes=True)
    active(one, ["gone"], 0)
    active(one, ["here"], 3 * DAY_MS)
    one.sweep(START_MS + 3 * DAY_MS)
    assert set(one.take_changed()) == {"here"}
    assert one.take_changed() == {}


@pytest.mark.parametrize("accounts", [0, 1, 1024, 1025, 5000])
def test_a_restored_book_holds_the_same_records_however_many_they_are(accounts: int) -> None:
    one = AccountBook(AccountSettings(), track_changes=True)
    names = [f"a{number}" for number in range(accounts)]
    active(one, names, 0, 4)
    records = one.take_changed()
    again = AccountBook(AccountSettings(), track_changes=True)
    again.restore(records.items(), one.swept_hour)
    assert len(again) == accounts
    active(one, names[::2], HOUR_MS)
    active(again, names[::2], HOUR_MS)
    assert [again.record(name) for name in names] == [one.record(name) for name in names]


def test_what_is_not_remembered_has_no_record() -> None:
    assert book().record("nobody") is None


@pytest.mark.parametrize(
    "spoiled", [bytes([RECORD_VERSION + 1]) + bytes(ACCOUNT.itemsize), bytes([RECORD_VERSION]), b"", bytes(9999)]
)
def test_a_record_of_another_version_or_length_is_refused(spoiled: bytes) -> None:
    with pytest.raises(ValueError, match="expected version"):
        book().restore([("a", spoiled)], 0)
    with pytest.raises(ValueError, match="expected version"):
        requests_of(spoiled)


def test_a_record_is_small() -> None:
    assert ACCOUNT.itemsize <= 540


def test_a_look_finds_what_opening_would_and_changes_nothing() -> None:
    one = book(track_changes=True)
    active(one, ["gone"], 0, 2)
    active(one, ["kept"], 3 * DAY_MS, 9)
    one.take_changed()
    now_ms, names = START_MS + 3 * DAY_MS, ["new", "gone", "kept"]
    seen = one.look(names, now_ms)
    assert seen["requests"].tolist() == [0, 0, 9]
    assert seen["key"].tolist() == [key_of(name) for name in names]
    assert seen["first_ms"].tolist() == [0, 0, now_ms]
    assert (one.take_changed(), len(one), requests(one, "gone")) == ({}, 2, 2)
    opened = one.rows[one.open(names, np.full(3, now_ms, dtype=np.int64), now_ms)]
    for name in ("key", "requests", "usage", "output_tokens"):
        assert opened[name].tolist() == seen[name].tolist()
