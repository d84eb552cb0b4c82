"""A group forgets who was last on its value too long ago, also after a restart."""

from __future__ import annotations

import pytest

from streamer.detection.link_group import Group
from tests.detection.handmade import link

WINDOW = 100


def group() -> Group:
    """Two accounts that came at once, of which one came again, and a third that came later."""
    one = Group(link("pf"), WINDOW)
    one.members = {1: WINDOW, 2: WINDOW + 5, 3: WINDOW + 9}
    one.last_window = WINDOW + 9
    return one


def again(one: Group) -> Group:
    return Group.restore(one.snapshot())


@pytest.mark.parametrize("one", [group(), again(group())], ids=["as it is", "restored"])
def test_who_was_last_on_a_value_before_a_window_is_dropped_then_and_no_sooner(one: Group) -> None:
    for before, left in ((-1, [1, 2, 3]), (0, [1, 2, 3]), (1, [2, 3]), (5, [2, 3]), (6, [3]), (10, [])):
        one.forget(WINDOW + before)
        assert sorted(one.members) == left
        assert sorted(again(one).members) == left


def test_a_group_of_which_nobody_is_left_takes_in_others() -> None:
    one = again(group())
    one.forget(WINDOW + 10)
    one = again(one)
    one.members[4] = WINDOW + 12
    one.forget(WINDOW + 12)
    assert one.members == {4: WINDOW + 12}
    one.forget(WINDOW + 13)
    assert one.members == {}
