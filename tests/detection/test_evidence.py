"""What one stage tells the next can be split over partitions and cut into messages without loss."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streamer.detection.evidence import Count, Row, WindowReport, chunk, split
from streamer.detection.links import template_keys
from tests.detection.handmade import START_WINDOW, row

SHARDS = 16
SUMMARY = [Count("*", 0, 0, 3, 17)]

rows_of = st.lists(
    st.tuples(
        st.lists(st.sampled_from([f"pf{n}" for n in range(12)]), unique=True, max_size=4),
        st.lists(st.integers(0, 2**64 - 1), unique=True, max_size=3),
    ),
    max_size=12,
)


def report(found: list[tuple[list[str], list[int]]]) -> WindowReport:
    rows = [row(f"a{number}", START_WINDOW, values, templates) for number, (values, templates) in enumerate(found)]
    return WindowReport(2, START_WINDOW, rows, SUMMARY, idle=True)


def partition_of(key: int, partitions: int) -> int:
    return key % SHARDS % partitions


def of_account(part: WindowReport, account_id: str) -> list[Row]:
    return [row for row in part.rows if row.profile.account_id == account_id]


@given(rows_of, st.integers(1, 5))
def test_each_link_goes_to_its_partition_and_to_no_other(
    found: list[tuple[list[str], list[int]]], partitions: int
) -> None:
    whole = report(found)
    parts = split(whole, partitions, SHARDS)
    assert len(parts) == partitions
    for source in whole.rows:
        pieces = [of_account(part, source.profile.account_id) for part in parts]
        assert all(len(piece) <= 1 for piece in pieces)
        links = [(at, link) for at, piece in enumerate(pieces) for one in piece for link in one.links]
        assert sorted(links) == sorted((partition_of(link.key, partitions), link) for link in source.links)
        for template in source.templates:
            targets = {partition_of(key, partitions) for key in template_keys([template])[0].tolist()}
            seen = [
                at for at, piece in enumerate(pieces) for one in piece for known in one.templates if known == template
            ]
            assert seen == sorted(targets)
        assert pieces[partition_of(source.profile.account_key, partitions)]
        assert all(one.profile == source.profile for piece in pieces for one in piece)


@given(rows_of, st.integers(1, 5))
def test_summary_and_progress_go_to_all(found: list[tuple[list[str], list[int]]], partitions: int) -> None:
    whole = report(found)
    for part in split(whole, partitions, SHARDS):
        assert part._replace(rows=[]) == whole._replace(rows=[])


@given(rows_of, st.integers(1, 15))
def test_only_the_last_chunk_is_progress(found: list[tuple[list[str], list[int]]], max_rows: int) -> None:
    whole = report(found)
    parts = chunk(whole, max_rows)
    assert [row for part in parts for row in part.rows] == whole.rows
    assert all(len(part.rows) <= max_rows for part in parts)
    assert [part.last for part in parts] == [False] * (len(parts) - 1) + [True]
    assert [part.idle for part in parts] == [False] * (len(parts) - 1) + [True]
    assert [count for part in parts for count in part.summary] == SUMMARY
    assert {(part.partition, part.window) for part in parts} == {(2, START_WINDOW)}


def test_a_report_without_rows_is_still_told() -> None:
    assert chunk(report([]), 5) == [report([])]
    assert split(report([]), 3, SHARDS) == [report([])] * 3
