"""Bytes of a file or of standard input: decompressed by what they are, and cut into blocks of whole lines."""

from __future__ import annotations

import contextlib
import gzip
import sys
import zlib
from dataclasses import dataclass
from io import FileIO
from typing import TYPE_CHECKING, BinaryIO, Literal, TypeAlias, cast

import zstandard

from streamer.errors import SourceError, StreamerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Kind: TypeAlias = Literal["plain", "gzip", "zstd", "parquet"]

BLOCK_BYTES = 1 << 17
# What one read of compressed bytes can blow up to is bounded by how many there are.
_COMPRESSED_BYTES = 1 << 13
_MAGIC: tuple[tuple[bytes, Kind], ...] = ((b"\x1f\x8b", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"), (b"PAR1", "parquet"))
MAGIC_BYTES = 4


@dataclass(frozen=True, slots=True)
class Block:
    """`lines` whole lines, the first of them line `first_line` of its source.

    `skipped` is 0, or the length of a single line longer than allowed, of which `data` is only the beginning.
    """

    data: bytes
    first_line: int
    lines: int
    skipped: int = 0


class Patient:
    """The reading side of a file that may have nothing to give for long; before each read of it, `wait` is called."""

    def __init__(self, inner: FileIO, wait: Callable[[int], None]) -> None:
        self._inner = inner
        self._wait = wait

    def read(self, size: int) -> bytes:
        """So many bytes, fewer only at the end."""
        pieces: list[bytes] = []
        while size:
            self._wait(self._inner.fileno())
            more = self._inner.read(size)
            if more == b"":
                break
            # None is what a pipe gives that somebody has told not to wait, and that another reader has emptied.
            if more is not None:
                pieces.append(more)
                size -= len(more)
        return b"".join(pieces)


class Counted:
    """The reading side of a file, telling how many bytes went by before they were decompressed."""

    def __init__(self, inner: Patient, on_bytes: Callable[[int], None] | None, head: bytes = b"") -> None:
        self._inner = inner
        self._on_bytes = on_bytes
        self._head = head

    def read(self, size: int) -> bytes:
        """Up to `size` bytes: first those of `head`, which were read before; nothing at the end."""
        if self._head:
            data, self._head = self._head[:size], self._head[size:]
        else:
            data = self._inner.read(size)
        if self._on_bytes is not None and data:
            self._on_bytes(len(data))
        return data


def kind_of(magic: bytes) -> Kind:
    """What a file is, by its first bytes."""
    return next((kind for start, kind in _MAGIC if magic.startswith(start)), "plain")


@contextlib.contextmanager
def standard_input() -> Iterator[FileIO]:
    """What comes in, without a buffer; a `SourceError` if it is closed."""
    try:
        file = FileIO(sys.stdin.fileno(), closefd=False)
    except (AttributeError, OSError, ValueError) as error:
        raise SourceError("standard input", "closed", "send the events in, or name files") from error
    with file:
        yield file


@contextlib.contextmanager
def opened(path: Path) -> Iterator[FileIO]:
    """The file at `path`, or a `SourceError` that says why not."""
    if path.is_dir():
        raise SourceError(str(path), "a directory", "name the files in it, such as DIR/*.jsonl")
    try:
        file = path.open("rb", buffering=0)
    except OSError as error:
        found = error.strerror or str(error)
        raise SourceError(str(path), found.lower(), "name a file that can be read, or - for standard input") from error
    with file:
        yield file


def chunks(file: Counted, kind: Kind, name: str) -> Iterator[bytes]:
    """The decompressed bytes of `file`, piece by piece; a `StreamerError` where they are broken or end too early."""
    try:
        if kind == "gzip":
            with gzip.GzipFile(fileobj=cast("BinaryIO", file), mode="rb") as unzipped:
                yield from iter(lambda: unzipped.read(BLOCK_BYTES), b"")
        elif kind == "zstd":
            yield from _zstd(file)
        else:
            yield from iter(lambda: file.read(BLOCK_BYTES), b"")
    except EOFError as error:
        found = "the compressed data ends too early"
        raise StreamerError(name, found, "copy the file again; what came before was read") from error
    except (gzip.BadGzipFile, zlib.error, zstandard.ZstdError) as error:
        raise StreamerError(name, f"broken compressed data ({error})", "copy the file again") from error
    except OSError as error:
        raise StreamerError(name, f"cannot be read ({error.strerror or error})", "check the disk") from error


def _zstd(file: Counted) -> Iterator[bytes]:
    context = zstandard.ZstdDecompressor()
    frame = context.decompressobj()
    started = False
    while data := file.read(_COMPRESSED_BYTES):
        while data:
            started = True
            if found := frame.decompress(data):
                yield found
            data = b""
            if frame.eof:
                data, frame, started = frame.unused_data, context.decompressobj(), False
    if started:
        raise EOFError


def line_blocks(pieces: Iterator[bytes], max_line_bytes: int) -> Iterator[Block]:
    """The same bytes as blocks of whole lines. Holds no more of a line that is too long than `max_line_bytes`."""
    rest, line, skipped = b"", 1, 0
    for piece in _bounded(pieces, max_line_bytes):
        end = piece.rfind(b"\n") + 1
        if not end:
            if skipped or len(rest) + len(piece) > max_line_bytes:
                skipped = (skipped or len(rest)) + len(piece)
                rest = rest or piece
            else:
                rest += piece
            continue
        start = 0
        if rest and (skipped or len(rest) + piece.find(b"\n") > max_line_bytes):
            start = piece.find(b"\n") + 1
            yield Block(rest, line, 1, (skipped or len(rest)) + start - 1)
            line, rest, skipped = line + 1, b"", 0
        if block := b"".join((rest, memoryview(piece)[start:end])):
            lines = block.count(b"\n")
            yield Block(block, line, lines)
            line += lines
        rest = piece[end:]
    if rest:
        yield Block(rest, line, 1, skipped)


def _bounded(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    # No piece longer than the longest line, so that only its first line, begun in the piece before, can be too long.
    for piece in pieces:
        if len(piece) <= size:
            yield piece
        else:
            for at in range(0, len(piece), size):
                yield piece[at : at + size]
