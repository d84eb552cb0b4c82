"""What one stage tells the next can be split over partitions and cut into messages without loss."""

from __future__ import annotations

import random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streamer.detection.evidence import NOBODY, PROMPT, WindowReport
from streamer.detection.gathering import Gathering
from streamer.detection.open_window import BY_HASH, BY_SHAPE
from streamer.detection.report_parts import chunk, keys_of, split
from tests.detection.handmade import START_WINDOW, Prompt, active_of, cells, rows_of, told

SHARDS = 16
SUMMARY = cells({3: 17, 4_000_000: 2})
Found = list[tuple[list[str], list[tuple[int, int, int]]]]

values = st.integers(0, 2**64 - 1) | st.sampled_from([0, 1, 2**64 - 1])
prompts = st.tuples(values, st.sampled_from([-1, 0, 599_999]), st.sampled_from([BY_HASH, BY_SHAPE]))
accounts = st.lists(
    st.tuples(
        st.lists(st.sampled_from([f"pf{n}" for n in range(12)]), unique=True, max_size=4),
        st.lists(prompts, unique_by=lambda prompt: prompt[0], max_size=3),
    ),
    max_size=12,
)


def report(found: Found) -> WindowReport:
    names = [f"a{number}" for number in range(len(found))]
    active = active_of(
        names,
        {name: links for name, (links, _) in zip(names, found, strict=True)},
        [
            Prompt(name, value, 5, refused_ms, kind)
            for name, (_, asked) in zip(names, found, strict=True)
            for value, refused_ms, kind in asked
        ],
        rows_of(names, total_output_tokens=range(len(names)), model=np.arange(len(names)) % 3),
    )
    models: list[tuple[str, ...]] = [("large",), ("small", "tiny"), ()]
    return WindowReport(2, START_WINDOW, active._replace(models=models), SUMMARY, idle=True)


def partition_of(key: int, partitions: int) -> int:
    return key % SHARDS % partitions


def put_together(parts: list[WindowReport]) -> tuple[object, ...]:
    """All that a link stage reads of a window."""
    whole = Gathering([part.active for part in parts])
    entries = [
        (key, owner, whole.link(place))
        for place, (key, owner) in enumerate(zip(whole.keys.tolist(), whole.owners.tolist(), strict=True))
    ]
    rows = whole.rows.copy()
    rows["model"] = 0
    return whole.account_ids, whole.models, rows.tobytes(), whole.prompts.tobytes(), entries


@given(accounts, st.integers(1, 5))
def test_each_link_and_prompt_goes_to_its_partitions_and_to_no_other(found: Found, partitions: int) -> None:
    whole = report(found)
    parts = split(whole, partitions, SHARDS)
    assert len(parts) == partitions
    source = told(whole.active)
    for target, part in enumerate(parts):
        pieces = told(part.active)
        assert pieces.keys() == source.keys()
        for name, piece in pieces.items():
            assert (piece.row, piece.models) == (source[name].row, source[name].models)
            assert list(piece.links) == [
                link for link in source[name].links if partition_of(link.key, partitions) == target
            ]
            expected = []
            for prompt in source[name].prompts:
                one = np.zeros(1, dtype=PROMPT)
                one["value"], one["kind"] = prompt[0], prompt[3]
                if target in {partition_of(key, partitions) for key in keys_of(one)[0].tolist()}:
                    expected.append(prompt)
            assert list(piece.prompts) == expected


@given(accounts, st.integers(1, 5))
def test_summary_and_progress_go_to_all(found: Found, partitions: int) -> None:
    whole = report(found)
    for part in split(whole, partitions, SHARDS):
        assert part._replace(active=NOBODY) == whole._replace(active=NOBODY)


@given(accounts, st.integers(1, 15))
def test_only_the_last_chunk_is_progress(found: Found, max_rows: int) -> None:
    whole = report(found)
    parts = chunk(whole, max_rows)
    assert all(len(part.active.account_ids) <= max_rows for part in parts)
    assert [part.last for part in parts] == [False] * (len(parts) - 1) + [True]
    assert [part.idle for part in parts] == [False] * (len(parts) - 1) + [True]
    assert b"".join(part.summary for part in parts) == SUMMARY
    assert {(part.partition, part.window) for part in parts} == {(2, START_WINDOW)}
    together = [one for part in parts for one in told(part.active).items()]
    assert together == list(told(whole.active).items())


@given(accounts, st.integers(1, 5), st.integers(1, 15), st.randoms(use_true_random=False))
def test_pieces_put_together_in_any_order_some_of_them_twice_are_the_whole(
    found: Found, partitions: int, max_rows: int, rng: random.Random
) -> None:
    whole = report(found)
    pieces = [piece for part in split(whole, partitions, SHARDS) for piece in chunk(part, max_rows)]
    pieces += rng.sample(pieces, len(pieces) // 2)
    rng.shuffle(pieces)
    expected, together = put_together([whole]), put_together(pieces)
    assert together[:4] == expected[:4]
    assert sorted(set(together[4])) == sorted(set(expected[4]))  # type: ignore[call-overload]


@given(accounts, accounts, st.booleans())
def test_an_account_that_two_partitions_tell_of_is_put_together_the_same_in_any_order(
    one: Found,
    other: Found,
    shares: bool,  # noqa: FBT001
) -> None:
    parts = [report(one), report(other)]
    if not shares:
        moved = rows_of([f"a{number}" for number in range(len(other))], requests=99)
        parts[1] = parts[1]._replace(active=parts[1].active._replace(rows=moved.tobytes()))
    assert put_together(parts) == put_together(parts[::-1])


def test_a_report_without_rows_is_still_told() -> None:
    assert chunk(report([]), 5) == [report([])]
    assert [told(part.active) for part in split(report([]), 3, SHARDS)] == [{}] * 3
    assert Gathering([]).account_ids == Gathering([NOBODY, NOBODY]).account_ids == []
