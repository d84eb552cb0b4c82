"""Drawing: scales, ticks and the few shapes that the pictures are made of. Colours are the style sheet's business."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Point = tuple[float, float]


class Scale(NamedTuple):
    """From values between `low` and `high` to places between `begin` and `end`; through logarithms if asked."""

    low: float
    high: float
    begin: float
    end: float
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        """The place of a value; what lies outside is drawn at the edge."""
        low, high, at = self.low, self.high, min(max(value, self.low), self.high)
        if self.logarithmic:
            low, high, at = math.log10(low), math.log10(high), math.log10(at)
        return self.begin + (self.end - self.begin) * ((at - low) / (high - low) if high > low else 0.0)


def ticks(high: float, about: int) -> list[float]:
    """Round numbers from zero to at most `high`.

    >>> ticks(100, 4), ticks(7, 4)
    ([0.0, 25.0, 50.0, 75.0, 100.0], [0.0, 2.0, 4.0, 6.0])
    """
    if high <= 0:
        return [0.0]
    rough = high / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * 0.999)
    step = max(step, 1.0)
    return [round(step * at, 6) for at in range(int(high / step + 1e-9) + 1)]


def element(name: str, content: str = "", **attributes: object) -> str:
    """One element; `_` in a name is `-`, and `class_` is `class`."""
    written = "".join(f' {_name(key)}="{escape(_value(value))}"' for key, value in attributes.items())
    return f"<{name}{written}>{content}</{name}>"


def text(words: str, x: float, y: float, anchor: str = "start", **attributes: object) -> str:
    """Words at a place."""
    return element("text", escape(words), x=x, y=y, text_anchor=anchor, **attributes)


def line(begin: Point, end: Point, class_: str) -> str:
    """A straight line."""
    return element("line", x1=begin[0], y1=begin[1], x2=end[0], y2=end[1], class_=class_)


def steps(tops: Sequence[float], width: float, begin: Point) -> list[Point]:
    """The outline of bars of one width that stand side by side."""
    points = []
    for at, top in enumerate(tops):
        left = begin[0] + at * width
        points += [(left, top), (left + width, top)]
    return points


def polyline(points: Iterable[Point], class_: str) -> str:
    """A line through points."""
    return element("polyline", points=_points(points), class_=class_)


def polygon(points: Iterable[Point], class_: str) -> str:
    """A filled outline."""
    return element("polygon", points=_points(points), class_=class_)


def titled(shape: str, words: str, class_: str) -> str:
    """A shape that says what it is when pointed at."""
    return element("g", element("title", escape(words)) + shape, class_=class_)


def picture(content: str, width: float, height: float, label: str) -> str:
    """A whole picture, as wide as there is room."""
    return element("svg", content, viewBox=f"0 0 {width:g} {height:g}", role="img", aria_label=label)


def _points(points: Iterable[Point]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _name(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def _value(value: object) -> str:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)
