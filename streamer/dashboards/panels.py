"""What a panel shows, as plain data, and how it becomes a panel of Grafana."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from grafana_foundation_sdk.builders import bargauge, common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.models import common as options
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DataSourceRef,
    DynamicConfigValue,
    GridPos,
    Threshold,
    ThresholdsMode,
)

COLUMNS = 24
ROW_HEIGHT = 1
HEIGHTS = {"number": 4, "lines": 8, "bars": 9}
DATASOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
SEVERITIES = {"critical": "red", "warning": "yellow", "info": "blue"}
Kind = Literal["number", "lines", "bars"]
Builder = stat.Panel | timeseries.Panel | bargauge.Panel


class Query(NamedTuple):
    """What is asked of Prometheus, and how a series is named."""

    expression: str
    legend: str = ""


class Panel(NamedTuple):
    """One picture. `warn` and `alarm` are the values from which it turns yellow and red."""

    kind: Kind
    title: str
    text: str
    width: int
    queries: Sequence[Query]
    unit: str = "short"
    warn: float | None = None
    alarm: float | None = None
    stacked: bool = False


class Row(NamedTuple):
    """Panels under one title; their widths add up to whole lines of 24 columns."""

    title: str
    panels: Sequence[Panel]


def assemble(uid: str, title: str, text: str, rows: Sequence[Row], since: str) -> dashboard.Dashboard:
    """A dashboard of rows. Its data source is chosen on the page; panels have numbers and places of their own."""
    board = (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(text)
        .tags(["streamer"])
        .readonly()
        .timezone("browser")
        .time(since, "now")
        .refresh("30s")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
        .link(dashboard.DashboardLink("streamer").tags(["streamer"]).as_dropdown(as_dropdown=True))
    )
    number, top = 0, 0
    for row in rows:
        number += 1
        place = GridPos(h=ROW_HEIGHT, w=COLUMNS, x=0, y=top)
        board = board.with_row(dashboard.Row(row.title).id(number).grid_pos(place))
        top += ROW_HEIGHT
        left = 0
        for panel in row.panels:
            number += 1
            height = HEIGHTS[panel.kind]
            place = GridPos(h=height, w=panel.width, x=left, y=top)
            board = board.with_panel(_built(panel).id(number).grid_pos(place))
            left += panel.width
            if left >= COLUMNS:
                left, top = 0, top + height
    return board


def _built(panel: Panel) -> Builder:
    made: Builder
    match panel.kind:
        case "number":
            made = stat.Panel().graph_mode(options.BigValueGraphMode.AREA).reduce_options(_last())
        case "lines":
            made = timeseries.Panel().fill_opacity(20 if panel.stacked else 8).legend(_legend())
            made = made.tooltip(common.VizTooltipOptions().mode(options.TooltipDisplayMode.MULTI))
            if any(query.legend == "{{severity}}" for query in panel.queries):
                # Otherwise what is critical would be green, being the first of the lines.
                for name, colour in SEVERITIES.items():
                    made = made.override_by_name(name, [_colour(colour)])
            if panel.stacked:
                made = made.stacking(common.StackingConfig().mode(options.StackingMode.NORMAL))
        case "bars":
            made = bargauge.Panel().orientation(options.VizOrientation.HORIZONTAL).reduce_options(_last())
            made = made.display_mode(options.BarGaugeDisplayMode.BASIC)
    made = made.title(panel.title).description(panel.text).unit(panel.unit).min(0).datasource(DATASOURCE)
    made = made.thresholds(_thresholds(panel))
    for at, query in enumerate(panel.queries):
        asked = prometheus.Dataquery().expr(query.expression).legend_format(query.legend or "__auto")
        asked = asked.ref_id(chr(ord("A") + at)).datasource(DATASOURCE)
        made = made.with_target(asked.instant() if panel.kind == "bars" else asked.range())
    return made


def _colour(name: str) -> DynamicConfigValue:
    return DynamicConfigValue("color", {"mode": "fixed", "fixedColor": name})


def _last() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().calcs(["lastNotNull"])


def _legend() -> common.VizLegendOptions:
    shown = common.VizLegendOptions().display_mode(options.LegendDisplayMode.LIST)
    return shown.placement(options.LegendPlacement.BOTTOM).show_legend(show_legend=True)


def _thresholds(panel: Panel) -> dashboard.ThresholdsConfig:
    steps = [Threshold(None, "green" if panel.warn is not None or panel.alarm is not None else "blue")]
    if panel.warn is not None:
        steps.append(Threshold(panel.warn, "yellow"))
    if panel.alarm is not None:
        steps.append(Threshold(panel.alarm, "red"))
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)
