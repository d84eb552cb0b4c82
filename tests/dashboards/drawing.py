"""Draws the panels of a dashboard with what Prometheus answers: an HTML page of boxes where Grafana has them."""

from __future__ import annotations

import html
import math
from typing import Any, NamedTuple

COLOURS = ("#56a64b", "#f2cc0c", "#5794f2", "#ff780a", "#b877d9", "#73bfb8")
THRESHOLDS = {"green": "#73bf69", "yellow": "#f2cc0c", "red": "#f2495c", "blue": "#5794f2"}
WIDTH, UNIT, GAP = 1200, 30, 6
STYLE = """
body { margin: 0; background: #111217; color: #ccccdc; font: 12px "DejaVu Sans", sans-serif; position: relative; }
.box { position: absolute; box-sizing: border-box; background: #181b1f; border: 1px solid #2c3035; border-radius: 2px;
       overflow: hidden; }
.row { position: absolute; font-size: 14px; line-height: 30px; color: #fff; }
.title { position: absolute; left: 8px; right: 8px; top: 6px; font-weight: 600; white-space: nowrap; overflow: hidden;
         text-overflow: ellipsis; }
.number { position: absolute; left: 8px; right: 8px; top: 34px; font-size: 36px; text-align: center; }
svg { position: absolute; left: 0; bottom: 0; }
.legend { position: absolute; left: 8px; right: 8px; bottom: 5px; white-space: nowrap; font-size: 11px;
          overflow: hidden; text-overflow: ellipsis; }
.legend i { display: inline-block; width: 12px; height: 3px; margin: 0 5px 3px 0; }
.bar { position: absolute; left: 8px; right: 70px; height: 16px; }
.bar b { display: block; height: 100%; background: #5794f2; border-radius: 1px; }
.bar span { position: absolute; top: 0; right: -62px; width: 56px; text-align: right; }
.bar em { position: absolute; left: 4px; top: 1px; font-style: normal; color: #fff; }
text { fill: #8e8e9c; font-size: 10px; }
"""


class Series(NamedTuple):
    """One line: its name, and values at times."""

    name: str
    points: list[tuple[float, float]]


def page(board: dict[str, Any], answers: dict[int, list[Series]], span: tuple[float, float]) -> tuple[str, int]:
    """The whole page and its height; `answers` has the series of each panel by its number."""
    shown = [panel for panel in board["panels"] if panel["type"] == "row" or panel["id"] in answers]
    parts = [_placed(panel, answers.get(panel["id"], []), span) for panel in shown]
    height = max((panel["gridPos"]["y"] + panel["gridPos"]["h"]) * UNIT for panel in shown) + GAP
    body = f'<body style="width:{WIDTH}px;height:{height}px">{"".join(parts)}</body>'
    return f"<!doctype html><meta charset=utf-8><style>{STYLE}</style>{body}", height


def short(value: float) -> str:
    """A number as Grafana shortens it."""
    for size, name in ((1e9, " Bil"), (1e6, " Mil"), (1e3, " K")):
        if abs(value) >= size:
            return f"{value / size:.3g}{name}"
    return f"{value:.3g}"


def _placed(panel: dict[str, Any], series: list[Series], span: tuple[float, float]) -> str:
    place = panel["gridPos"]
    left, top = place["x"] * WIDTH // 24, place["y"] * UNIT
    width, height = place["w"] * WIDTH // 24 - GAP, place["h"] * UNIT - GAP
    where = f"left:{left + GAP // 2}px;top:{top + GAP // 2}px;width:{width}px;height:{height}px"
    title = html.escape(panel["title"])
    if panel["type"] == "row":
        return f'<div class="row" style="{where}">⌄ {title}</div>'
    draw = {"stat": _number, "timeseries": _lines, "bargauge": _bars}[panel["type"]]
    inside = draw(panel, series, (width, height), span)
    return f'<div class="box" style="{where}"><div class="title">{title}</div>{inside}</div>'


def _number(panel: dict[str, Any], series: list[Series], size: tuple[int, int], span: tuple[float, float]) -> str:
    points = series[0].points
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    colour = [step["color"] for step in steps if (step["value"] or -math.inf) <= points[-1][1]][-1]
    path = _path(points, size[0], 40, max(value for _, value in points) or 1.0, span)
    area = f'<path d="{path} V 40 H 0 Z" fill="{THRESHOLDS[colour]}" opacity=".3"/>'
    value = f'<div class="number" style="color:{THRESHOLDS[colour]}">{short(points[-1][1])}</div>'
    return f'<svg width="{size[0]}" height="40">{area}</svg>{value}'


def _lines(panel: dict[str, Any], series: list[Series], size: tuple[int, int], span: tuple[float, float]) -> str:
    width, height = size[0] - 52, size[1] - 76
    top = _round_up(max((value for each in series for _, value in each.points), default=1.0))
    drawn, legend = [], []
    for at in range(5):
        y = 6 + height - height * at / 4
        drawn.append(f'<line x1="0" x2="{width}" y1="{y}" y2="{y}" stroke="#2c3035"/>')
        drawn.append(f'<text x="-6" y="{y + 3}" text-anchor="end">{short(top * at / 4)}</text>')
    for at in range(1, 5):
        seconds = (span[1] - span[0]) * at / 5
        mark = f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
        drawn.append(f'<text x="{width * at / 5}" y="{height + 20}" text-anchor="middle">{mark}</text>')
    named = _named_colours(panel)
    for each, next_colour in zip(series, COLOURS, strict=False):
        colour = named.get(each.name, next_colour)
        path = _path(each.points, width, height, top, span)
        drawn.append(f'<path transform="translate(0 6)" d="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        legend.append(f'<i style="background:{colour}"></i>{html.escape(each.name)} &nbsp; ')
    inside = f'<g transform="translate(44 0)">{"".join(drawn)}</g>'
    svg = f'<svg width="{size[0]}" height="{height + 26}" style="top:28px">{inside}</svg>'
    return f'{svg}<div class="legend">{"".join(legend)}</div>'


def _named_colours(panel: dict[str, Any]) -> dict[str, str]:
    """The colours that lines have by their names."""
    overrides = panel["fieldConfig"].get("overrides", ())
    return {
        override["matcher"]["options"]: THRESHOLDS[part["value"]["fixedColor"]]
        for override in overrides
        for part in override["properties"]
        if part["id"] == "color"
    }


def _bars(_panel: dict[str, Any], series: list[Series], size: tuple[int, int], _span: tuple[float, float]) -> str:
    most = max((each.points[-1][1] for each in series), default=1.0) or 1.0
    step = (size[1] - 36) / max(1, len(series))
    found = []
    for at, each in enumerate(series):
        value = each.points[-1][1]
        inside = f'<b style="width:{100 * value / most:.1f}%"></b><em>{html.escape(each.name)}</em>'
        found.append(f'<div class="bar" style="top:{32 + at * step:.0f}px">{inside}<span>{short(value)}</span></div>')
    return "".join(found)


def _path(points: list[tuple[float, float]], width: float, height: float, top: float, span: tuple[float, float]) -> str:
    long = span[1] - span[0]
    placed = [((at - span[0]) / long * width, height - height * value / top) for at, value in points]
    return "M " + " L ".join(f"{x:.1f} {y:.1f}" for x, y in placed)


def _round_up(value: float) -> float:
    if value <= 0:
        return 1.0
    size = 10.0 ** math.floor(math.log10(value))
    return next(size * step for step in (1, 2, 4, 5, 8, 10) if size * step >= value)
