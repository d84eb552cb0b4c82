"""The dashboards that are shipped are those of the code, and such that Grafana shows them as they are meant."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry, ProcessCollector

from streamer.config import StreamerConfig
from streamer.dashboards.__main__ import documents
from streamer.metrics import Metrics
from streamer.wiring.notify import notifiers
from tests.dashboards.boards import Board, panels, queries, shipped

ROOT = Path(__file__).parents[2]
BOARDS = shipped(ROOT)
UNITS = {"short", "s", "bytes", "percentunit", "reqps"}
SUFFIXES = ("", "_total", "_bucket", "_count", "_sum")
NAME = re.compile(r"\b(?:streamer|process)_\w+")


def test_they_are_as_the_code_says() -> None:
    written = {name: (ROOT / "deploy" / "grafana" / "dashboards" / name).read_text(encoding="utf-8") for name in BOARDS}
    assert written == documents(), "run `make dashboards`"


@pytest.mark.parametrize("board", BOARDS.values(), ids=list(BOARDS))
def test_no_two_panels_have_one_number_or_one_place(board: Board) -> None:
    everything = board["panels"]
    assert max(Counter(panel["id"] for panel in everything).values()) == 1
    taken = Counter(
        (column, line)
        for place in (panel["gridPos"] for panel in everything)
        for column in range(place["x"], place["x"] + place["w"])
        for line in range(place["y"], place["y"] + place["h"])
    )
    assert max(taken.values()) == 1
    assert max(column for column, _ in taken) == 23
    # No holes: whoever looks at a gap wonders what is missing.
    assert len(taken) == 24 * (1 + max(line for _, line in taken))


@pytest.mark.parametrize("board", BOARDS.values(), ids=list(BOARDS))
def test_every_panel_says_what_it_is_and_asks_the_chosen_source(board: Board) -> None:
    (variable,) = board["templating"]["list"]
    assert (variable["type"], variable["name"], variable["query"]) == ("datasource", "datasource", "prometheus")
    assert board["schemaVersion"] >= 36
    assert board["uid"].startswith("streamer-")
    for panel in panels(board):
        assert panel["title"]
        assert panel["type"] in {"stat", "timeseries", "bargauge"}
        assert panel["datasource"]["uid"] == "${datasource}"
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"]) > 0
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == "${datasource}"
            assert target["instant"] is (panel["type"] == "bargauge") or target["range"] is True


def test_titles_and_boards_are_not_mixed_up() -> None:
    assert len({board["uid"] for board in BOARDS.values()}) == len(BOARDS) == 3
    for board in BOARDS.values():
        titles = [panel["title"] for panel in panels(board)]
        assert len(set(titles)) == len(titles)


def test_every_metric_they_name_exists_and_every_gauge_of_the_situation_is_shown() -> None:
    registry = CollectorRegistry()
    Metrics(registry)
    notifiers(StreamerConfig(), registry)
    ProcessCollector(registry=registry)
    families = {family.name for family in registry.collect()}
    known = {name + suffix for name, suffix in itertools.product(families, SUFFIXES)}
    named = {name for asked in queries(BOARDS) for name in NAME.findall(asked.expression)}
    assert named <= known
    shown = {name.removesuffix("_total").removesuffix("_bucket") for name in named}
    situation = CollectorRegistry()
    notifiers(StreamerConfig(), situation)
    unseen = {family.name for family in situation.collect()} - shown
    assert unseen == {
        "streamer_notify_deliveries", "streamer_notify_last_success_timestamp_seconds", "streamer_notify_leads",
        "streamer_notify_receivers",
    }  # fmt: skip


def test_they_are_provisioned_with_the_source_they_need() -> None:
    provisioning = ROOT / "deploy" / "grafana" / "provisioning"
    source = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text(encoding="utf-8"))
    assert [each["type"] for each in source["datasources"]] == ["prometheus"]
    provider = yaml.safe_load((provisioning / "dashboards" / "streamer.yml").read_text(encoding="utf-8"))
    assert [each["type"] for each in provider["providers"]] == ["file"]
