"""What every verb begins with: the configuration, the key for pseudonyms, the clock."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from streamer.config import StreamerConfig, load_config
from streamer.errors import ConfigError
from streamer.interrupts import ended_at_once

if TYPE_CHECKING:
    from streamer.sources.batch import Batch
    from streamer.sources.event import RequestEvent

OnCount = Callable[[int], None]


def load(path: Path | None) -> StreamerConfig:
    """The configuration of a file and the environment."""
    return load_config(path, os.environ)


def input_bytes(files: Sequence[Path]) -> int | None:
    """How many bytes there are to read; None if that cannot be known."""
    with ended_at_once():
        from streamer.sources.files import total_bytes

    return total_bytes(files)


def wall_clock_ms() -> int:
    """Milliseconds since the Unix epoch, now."""
    return time.time_ns() // 1_000_000


def privacy_key(config: StreamerConfig) -> bytes:
    """The key for hashes of identifiers and raw text; empty where identifiers are left as they are."""
    from streamer.probes import privacy

    problems = list(privacy(config, os.environ))
    if problems:
        raise ConfigError(problems)
    return os.environ[config.privacy.key_env].encode() if config.privacy.pseudonymize else b""


def pseudonyms(key: bytes) -> Callable[[RequestEvent], RequestEvent] | None:
    """What replaces the identifiers of an event, where there is a key for it."""
    from streamer.sources.privacy import Pseudonymizer

    return Pseudonymizer(key).event if key else None


def under_pseudonyms(batches: Iterable[Batch], key: bytes) -> Iterator[Batch]:
    """The same batches, with identifiers replaced where there is a key for it."""
    change = pseudonyms(key)
    for batch in batches:
        if change is not None:
            batch.events = [change(event) for event in batch.events]
        yield batch
