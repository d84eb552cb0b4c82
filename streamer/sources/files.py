"""Events from files and standard input: JSON lines, plain or compressed, and Parquet."""

from __future__ import annotations

import heapq
import itertools
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from streamer.errors import SourceError
from streamer.sources.batch import Batch, Reject
from streamer.sources.blocks import (
    MAGIC_BYTES,
    Counted,
    Kind,
    Patient,
    chunks,
    kind_of,
    line_blocks,
    opened,
    standard_input,
)
from streamer.sources.decode import MAX_MESSAGE_BYTES, Decoder
from streamer.sources.formats import AUTO, NATIVE, detect, mapping_of
from streamer.sources.parquet import parquet_batches

if TYPE_CHECKING:
    from streamer.sources.event import RequestEvent

STDIN = "-"
_REJECT_BYTES = 1 << 16


def _at_once(_: int) -> None:
    pass


def read_batches(
    paths: Sequence[str | Path],
    *,
    format_name: str = AUTO,
    batch_size: int = 2000,
    max_event_bytes: int = MAX_MESSAGE_BYTES,
    key: bytes = b"",
    on_bytes: Callable[[int], None] | None = None,
    wait: Callable[[int], None] = _at_once,
) -> Iterator[Batch]:
    """The events of all files, in batches of at most `batch_size`.

    One file is read as it is; several are merged by event time, whether they follow each other or run side by side.
    `-` is standard input. `on_bytes` is told of bytes read, as stored, out of `total_bytes`; `wait` is called with the
    file's descriptor before each read that may have to wait. `key` makes the hashes of raw text keyed ones. Raises
    `StreamerError` for what cannot be opened before anything is read, and for what turns out to be cut off or broken
    when it gets there.
    """
    mapping_of(format_name)
    names = [str(path) for path in paths]
    if not names:
        raise SourceError("input files", "none given", "name files, or - for standard input")
    if names.count(STDIN) > 1:
        raise SourceError("input files", "standard input named twice", "name - once")
    for name in names:
        if name != STDIN:
            with opened(Path(name)):
                pass
    reader = _Reader(format_name, max_event_bytes, key, on_bytes, wait)
    sources = [reader.batches(name) for name in names]
    return _sliced(sources[0], batch_size) if len(sources) == 1 else _merged(sources, batch_size)


def total_bytes(paths: Iterable[str | Path]) -> int | None:
    """How many bytes `read_batches` will report in all; None if standard input is among them."""
    total = 0
    for path in paths:
        if str(path) == STDIN:
            return None
        try:
            total += Path(path).stat().st_size
        except OSError:
            continue  # reading says what is wrong with it
    return total


@dataclass(frozen=True, slots=True)
class _Reader:
    format_name: str
    max_event_bytes: int
    key: bytes
    on_bytes: Callable[[int], None] | None
    wait: Callable[[int], None]

    def batches(self, name: str) -> Iterator[Batch]:
        if name == STDIN:
            with standard_input() as file:
                yield from self._stream(Patient(file, self.wait), "standard input", None)
            return
        path = Path(name)
        with opened(path) as file:
            yield from self._stream(Patient(file, self.wait), name, path)

    def _stream(self, file: Patient, name: str, path: Path | None) -> Iterator[Batch]:
        magic = file.read(MAGIC_BYTES)
        kind = kind_of(magic)
        if kind == "parquet" or (path is not None and path.suffix == ".parquet"):
            if path is None:
                raise SourceError(name, "Parquet, which must be a file", "name the file itself")
            yield from parquet_batches(path, self._decoder(self.format_name), self.on_bytes)
        else:
            yield from self._lines(Counted(file, self.on_bytes, magic), kind, name)

    def _decoder(self, format_name: str) -> Decoder:
        return Decoder(max_message_bytes=self.max_event_bytes, key=self.key, mapping=mapping_of(format_name))

    def _lines(self, file: Counted, kind: Kind, name: str) -> Iterator[Batch]:
        decoder: Decoder | None = None
        for block in line_blocks(chunks(file, kind, name), self.max_event_bytes):
            if block.skipped:
                detail = f"{block.skipped} bytes, more than {self.max_event_bytes}"
                raw = block.data[:_REJECT_BYTES]
                yield Batch(rejects=[Reject("too_large", detail, raw, block.skipped, name, block.first_line)])
                continue
            if decoder is None and (known := detect(block.data) if self.format_name == AUTO else self.format_name):
                decoder = self._decoder(known)
            reader = decoder or self._decoder(NATIVE)
            yield reader.decode_lines(
                block.data, block.lines, source=name, first_line=block.first_line, keep=_REJECT_BYTES
            )


def _sliced(source: Iterator[Batch], batch_size: int) -> Iterator[Batch]:
    for batch in source:
        if len(batch.events) <= batch_size:
            yield batch
            continue
        yield Batch(batch.events[:batch_size], batch.rejects, batch.fields_dropped)
        for at in range(batch_size, len(batch.events), batch_size):
            yield Batch(batch.events[at : at + batch_size])


def _merged(sources: list[Iterator[Batch]], batch_size: int) -> Iterator[Batch]:
    aside = Batch()

    def events(source: Iterator[Batch]) -> Iterator[RequestEvent]:
        for batch in source:
            aside.rejects += batch.rejects
            aside.fields_dropped.update(batch.fields_dropped)
            yield from batch.events

    merged = heapq.merge(*map(events, sources), key=operator.attrgetter("timestamp_ms"))
    while True:
        batch = Batch(list(itertools.islice(merged, batch_size)))
        if not (batch.events or aside.rejects or aside.fields_dropped):
            return
        batch.rejects, aside.rejects = aside.rejects, []
        batch.fields_dropped.update(aside.fields_dropped)
        aside.fields_dropped.clear()
        yield batch
