"""How far a stream has come: what is late, what is too far ahead to be believed, and what becomes of that."""

from __future__ import annotations

from streamer.detection.event_clock import (
    BEGINNERS,
    CONFIRMATIONS,
    DAY_MS,
    LONG_RUN,
    LONGEST_GAP_MS,
    MAX_HELD,
    NEVER_MS,
    SHORT_GAP_MS,
    EventClock,
)
from streamer.detection.request import RequestRecord
from tests.detection.handmade import LATENESS_MS, START_MS, at


def running() -> EventClock:
    clock = EventClock(LATENESS_MS)
    clock.confirm(START_MS)
    return clock


def people(count: int = CONFIRMATIONS) -> list[RequestRecord]:
    return [at(0, f"a{number}") for number in range(count)]


def test_before_the_stream_has_begun_there_is_no_time() -> None:
    clock = EventClock(LATENESS_MS)
    assert (clock.newest_ms, clock.watermark_ms, clock.held) == (None, None, 0)
    assert clock.horizon_ms < 0  # so that the first request is ahead, and held


def test_the_watermark_lies_the_lateness_behind_the_newest() -> None:
    clock = running()
    clock.confirm(START_MS + 1000)
    clock.confirm(START_MS - 1000)
    assert clock.newest_ms == START_MS + 1000
    assert clock.watermark_ms == clock.floor_ms == START_MS + 1000 - LATENESS_MS
    assert clock.horizon_ms == START_MS + 1000 + LATENESS_MS


def test_a_stream_begins_with_requests_that_confirm_one_another() -> None:
    clock = EventClock(LATENESS_MS)
    for number in range(CONFIRMATIONS - 1):
        assert clock.hold(at(number, f"a{number % BEGINNERS}")) == ([], 0)
    believed, given_up = clock.hold(at(-5))
    assert [r.timestamp_ms - START_MS for r in believed] == [-5, *range(CONFIRMATIONS - 1)]
    assert given_up == clock.held == 0
    assert clock.ripe_ms == NEVER_MS


def test_a_wrong_future_time_at_the_start_is_not_believed_with_the_others() -> None:
    clock = EventClock(LATENESS_MS)
    clock.hold(at(10**10, "wrong"))
    for number in range(CONFIRMATIONS - 1):
        believed, _ = clock.hold(at(number, f"a{number % BEGINNERS}"))
    assert len(believed) == CONFIRMATIONS - 1
    assert clock.held == 1


def test_one_that_is_not_ahead_ends_a_run_of_those_that_are() -> None:
    clock = running()
    for _ in range(3):
        for number in range(CONFIRMATIONS - 1):
            assert clock.hold(at(10**9 + number)) == ([], 0)
        clock.confirm(START_MS)
    assert clock.newest_ms == START_MS
    assert clock.held == 3 * (CONFIRMATIONS - 1)


def test_a_run_is_believed_up_to_the_lateness_beyond_its_middle() -> None:
    clock = running()
    jump = 10**9
    clock.know(people())
    for offset in (0, 1, 2, 3, 4, LATENESS_MS + 3, LATENESS_MS + 4):
        clock.hold(at(jump + offset, f"a{offset}"))
    believed, _ = clock.hold(at(jump + 5, "a"))
    # The lower middle of the eight is the fourth: offset 3.
    assert [r.timestamp_ms - START_MS - jump for r in believed] == [0, 1, 2, 3, 4, 5, LATENESS_MS + 3]
    assert clock.held == 1
    assert clock.ripe_ms == START_MS + jump + LATENESS_MS + 4


def test_what_is_held_is_ripe_when_the_clock_comes_within_the_lateness() -> None:
    clock = running()
    clock.hold(at(2 * LATENESS_MS, event_id="later"))
    clock.confirm(START_MS + LATENESS_MS - 1)
    assert clock.horizon_ms < clock.ripe_ms
    assert clock.ripe() == []
    clock.confirm(START_MS + LATENESS_MS)
    assert clock.horizon_ms >= clock.ripe_ms
    assert [r.event_id for r in clock.ripe()] == ["later"]
    assert clock.held == 0


def test_the_latest_is_believed_or_not() -> None:
    new, old = EventClock(LATENESS_MS), running()
    before = (new.latest_ms, old.latest_ms)
    new.hold(at(5))
    old.hold(at(10**9))
    assert before == (None, START_MS)
    assert (new.latest_ms, old.latest_ms) == (START_MS + 5, START_MS + 10**9)
    assert (new.newest_ms, old.newest_ms) == (None, START_MS)


def test_at_the_end_what_lies_within_a_day_is_believed_and_the_rest_given_up() -> None:
    clock = running()
    for offset in (DAY_MS, DAY_MS + 1, 10 * DAY_MS):
        clock.hold(at(offset))
    clock.confirm(START_MS)
    believed, given_up = clock.finish()
    assert [r.timestamp_ms for r in believed] == [START_MS + DAY_MS]
    assert given_up == 2
    assert clock.held == 0
    assert clock.finish() == ([], 0)


