"""Where things stand in the picture of requests and accounts over time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from streamer.cases.activity import Activity
from streamer.cases.records import hour_text

WIDTH = 1060
LEFT, RIGHT = 64, 16
TOP = 62
MARK_TOP, MARK_ROW = 12, 15
MARK_ROOM = 70
REQUESTS_HEIGHT, ACCOUNTS_HEIGHT = 150, 70
BETWEEN = 30
_TICKS = 6


class Rectangle(NamedTuple):
    """A bar and what it says when pointed at."""

    x: float
    y: float
    width: float
    height: float
    title: str


class Tick(NamedTuple):
    """A label on an axis."""

    place: float
    label: str
    anchor: str = "middle"
    row: float = 0.0


@dataclass(frozen=True, slots=True)
class Panel:
    """One of the two charts: bars from `base` up, the scale beside them."""

    name: str
    top: float
    base: float
    bars: tuple[Rectangle, ...]
    scale: tuple[Tick, ...]


@dataclass(frozen=True, slots=True)
class TimelinePicture:
    """Everything to be drawn, in units of the picture."""

    width: int
    height: int
    left: int
    right: int
    panels: tuple[Panel, ...]
    times: tuple[Tick, ...]
    marks: tuple[Tick, ...]
    activity: Activity


def timeline_picture(activity: Activity) -> TimelinePicture | None:
    """Lay the picture out; None where there is nothing to show."""
    if not activity.steps:
        return None
    requests_base = TOP + REQUESTS_HEIGHT
    accounts_top = requests_base + BETWEEN
    accounts_base = accounts_top + ACCOUNTS_HEIGHT
    requests = [step.request_count for step in activity.steps]
    accounts = [step.account_count for step in activity.steps]
    return TimelinePicture(
        width=WIDTH,
        height=accounts_base + 28,
        left=LEFT,
        right=WIDTH - RIGHT,
        panels=(
            _panel("requests", activity, requests, TOP, requests_base),
            _panel("accounts at work", activity, accounts, accounts_top, accounts_base),
        ),
        times=_times(activity),
        marks=_marks(activity),
        activity=activity,
    )


def round_up(most: int) -> int:
    """The next figure that reads well on a scale.

    >>> [round_up(most) for most in (0, 1, 7, 61, 812, 130_000)]
    [1, 1, 8, 80, 1000, 150000]
    """
    if most <= 1:
        return 1
    unit = 10 ** math.floor(math.log10(most))
    return next(int(unit * step) for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if unit * step >= most)


def _panel(name: str, activity: Activity, values: list[int], top: float, base: float) -> Panel:
    most = round_up(max(values))
    pitch = (WIDTH - LEFT - RIGHT) / len(values)
    gap = min(2.0, pitch / 5)
    bars = []
    for place, (step, value) in enumerate(zip(activity.steps, values, strict=True)):
        height = (base - top) * value / most
        title = f"{hour_text(step.hour)}: {value:,} {name}"
        bars.append(Rectangle(LEFT + place * pitch + gap / 2, base - height, pitch - gap, height, title))
    scale = (Tick(base, "0"), Tick(top, f"{most:,}"))
    return Panel(name, top, base, tuple(bars), scale)


def _place(activity: Activity, hour: float) -> float:
    hours = len(activity.steps) * activity.step_hours
    return LEFT + (WIDTH - LEFT - RIGHT) * (hour - activity.steps[0].hour) / hours


def _times(activity: Activity) -> tuple[Tick, ...]:
    count = len(activity.steps)
    every = max(1, -(-count // _TICKS))
    return tuple(
        Tick(_place(activity, activity.steps[place].hour), hour_text(activity.steps[place].hour), "start")
        for place in range(0, count, every)
        if place + every / 2 < count or place == 0
    )


def _marks(activity: Activity) -> tuple[Tick, ...]:
    found = []
    for number, mark in enumerate(activity.marks):
        place = _place(activity, mark.hour)
        anchor = "start" if place < WIDTH - RIGHT - MARK_ROOM else "end"
        # Each in a row of its own: an alert may be minutes after the beginning.
        found.append(Tick(place, mark.label, anchor, MARK_TOP + MARK_ROW * number))
    return tuple(found)
