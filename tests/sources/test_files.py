from __future__ import annotations

import gzip
import json
import os
import sys
from io import FileIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from streamer.errors import SourceError, StreamerError, UsageError
from streamer.sources import blocks
from streamer.sources.batch import Batch
from streamer.sources.blocks import Counted, Patient, chunks, line_blocks, opened
from streamer.sources.files import read_batches, total_bytes
from tests.sources.examples import FULL, event, line, numbered

LINES = numbered(5000)
TEXT = b"\n".join(LINES) + b"\n"


def read(*paths: Path | str, **options: Any) -> Batch:
    together = Batch()
    for batch in read_batches(paths, **options):
        together.add(batch)
    return together


def ids(batch: Batch) -> list[str]:
    return [found.event_id for found in batch.events]


EXPECTED_IDS = [f"ev-{at}" for at in range(5000)]


def compressed(kind: str) -> bytes:
    if kind == "gz":
        return gzip.compress(TEXT[:100_000]) + gzip.compress(TEXT[100_000:])
    if kind == "zst":
        compress = zstandard.ZstdCompressor(write_checksum=True).compress
        return compress(TEXT[:100_000]) + compress(TEXT[100_000:])
    return TEXT


@pytest.mark.parametrize("kind", ["plain", "gz", "zst"])
def test_every_compression_reads_alike_from_file_and_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    path = tmp_path / "events.jsonl"  # the name does not matter: the content says what it is
    path.write_bytes(compressed(kind))
    told: list[int] = []
    found = read(path, on_bytes=told.append)
    assert ids(found) == EXPECTED_IDS
    assert not found.rejects
    assert sum(told) == total_bytes([path]) == path.stat().st_size
    with path.open("rb") as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        assert read("-") == found
    assert total_bytes([path, "-"]) is None


