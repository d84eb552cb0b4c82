"""The events of files and of standard input, for verbs that do nothing else while they wait for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from streamer.config import StreamerConfig
from streamer.interrupts import heeded
from streamer.wiring.settings import OnCount

if TYPE_CHECKING:
    from streamer.sources.batch import Batch


@contextmanager
def reading(
    config: StreamerConfig, files: Sequence[Path], *, input_format: str | None, key: bytes, on_bytes: OnCount
) -> Iterator[Iterator[Batch]]:
    """Give batches of events, in the configured format where none is given; Ctrl-C ends any wait for them."""
    from streamer.sources.files import read_batches

    with heeded() as wait:
        yield read_batches(
            files,
            format_name=input_format or config.input.format,
            max_event_bytes=config.stream.max_message_bytes,
            key=key,
            on_bytes=on_bytes,
            wait=wait,
        )
