"""Bytes per account at a million accounts: resident memory after all of them were seen, less before the first."""

from __future__ import annotations

import gc
from pathlib import Path

from streamer.config import StreamerConfig
from streamer.detection.detector import Detector
from streamer.sources.files import read_batches
from tests.benchmarks.results import Result, say
from tests.benchmarks.world import events_of


def resident_bytes() -> int:
    """What this process holds in memory now."""
    gc.collect()
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


def main() -> None:
    """Measure."""
    source = str(Path(__file__).with_name("million.yaml"))
    with events_of(source) as (path, count):
        detector = Detector(StreamerConfig().detection)
        next(read_batches([path]))
        before = resident_bytes()
        for batch in read_batches([path]):
            for request in batch.events:
                detector.observe(request)
            detector.advance()
        detector.finish()
        grown = resident_bytes() - before
        accounts = detector.accounts.account_count
    say(
        Result("accounts held", accounts, f"of {count:,} events"),
        Result("memory per account", grown / accounts, "bytes", "at most 2,500"),
    )


if __name__ == "__main__":
    main()