@pytest.mark.parametrize("kind", ["gz", "zst"])
def test_a_cut_off_file_gives_what_there_is_and_then_says_so(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"events.jsonl.{kind}"
    path.write_bytes(compressed(kind)[:-50])
    found: list[Batch] = []
    with pytest.raises(StreamerError, match="ends too early") as caught:
        found.extend(read_batches([path]))
    assert found
    assert not any(batch.rejects for batch in found)
    assert caught.value.where == str(path)


@pytest.mark.parametrize("kind", ["gz", "zst"])
def test_broken_compressed_data_is_said_to_be_broken(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"events.jsonl.{kind}"
    data = bytearray(compressed(kind))
    data[200:400] = bytes(200)
    path.write_bytes(data)
    with pytest.raises(StreamerError, match=r"broken compressed data|ends too early"):
        read(path)


def test_what_cannot_be_opened_is_said_before_anything_is_read(tmp_path: Path) -> None:
    good = tmp_path / "good.jsonl"
    good.write_bytes(TEXT)
    with pytest.raises(SourceError, match="no such file"):
        read_batches([good, tmp_path / "absent.jsonl"])
    with pytest.raises(SourceError, match="a directory"):
        read_batches([tmp_path])
    with pytest.raises(SourceError, match="none given"):
        read_batches([])
    with pytest.raises(SourceError, match="named twice"):
        read_batches(["-", "-"])
    with pytest.raises(UsageError, match="use one of auto, native, litellm"):
        read_batches([good], format_name="csv")


@pytest.mark.parametrize("suffix", ["jsonl", "jsonl.gz", "jsonl.zst"])
def test_an_empty_file_holds_nothing(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"events.{suffix}"
    path.write_bytes(b"")
    assert read(path) == Batch()


def test_windows_lines_blank_lines_and_a_byte_order_mark_are_no_matter(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + b"\r\n".join(LINES[:3]) + b"\r\n\r\n  \n" + LINES[3])
    found = read(path)
    assert ids(found) == EXPECTED_IDS[:4]
    assert not found.rejects


def test_rejects_say_where_they_were(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"\n".join([*LINES[:2000], b"broken", *LINES[2000:], b"{}", b"\xff"]))
    found = read(path)
    assert ids(found) == EXPECTED_IDS
    assert [(reject.reason, reject.line, reject.raw) for reject in found.rejects] == [
        ("not_json", 2001, b"broken"),
        ("missing_field", 5002, b"{}"),
        ("not_utf8", 5003, b"\xff"),
    ]
    assert {reject.source for reject in found.rejects} == {str(path)}


@pytest.mark.parametrize("ending", [b"\n", b""])
def test_a_line_of_5_megabytes_is_rejected_and_only_its_beginning_held(tmp_path: Path, ending: bytes) -> None:
    path = tmp_path / "events.jsonl"
    long = line(event_id="long", user_agent="x" * 5_000_000)
    parts = [*LINES[:10], long] if not ending else [*LINES[:5], long, *LINES[5:10]]
    path.write_bytes(b"\n".join(parts) + ending)
    found = read(path)
    assert ids(found) == EXPECTED_IDS[:10]
    [reject] = found.rejects
    assert (reject.reason, reject.size) == ("too_large", len(long))
    assert reject.line == (6 if ending else 11)
    assert len(reject.raw) <= 65_536
    assert long.startswith(reject.raw)
    assert len(read(path, max_event_bytes=6_000_000).events) == 11


def test_batches_are_no_larger_than_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(TEXT)
    batches = list(read_batches([path], batch_size=300))
    assert max(len(batch.events) for batch in batches) == 300
    assert [name for batch in batches for name in ids(batch)] == EXPECTED_IDS


def test_several_files_are_merged_by_time_whether_in_sequence_or_side_by_side(tmp_path: Path) -> None:
    sides = [tmp_path / f"partition-{at}.jsonl" for at in range(3)]
    for at, path in enumerate(sides):
        path.write_bytes(b"\n".join(LINES[at::3]))
    hours = [tmp_path / "hour-1.jsonl", tmp_path / "hour-2.jsonl.gz"]
    hours[0].write_bytes(b"\n".join(LINES[2500:]) + b"\nbroken")
    hours[1].write_bytes(gzip.compress(b"\n".join(LINES[:2500])))
    assert ids(read(*sides)) == EXPECTED_IDS
    found = read(*hours, batch_size=100)
    assert ids(found) == EXPECTED_IDS
    assert [reject.raw for reject in found.rejects] == [b"broken"]


def test_lines_may_hold_arrays(tmp_path: Path) -> None:
    path = tmp_path / "messages.jsonl"
    path.write_bytes(b"[" + b",".join(LINES[:3]) + b"]\n" + LINES[3] + b"\n[]\n")
    assert ids(read(path)) == EXPECTED_IDS[:4]


def table(rows: list[dict[str, Any]], **columns: Any) -> pa.Table:
    made = pa.Table.from_pylist(rows)
    for name, column in columns.items():
        made = made.set_column(made.schema.get_field_index(name), name, column)
    return made


ROWS = [FULL | {"event_id": f"ev-{at}", "timestamp": 1_793_000_000_000 + at} for at in range(3000)]


@pytest.mark.parametrize(
    "kind", [pa.int64(), pa.timestamp("ms"), pa.timestamp("ns", "UTC"), pa.timestamp("us", "Europe/Berlin")]
)
def test_parquet_reads_like_json_whatever_its_times_are(tmp_path: Path, kind: pa.DataType) -> None:
    path = tmp_path / "events.parquet"
    times = pa.array([row["timestamp"] for row in ROWS])
    if pa.types.is_timestamp(kind):
        times = times.cast(pa.timestamp("ms", kind.tz)).cast(kind)
    pq.write_table(table(ROWS, timestamp=times), path)
    told: list[int] = []
    found = read(path, on_bytes=told.append)
    assert ids(found) == EXPECTED_IDS[:3000]
    assert [event.timestamp_ms for event in found.events] == [row["timestamp"] for row in ROWS]
    assert not found.rejects
    assert not found.fields_dropped
    assert found.events[0].user_agent == FULL["user_agent"]
    assert sum(told) == total_bytes([path])


def test_parquet_with_gaps_wrong_values_and_columns_of_others(tmp_path: Path) -> None:
    path = tmp_path / "events.parquet"
    rows = [
        event(event_id="a", status=200.0, client_ip="192.0.2.1", other="x"),
        event(event_id="b", status=float("nan"), client_ip="nowhere", prompt="some raw text here"),
        event(event_id=None),
        event(event_id="c", timestamp=5),
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=pa.unify_schemas([
        pa.Table.from_pylist([row]).schema for row in rows[:2]
    ])), path)  # fmt: skip
    found = read(path)
    assert [(one.event_id, one.status, one.client_ip) for one in found.events] == [
        ("a", 200, "192.0.2.1"),
        ("b", None, None),
    ]
    assert found.events[1].prompt_simhash is not None
    assert dict(found.fields_dropped) == {"client_ip": 1}
    assert [(reject.reason, reject.line) for reject in found.rejects] == [
        ("missing_field", 3),
        ("timestamp_out_of_range", 4),
    ]
    assert json.loads(found.rejects[0].raw)["account_id"] == "acct-1"


def test_parquet_that_is_none_or_lacks_columns_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "events.parquet"
    path.write_bytes(b"not parquet at all")
    with pytest.raises(StreamerError, match="not a Parquet file"):
        read(path)
    pq.write_table(pa.table({"event_id": ["a"], "model": ["m"]}), path)
    with pytest.raises(SourceError, match="no column timestamp, account_id"):
        read(path)
    with path.open("rb") as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        with pytest.raises(SourceError, match="must be a file"):
            read("-")


def test_without_pyarrow_parquet_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "events.parquet"
    pq.write_table(table(ROWS[:3]), path)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(SourceError, match=r"pip install 'streamer\[parquet\]'"):
        read(path)


@given(
    st.lists(st.binary(max_size=12).map(lambda raw: raw.replace(b"\n", b"")), max_size=20),
    st.integers(1, 9),
    st.integers(1, 30),
)
def test_blocks_are_the_lines_again_however_the_bytes_come(lines: list[bytes], limit: int, piece: int) -> None:
    text = b"\n".join(lines)
    pieces = [text[at : at + piece] for at in range(0, len(text), piece)]
    whole: list[tuple[int, bytes]] = []
    for block in line_blocks(iter(pieces), limit):
        if block.skipped:
            original = lines[block.first_line - 1]
            assert block.skipped == len(original) > limit
            assert original.startswith(block.data)
            assert len(block.data) <= limit
            whole.append((block.first_line, original))
        else:
            parts = block.data.removesuffix(b"\n").split(b"\n")
            whole += [(block.first_line + at, part) for at, part in enumerate(parts)]
    assert [(at, part) for at, part in whole if part] == [(at, part) for at, part in enumerate(lines, 1) if part]
    assert all(len(part) <= limit or part in lines for _, part in whole)


def test_blocks_hold_whole_lines_only(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(TEXT)
    waited: list[int] = []
    with opened(path) as file:
        source = Counted(Patient(file, waited.append), None)
        found = list(line_blocks(chunks(source, "plain", "text"), 1 << 20))
    assert len(found) > 1
    assert all(len(block.data) <= 2 * blocks.BLOCK_BYTES and block.data.endswith(b"\n") for block in found)
    assert b"".join(block.data for block in found) == TEXT


def test_a_pipe_is_waited_for_before_each_read_and_its_pieces_become_whole_blocks() -> None:
    reading, writing = os.pipe()
    pieces = [TEXT[at : at + 1000] for at in range(0, 3000, 1000)]
    waited: list[int] = []

    def give_a_piece(descriptor: int) -> None:
        waited.append(descriptor)
        if pieces:
            os.write(writing, pieces.pop(0))
        elif len(waited) == 4:
            os.close(writing)

    with FileIO(reading) as file:
        source = Patient(file, give_a_piece)
        assert source.read(2500) == TEXT[:2500]
        assert source.read(2500) == TEXT[2500:3000]
        assert set(waited) == {reading}


def test_standard_input_that_is_closed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(SourceError, match="standard input: closed"):
        read("-")
