"""Windows are released when every source has come past them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streamer.detection.window import Barrier


def barrier(sources: int = 2) -> Barrier[str]:
    return Barrier(sources)


def test_a_source_that_never_spoke_holds_back_everything() -> None:
    two = barrier()
    two.add(3, ["x"])
    two.report(0, 9, idle=True)
    assert two.reached() == -1
    assert two.release() == []


def test_the_slowest_busy_source_decides() -> None:
    two = barrier()
    two.add(3, ["a"])
    two.add(5, ["b"])
    two.report(0, 6, idle=False)
    two.report(1, 4, idle=False)
    assert two.release() == [(3, ["a"])]
    assert two.closed_through == 4
    two.report(1, 5, idle=False)
    assert two.release() == [(5, ["b"])]


def test_what_is_released_comes_oldest_first_and_once() -> None:
    one = barrier(1)
    for window in (7, 2, 5):
        one.add(window, [f"w{window}"])
    one.report(0, 7, idle=False)
    assert [window for window, _ in one.release()] == [2, 5, 7]
    assert one.release() == []


def test_an_idle_source_holds_nobody_back_until_it_speaks_again() -> None:
    two = barrier()
    two.report(1, 1, idle=True)
    two.add(8, ["a"])
    two.report(0, 8, idle=False)
    assert two.release() == [(8, ["a"])]
    two.report(1, 8, idle=False)
    two.add(9, ["b"])
    two.report(0, 9, idle=False)
    assert two.release() == []
    two.report(1, 9, idle=False)
    assert two.release() == [(9, ["b"])]


def test_when_all_are_idle_everything_is_released() -> None:
    two = barrier()
    two.add(4, ["a"])
    two.add(6, ["b"])
    two.report(0, 6, idle=True)
    before = two.idle
    two.report(1, 2, idle=True)
    assert (before, two.idle) == (False, True)
    assert two.release() == [(4, ["a"]), (6, ["b"])]
    assert two.closed_through == 6


def test_a_repeat_is_recognised_and_progress_never_goes_back() -> None:
    one = barrier(1)
    assert not one.passed(0, 5)
    one.report(0, 5, idle=False)
    one.report(0, 3, idle=False)
    assert one.passed(0, 5)
    assert one.passed(0, 3)
    assert not one.passed(0, 6)
    assert one.reached() == 5


def test_items_of_a_closed_window_are_counted_and_not_held() -> None:
    one = barrier(1)
    one.report(0, 5, idle=False)
    one.release()
    assert one.add(5, ["x", "y"]) == 2
    assert one.add(6, ["z"]) == 0
    one.report(0, 6, idle=False)
    assert one.release() == [(6, ["z"])]


def test_a_late_idle_source_does_not_open_what_is_closed() -> None:
    two = barrier()
    two.report(1, 0, idle=True)
    two.report(0, 9, idle=False)
    two.release()
    two.report(1, 1, idle=False)
    assert two.release() == []
    assert two.closed_through == 9


def test_a_restored_barrier_goes_on_as_if_nothing_had_happened() -> None:
    two = barrier()
    two.add(4, ["a"])
    two.report(0, 3, idle=False)
    two.report(1, 2, idle=True)
    two.release()
    again = barrier()
    again.restore(two.snapshot(), str)
    assert again.closed_through == 3
    assert again.passed(1, 2)
    for one in (two, again):
        one.report(0, 4, idle=False)
    assert again.release() == two.release() == [(4, ["a"])]


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 12), st.booleans()), max_size=30))
def test_nothing_is_lost_doubled_or_released_before_its_time(reports: list[tuple[int, int, bool]]) -> None:
    three: Barrier[tuple[int, int]] = Barrier(3)
    added: set[tuple[int, int]] = set()
    released: list[tuple[int, int]] = []
    late = 0
    for source, window, idle in reports:
        if not three.passed(source, window):
            late += three.add(window, [(source, window)])
            added.add((source, window))
        three.report(source, window, idle=idle)
        for at, items in three.release():
            assert at <= three.closed_through
            released += items
    held = [(i[0], i[1]) for _, items in three.snapshot()["held"] for i in items]
    assert len(set(released)) == len(released)
    assert len(released) + len(held) + late == len(added)