def test_at_the_end_a_gap_that_nobody_contradicts_may_be_longer() -> None:
    clock = running()
    times_ms = [3 * DAY_MS, 3 * DAY_MS + LONGEST_GAP_MS, 3 * DAY_MS + 2 * LONGEST_GAP_MS + 1]
    for offset in times_ms:
        clock.hold(at(offset))
    believed, given_up = clock.finish()
    assert [r.timestamp_ms - START_MS for r in believed] == times_ms[:2]
    assert given_up == 1


def test_a_stream_too_short_to_have_begun_is_believed_at_its_end() -> None:
    clock = EventClock(LATENESS_MS)
    for offset in (5, 3, 4):
        clock.hold(at(offset))
    believed, given_up = clock.finish()
    assert [r.timestamp_ms - START_MS for r in believed] == [3, 4, 5]
    assert given_up == 0


def test_a_flood_of_wrong_times_is_held_in_bounded_memory_and_the_wildest_is_given_up() -> None:
    clock = running()
    given_up = 0
    for number in range(MAX_HELD + 10):
        _, lost = clock.hold(at(10**9 + (7919 * number) % (MAX_HELD + 10)))  # each of as many times once, mixed
        given_up += lost
        clock.confirm(START_MS)
    assert clock.held == MAX_HELD
    assert given_up == 10
    held = [RequestRecord(*record).timestamp_ms for record in clock.snapshot()["held"]]
    assert (min(held), max(held)) == (clock.ripe_ms, START_MS + 10**9 + MAX_HELD - 1)


def test_a_restored_clock_goes_on_as_if_nothing_had_happened() -> None:
    clock = running()
    for number in range(CONFIRMATIONS - 1):
        clock.hold(at(10**9 + number, event_id=f"h{number}"))
    again = EventClock(LATENESS_MS)
    again.restore(clock.snapshot())
    assert (again.newest_ms, again.floor_ms, again.horizon_ms) == (clock.newest_ms, clock.floor_ms, clock.horizon_ms)
    assert again.ripe_ms == clock.ripe_ms
    last = at(10**9 + 99)
    assert again.hold(last) == clock.hold(last)
    assert again.held == 0


def test_a_clock_that_had_not_begun_is_restored_as_such() -> None:
    again = EventClock(LATENESS_MS)
    again.restore(EventClock(LATENESS_MS).snapshot())
    assert again.watermark_ms is None


def test_few_accounts_do_not_move_the_clock_of_many_however_much_they_send() -> None:
    clock = running()
    clock.know(people())
    for number in range(LONG_RUN - 1):
        assert clock.hold(at(SHORT_GAP_MS + LATENESS_MS + 1, f"wrong{number % (CONFIRMATIONS - 1)}")) == ([], 0)
    assert clock.newest_ms == START_MS


def test_who_is_alone_ahead_for_long_enough_is_believed() -> None:
    clock = running()
    clock.know(people())
    for number in range(LONG_RUN - 1):
        clock.hold(at(DAY_MS + number))
    believed, _ = clock.hold(at(DAY_MS))
    assert len(believed) == LONG_RUN


def test_after_a_short_silence_anybody_says_what_time_it_is() -> None:
    clock = running()
    clock.know(people())
    for number in range(CONFIRMATIONS - 1):
        clock.hold(at(SHORT_GAP_MS - number))
        clock.hold(at(DAY_MS, "wrong"))
    believed, _ = clock.hold(at(SHORT_GAP_MS))
    assert {r.account_id for r in believed} == {"a"}


def test_of_a_jump_each_account_has_one_vote() -> None:
    clock = running()
    clock.know(people(3))
    for number in range(CONFIRMATIONS):
        clock.hold(at(10**12 + number, "wrong"))
    clock.hold(at(DAY_MS, "a0"))
    believed, _ = clock.hold(at(DAY_MS, "a1"))
    assert [r.account_id for r in believed] == ["a0", "a1"]


def test_a_stream_of_few_accounts_needs_all_of_them() -> None:
    clock = running()
    clock.know(people(2))
    for number in range(2 * CONFIRMATIONS):
        assert clock.hold(at(DAY_MS + number, "a0")) == ([], 0)
    believed, _ = clock.hold(at(DAY_MS, "a1"))
    assert len(believed) == 2 * CONFIRMATIONS + 1


def test_who_is_late_does_not_say_what_time_it_is() -> None:
    clock = running()
    clock.know(people())
    for number in range(CONFIRMATIONS - 1):
        assert clock.hold(at(DAY_MS, f"a{number}")) == ([], 0)
        clock.confirm(START_MS - LATENESS_MS - 1)
    believed, _ = clock.hold(at(DAY_MS, "a"))
    assert len(believed) == CONFIRMATIONS
