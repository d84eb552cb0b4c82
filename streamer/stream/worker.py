"""Runs one worker's application until it is told to stop, and no longer."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import threading
import time

import faust

from streamer.stream.repeats import HoldBackRepeats

logger = logging.getLogger(__name__)
GC_THRESHOLDS = (100_000, 20, 1_000)
# A last checkpoint may take long; a minute is what the units and manifests in deploy/ allow for it.
STOP_S = 45.0


class _Worker(faust.Worker):  # type: ignore[misc] # Faust ships no types
    """A worker that says a thing once, and that ends when it is told to, also where Kafka does not answer."""

    def on_setup_root_logger(self, logger: logging.Logger, level: int) -> None:
        super().on_setup_root_logger(logger, level)
        for handler in logging.root.handlers:
            handler.addFilter(HoldBackRepeats(time.monotonic))

    async def on_stop(self) -> None:
        give_up = threading.Timer(STOP_S, _leave)
        give_up.daemon = True
        give_up.start()
        await super().on_stop()


def _leave() -> None:
    logger.error(
        "not stopped after %.0f s, as where Kafka does not answer; leaving without a last checkpoint. Nothing is lost: "
        "the next worker reads again what came after the one before",
        STOP_S,
    )
    logging.shutdown()
    os._exit(1)


def run_worker(app: faust.App, *, log_level: str = "WARNING") -> int:
    """Run `app` until SIGINT or SIGTERM, and return the exit code: 0 when it was stopped, 1 when it failed.

    One that cannot stop within `STOP_S`, as where Kafka does not answer, ends the process with exit code 1.
    """
    with contextlib.suppress(ImportError):
        import uvloop  # noqa: PLC0415 - where there is none, asyncio's own loop does

        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    # What is long-lived here is many and free of cycles: looking through it over and again finds nothing.
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    worker = _Worker(app, loglevel=log_level, quiet=True, redirect_stdouts=False)
    worker.spinner = None
    try:
        worker.execute_from_commandline()
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    return 0
