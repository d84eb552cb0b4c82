"""The one place where objects are built. A function a verb, each importing only what its verb runs."""

from __future__ import annotations

from streamer.wiring.cases import alerts, explain, export, feedback
from streamer.wiring.demonstration import demo
from streamer.wiring.judging import Judging, evaluate, write_report
from streamer.wiring.limits import limits_lift, limits_list, limits_serve, limits_switch
from streamer.wiring.live import check, ingest, produce, run_worker, topics
from streamer.wiring.notify import notify
from streamer.wiring.offline import replay, simulate
from streamer.wiring.settings import input_bytes, load

__all__ = [
    "Judging",
    "alerts",
    "check",
    "demo",
    "evaluate",
    "explain",
    "export",
    "feedback",
    "ingest",
    "input_bytes",
    "limits_lift",
    "limits_list",
    "limits_serve",
    "limits_switch",
    "load",
    "notify",
    "produce",
    "replay",
    "run_worker",
    "simulate",
    "topics",
    "write_report",
]
