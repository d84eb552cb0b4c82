"""The second account on a value is noticed; memory does not grow; shards do not touch each other."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.detection.sightings import NOBODY, SEVERAL, Sightings

# Keys far apart: as hashes are, and so that the tags of small numbers do not all look like an empty slot's.
SPREAD = 0x9E37_79B9_7F4A_7C15


def array(values: list[int]) -> npt.NDArray[np.uint64]:
    return np.array(values, dtype=np.uint64)


def key(number: int) -> int:
    return (number + 1) * SPREAD % 2**64


def shared(table: Sightings, *seen: tuple[int, int], epoch: int = 0) -> list[bool]:
    flags: list[bool] = table.shared(array([key(k) for k, _ in seen]), array([a for _, a in seen]), epoch).tolist()
    return flags


def test_a_second_account_is_noticed_the_same_one_never() -> None:
    table = Sightings(shards=2, slots=64)
    assert shared(table, (1, 100)) == [False]
    assert shared(table, (1, 100)) == [False]
    assert shared(table, (1, 200)) == [True]
    assert shared(table, (2, 200)) == [False]


@pytest.mark.parametrize("first", [5, 255, 256, 511])
def test_an_account_is_remembered_in_its_epoch_and_the_next_and_not_after(first: int) -> None:
    for later, noticed in ((0, True), (1, True), (2, False), (3, False)):
        table = Sightings(shards=1, slots=64)
        shared(table, (1, 100), epoch=first)
        assert shared(table, (1, 200), epoch=first + later) == [noticed]


def test_an_account_that_comes_again_is_remembered_anew() -> None:
    table = Sightings(shards=1, slots=64)
    shared(table, (1, 100), epoch=1)
    shared(table, (1, 100), epoch=2)
    assert shared(table, (1, 200), epoch=3) == [True]


def test_all_that_meet_in_one_batch_are_noticed() -> None:
    table = Sightings(shards=1, slots=64)
    assert shared(table, (1, 100), (2, 100), (1, 200), (3, 300), (1, 300)) == [True, False, True, False, True]


def test_an_account_twice_in_one_batch_does_not_meet_itself() -> None:
    table = Sightings(shards=1, slots=64)
    assert shared(table, (1, 100), (1, 100)) == [False, False]


def test_an_empty_batch_notices_nothing() -> None:
    assert shared(Sightings(1, 64)) == []


def test_a_newer_value_takes_an_older_ones_slot_and_is_not_mistaken_for_it() -> None:
    table = Sightings(shards=1, slots=1)
    assert shared(table, (1, 100)) == [False]
    assert shared(table, (2, 200)) == [False]
    assert shared(table, (1, 300)) == [False]
    assert shared(table, (1, 400)) == [True]


def test_memory_does_not_grow_with_invented_values() -> None:
    table = Sightings(shards=4, slots=64)
    for start in range(0, 100_000, 10_000):
        shared(table, *((number, number) for number in range(start, start + 10_000)))
    assert len(table.snapshot()) == 4 * 64 * 8


@pytest.mark.parametrize("shards, slots", [(0, 64), (1, 63), (-1, 64)])
def test_a_table_that_cannot_be_is_refused(shards: int, slots: int) -> None:
    with pytest.raises(ValueError, match="power of two"):
        Sightings(shards, slots)


batches = st.lists(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 4)), max_size=8), min_size=1, max_size=6)


@given(batches)
def test_a_table_with_all_shards_and_tables_with_some_answer_alike(seen: list[list[tuple[int, int]]]) -> None:
    # Four slots for each shard: values push each other out all the time.
    whole = Sightings(shards=4, slots=4)
    parts = [Sightings(shards=4, slots=4) for _ in range(2)]
    for epoch, batch in enumerate(seen):
        expected = shared(whole, *batch, epoch=epoch // 2)
        found = [False] * len(batch)
        for part, table in enumerate(parts):
            mine = [at for at, (k, _) in enumerate(batch) if key(k) % 4 % 2 == part]
            for at, flag in zip(mine, shared(table, *(batch[at] for at in mine), epoch=epoch // 2), strict=True):
                found[at] = flag
        assert found == expected


@given(batches)
def test_a_table_of_some_shards_has_no_room_for_the_others_and_answers_alike(
    seen: list[list[tuple[int, int]]],
) -> None:
    whole = Sightings(shards=5, slots=4)
    parts = [Sightings(shards=5, slots=4, partition=part, partitions=2) for part in range(2)]
    assert [len(table.snapshot()) for table in parts] == [3 * 4 * 8, 2 * 4 * 8]
    for epoch, batch in enumerate(seen):
        for part, table in enumerate(parts):
            mine = [pair for pair in batch if key(pair[0]) % 5 % 2 == part]
            assert shared(table, *mine, epoch=epoch // 2) == shared(whole, *mine, epoch=epoch // 2)


@given(batches)
def test_a_restored_table_answers_alike(seen: list[list[tuple[int, int]]]) -> None:
    table = Sightings(shards=2, slots=4)
    for batch in seen[:-1]:
        shared(table, *batch)
    again = Sightings(shards=2, slots=4)
    again.restore(table.snapshot())
    assert shared(again, *seen[-1]) == shared(table, *seen[-1])
    assert again.snapshot() == table.snapshot()


def before(table: Sightings, *keys: int, epoch: int = 0) -> list[int | None]:
    found = table.before(array([key(k) for k in keys]), epoch).tolist()
    return [None if account == int(NOBODY) else account for account in found]


@pytest.mark.parametrize("first", [5, 255, 256])
def test_who_was_on_a_value_before_is_known_in_its_epoch_and_the_next(first: int) -> None:
    table = Sightings(shards=2, slots=64)
    shared(table, (1, 100), epoch=first)
    assert [before(table, 1, 2, epoch=first + later) for later in (0, 1, 2)] == [[100, None], [100, None], [None] * 2]


def test_asking_who_was_there_leaves_no_trace() -> None:
    table = Sightings(shards=2, slots=64)
    state = table.snapshot()
    assert before(table, 1) == [None]
    assert before(table) == []
    assert table.snapshot() == state


def test_that_several_were_on_a_value_is_remembered_only_if_asked_for() -> None:
    for count_several, expected in ((True, int(SEVERAL)), (False, 100)):
        table = Sightings(shards=1, slots=64, count_several=count_several)
        shared(table, (1, 100))
        shared(table, (1, 200))
        assert before(table, 1) == [expected]
        shared(table, (1, 100))
        assert before(table, 1) == [expected]
    table = Sightings(shards=1, slots=64, count_several=True)
    shared(table, (1, 100), (1, 200))
    assert before(table, 1) == [int(SEVERAL)]
