"""Runs one worker's application until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import gc

import faust

GC_THRESHOLDS = (100_000, 20, 1_000)


def run_worker(app: faust.App, *, log_level: str = "WARNING") -> int:
    """Run `app` until SIGINT or SIGTERM, and return the exit code: 0 when it was stopped, 1 when it failed."""
    with contextlib.suppress(ImportError):
        import uvloop  # noqa: PLC0415 - where there is none, asyncio's own loop does

        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    # What is long-lived here is many and free of cycles: looking through it over and again finds nothing.
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    worker = faust.Worker(app, loglevel=log_level, quiet=True, redirect_stdouts=False)
    worker.spinner = None
    try:
        worker.execute_from_commandline()
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    return 0
