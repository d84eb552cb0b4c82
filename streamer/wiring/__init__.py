"""The one place where objects are built. A function a verb, each importing only what its verb runs."""

from __future__ import annotations

from streamer.wiring.demonstration import demo
from streamer.wiring.limits import limits_lift, limits_list, limits_serve, limits_switch
from streamer.wiring.live import check, ingest, produce, run_worker, topics
from streamer.wiring.offline import evaluate, replay, simulate
from streamer.wiring.settings import input_bytes, load

__all__ = [
    "check",
    "demo",
    "evaluate",
    "ingest",
    "input_bytes",
    "limits_lift",
    "limits_list",
    "limits_serve",
    "limits_switch",
    "load",
    "produce",
    "replay",
    "run_worker",
    "simulate",
    "topics",
]
