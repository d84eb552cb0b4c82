"""Worlds to files; the suffix says how they are compressed."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

import zstandard

from streamer.errors import StreamerError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from streamer.simulation.world import World


def open_output(path: Path) -> IO[bytes]:
    """Open a .jsonl, .jsonl.gz or .jsonl.zst file for writing. Equal data gives equal bytes (a .gz holds no time)."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".gz":
            return cast("IO[bytes]", gzip.GzipFile("", "wb", 3, path.open("wb"), 0))
        if path.suffix == ".zst":
            return cast("IO[bytes]", zstandard.open(path, "wb", zstandard.ZstdCompressor(level=3)))
        if path.suffix == ".jsonl":
            return path.open("wb")
    except OSError as problem:
        raise StreamerError(str(path), f"cannot be written ({problem.strerror})", "name another file") from None
    raise UsageError(str(path), f"found suffix {path.suffix!r}", "use .jsonl, .jsonl.gz or .jsonl.zst")


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
