"""The accounts of a partition: packed when idle, forgotten when long gone, never more than they may be."""

from __future__ import annotations

from streamer.detection.account import AccountState
from streamer.detection.account_book import AccountBook
from streamer.detection.account_window import AccountWindow
from streamer.detection.settings import AccountSettings
from tests.detection.handmade import DAY_MS, HOUR_MS, START_MS, at

SETTINGS = AccountSettings(
    pack_after_s=2 * 3600,
    retention_s=10 * 86_400,
    one_off_retention_s=2 * 86_400,
    one_off_requests=3,
    max_accounts=50,
)


def book(*, track_changes: bool = False) -> AccountBook:
    return AccountBook(SETTINGS, track_changes=track_changes)


def active(one: AccountBook, account_id: str, offset_ms: int, requests: int = 1) -> AccountState:
    state = one.open(account_id, [START_MS + offset_ms], START_MS + offset_ms)
    seen = AccountWindow()
    for _ in range(requests):
        request = at(offset_ms, account_id)
        seen.add(request, request.timestamp_ms)
    state.learn(seen, SETTINGS)
    return state


def test_an_idle_account_is_packed_and_comes_back_as_it_was() -> None:
    one = book()
    active(one, "idle", 0, 5)
    active(one, "busy", 2 * HOUR_MS)
    one.sweep(START_MS + 3 * HOUR_MS)
    assert (one.packed_count, len(one), set(one)) == (1, 2, {"idle", "busy"})
    before = one.record("idle")
    assert one.open("idle", [START_MS + 4 * HOUR_MS], START_MS + 4 * HOUR_MS).pack() == before
    assert one.packed_count == 0


def test_who_came_once_is_forgotten_before_who_came_often() -> None:
    one = book()
    active(one, "once", 0)
    active(one, "often", 0, 3)
    left = []
    for days in (1, 3, 9, 12):
        one.sweep(START_MS + days * DAY_MS)
        left.append(set(one))
    assert left == [{"once", "often"}, {"often"}, {"often"}, set()]


def test_beyond_the_bound_the_longest_idle_go_first() -> None:
    one = book()
    for number in range(80):
        active(one, f"a{number:02}", number * 1000, 5)
    one.sweep(START_MS + 5 * HOUR_MS)
    assert sorted(one) == [f"a{number:02}" for number in range(30, 80)]


def test_accounts_in_use_are_not_dropped_for_the_bound() -> None:
    one = book()
    active(one, "idle", 0, 5)
    for number in range(60):
        active(one, f"a{number:02}", 5 * HOUR_MS)
    one.sweep(START_MS + 6 * HOUR_MS)
    assert len(one) == 60
    assert "idle" not in set(one)


def test_changes_are_given_once_and_not_of_who_was_forgotten() -> None:
    one = book(track_changes=True)
    active(one, "gone", 0)
    active(one, "here", 3 * DAY_MS)
    one.sweep(START_MS + 3 * DAY_MS)
    assert set(one.take_changed()) == {"here"}
    assert one.take_changed() == {}
