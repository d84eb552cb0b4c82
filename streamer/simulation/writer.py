"""Worlds to files; the suffix says how they are compressed."""

from __future__ import annotations

import gzip
import json
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Final, cast

import zstandard

from streamer.errors import StreamerError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from streamer.simulation.world import World

_SUFFIXES: Final = frozenset({".jsonl", ".gz", ".zst"})
_UNFINISHED: Final = ".part"


@contextmanager
def open_output(path: Path) -> Iterator[IO[bytes]]:
    """Open a .jsonl, .jsonl.gz or .jsonl.zst file for writing. Equal data gives equal bytes (a .gz holds no time).

    It has `.part` behind its name until the `with` block has ended well.
    """
    if path.suffix not in _SUFFIXES:
        raise UsageError(str(path), f"found suffix {path.suffix!r}", "use .jsonl, .jsonl.gz or .jsonl.zst")
    if path.is_dir():
        raise StreamerError(str(path), "is a directory", "name another file")
    unfinished = path.with_name(path.name + _UNFINISHED)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open("wb") as plain:
            if path.suffix == ".gz":
                with gzip.GzipFile("", "wb", 3, plain, 0) as packed:
                    yield cast("IO[bytes]", packed)
            elif path.suffix == ".zst":
                with zstandard.ZstdCompressor(level=3).stream_writer(plain, closefd=False) as squeezed:
                    yield cast("IO[bytes]", squeezed)
            else:
                yield plain
        unfinished.replace(path)
    except OSError as problem:
        raise StreamerError(str(path), f"cannot be written ({problem.strerror})", "name another file") from None


def write_events(world: World, path: Path, progress: Callable[[int], None] | None = None) -> int:
    """Write all events, one per line; `progress` is told how many each time. Returns how many there are."""
    count = 0
    with open_output(path) as output:
        for lines in world.events():
            output.write(b"\n".join(lines))
            output.write(b"\n")
            count += len(lines)
            if progress is not None:
                progress(len(lines))
    return count


def write_truth(records: Iterable[dict[str, str]], path: Path) -> int:
    """Write truth records, one per line. Returns how many there are."""
    count = 0
    with open_output(path) as output:
        for record in records:
            output.write(json.dumps(record, separators=(",", ":")).encode() + b"\n")
            count += 1
    return count
