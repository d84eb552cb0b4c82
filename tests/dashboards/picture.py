"""Makes the picture of the dashboard: python -m tests.dashboards.picture [FILE].

A real run - Kafka, a worker, limits enforced, Prometheus with our rules - of the demo's world, and what the panels' own
queries answer. Grafana itself is not needed and draws nothing here. Two to three minutes.
"""

from __future__ import annotations

import contextlib
import math
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from streamer.broker import open_broker
from streamer.wiring.demonstration import free_port
from tests.dashboards.boards import Board, shipped
from tests.dashboards.drawing import WIDTH, Series, page
from tests.dashboards.prometheus import Prometheus
from tests.integration.live import LiveRun, world
from tests.kafka_fixture import KafkaCluster
from tests.patience import until
from tests.web.browser import emulate, opened_browser

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
PICTURE = ROOT / "deploy" / "docs" / "dashboard.png"
BOARD, ROWS = "on-call.json", 3
PLAYED_IN_S, LOOKED_ON_S = 80.0, 25.0
DETECTION: dict[str, Any] = {"limit": {"mode": "enforce"}}


def upper(board: Board) -> list[dict[str, Any]]:
    """The panels of the first rows."""
    ends = [panel["gridPos"]["y"] for panel in board["panels"] if panel["type"] == "row"][ROWS]
    return [panel for panel in board["panels"] if panel["gridPos"]["y"] < ends]


def asked(prometheus: Prometheus, panel: dict[str, Any], span: tuple[float, float]) -> Iterator[Series]:
    """What the queries of a panel answer."""
    for target in panel.get("targets", ()):
        expression = target["expr"].replace("$__rate_interval", "10s")
        if panel["type"] == "bargauge":
            found = prometheus.get("query", query=expression)["result"]
        else:
            found = prometheus.get("query_range", query=expression, start=span[0], end=span[1], step=0.5)["result"]
        for series in found:
            samples = series["values"] if "values" in series else [series["value"]]
            points = [(at, float(value)) for at, value in samples if math.isfinite(float(value))]
            name = target.get("legendFormat") or ""
            for label, value in series["metric"].items():
                name = name.replace("{{" + label + "}}", value)
            yield Series(name, points)


@contextlib.contextmanager
def played(directory: Path) -> Iterator[tuple[Prometheus, tuple[float, float]]]:
    """The world of the demo, played to a worker; yields who saw it, and from when to when."""
    port = free_port()
    prometheus = Prometheus(directory, ROOT, port)
    with open_broker() as servers, LiveRun(KafkaCluster(servers), directory, DETECTION) as run:
        document = yaml.safe_load(run.config_path.read_text(encoding="utf-8")) | {"web": {"port": port}}
        run.config_path.write_text(yaml.safe_dump(document), encoding="utf-8")
        prometheus.start()
        try:
            run.start()
            until(lambda: (prometheus.value("sum(streamer_restores_total)") or 0) > 1, "the worker is scraped")
            began = time.time()
            for _ in run.produce_slowly(world("demo", directory, seed=7), PLAYED_IN_S):
                pass
            time.sleep(LOOKED_ON_S)
            yield prometheus, (began, time.time())
        finally:
            prometheus.kill()


def main(target: Path = PICTURE) -> None:
    """Play, ask, draw."""
    board = shipped(ROOT)[BOARD]
    board["panels"] = upper(board)
    with tempfile.TemporaryDirectory(prefix="streamer-picture-") as name:
        directory = Path(name)
        with played(directory) as (prometheus, span):
            answers = {panel["id"]: list(asked(prometheus, panel, span)) for panel in board["panels"]}
        text, height = page(board, {number: series for number, series in answers.items() if series}, span)
        (directory / "page.html").write_text(text, encoding="utf-8")
        with opened_browser(directory / "profile") as browser:
            emulate(browser, scheme="dark", width=WIDTH, height=height)
            browser.get(f"file://{directory / 'page.html'}")
            browser.save_screenshot(str(target))
    sys.stdout.write(f"{target}\n")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
