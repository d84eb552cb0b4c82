"""The accounts that are judged, each as it last was."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from streamer.detection.member_table import MemberTable, members_of
from streamer.detection.profile import Rows
from tests.detection.handmade import key_of, rows_of

LARGE, SMALL = ("large",), ("small",)


def members(names: list[str], window: int, requests: int = 10) -> Rows:
    return members_of(rows_of(names, requests=requests), window, 2.0, 0.5)


def test_what_is_older_than_what_is_known_changes_nothing() -> None:
    table = MemberTable()
    table.put(members(["a", "b"], 5), ["a", "b"], [LARGE, LARGE])
    table.put(members(["b", "c"], 4, 99), ["b", "c"], [SMALL, SMALL])
    assert table.of(map(key_of, "abc"))["requests"].tolist() == [10, 10, 99]
    assert [table.models_of(key_of(name)) for name in "abc"] == [LARGE, LARGE, SMALL]
    table.put(members(["b"], 6, 77), ["b"], [SMALL])
    assert table.of([key_of("b")])["requests"].tolist() == [77]
    assert [table.window_of(key_of(name)) for name in "abcd"] == [5, 6, 4, -1]
    assert (len(table), key_of("a") in table, key_of("d") in table) == (3, True, False)


def test_who_is_unknown_is_left_out() -> None:
    table = MemberTable()
    assert len(table.of([1, 2])) == 0
    table.put(members(["a"], 1), ["a"], [LARGE])
    assert table.of([1, key_of("a"), 2])["key"].tolist() == [key_of("a")]


def test_rows_that_were_given_out_do_not_change_what_is_held() -> None:
    table = MemberTable()
    table.put(members(["a"], 1), ["a"], [LARGE])
    table.of([key_of("a")])["requests"] = 0
    assert table.of([key_of("a")])["requests"].tolist() == [10]


@pytest.mark.parametrize("accounts", [0, 1, 1024, 1025, 4000])
def test_a_restored_table_holds_the_same_however_large(accounts: int) -> None:
    table, names = MemberTable(), [f"a{number}" for number in range(accounts)]
    models = [(LARGE, SMALL)[number % 2] for number in range(accounts)]
    table.put(members(names, 7), names, models)
    again = MemberTable()
    again.restore(msgspec.msgpack.decode(msgspec.msgpack.encode(table.snapshot())))
    keys = [key_of(name) for name in names]
    assert np.array_equal(again.of(keys), table.of(keys))
    assert [again.models_of(key) for key in keys] == models
    assert [again.name(key) for key in keys] == names
    assert again.snapshot() == table.snapshot()


def test_who_was_long_gone_is_forgotten_and_leaves_a_clean_place() -> None:
    table = MemberTable()
    table.put(members(["old", "kept", "new"], 1), ["old", "kept", "new"], [LARGE] * 3)
    table.put(members(["new"], 9), ["new"], [LARGE])
    table.forget(9, {key_of("kept")})
    assert (len(table), key_of("old") in table, key_of("kept") in table) == (2, False, True)
    table.put(members(["next"], 2, 3), ["next"], [SMALL])  # older than what was there before
    assert table.of([key_of("next")])["requests"].tolist() == [3]
    assert (table.name(key_of("next")), table.models_of(key_of("next"))) == ("next", SMALL)
    assert len(table.rows) == 1024
