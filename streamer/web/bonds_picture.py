"""Where things stand in the picture of how accounts hang together.

A column for each kind of link, a bar for each of its largest values and one for all the small ones, and bands between
the columns for the accounts that two bars have in common. Its size depends on the number of kinds alone.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import NamedTuple

from streamer.cases.bonds import NONE, REST, BondKind, Bonds, Bucket, Overlap
from streamer.cases.wording import counted, kind_name, value_name

BAR = 12
LABEL = 158
COLUMN = BAR + LABEL + 50
LEAST_WIDTH = 960
HEAD = 44
SCALE_HEIGHT = 300.0
SLOT = 32.0
GAP = 8.0
THINNEST = 0.4
THINNEST_BAR = 2.0
MOST_KINDS = 6
_LETTERS = 24


class Bar(NamedTuple):
    """One bar with its label; `tone` chooses its colour."""

    x: float
    y: float
    height: float
    label: str
    accounts: str
    title: str
    tone: str


class Band(NamedTuple):
    """A band between two bars, as a path."""

    path: str
    title: str
    tone: str


class Head(NamedTuple):
    """What stands over a column."""

    x: float
    name: str
    values: str


@dataclass(frozen=True, slots=True)
class BondsPicture:
    """Everything to be drawn, in units of the picture."""

    width: int
    height: int
    bar: int
    heads: tuple[Head, ...]
    bars: tuple[Bar, ...]
    bands: tuple[Band, ...]
    kinds_left_out: int


def bonds_picture(bonds: Bonds) -> BondsPicture | None:
    """Lay the picture out; None where nothing is known to bind the accounts."""
    kinds = bonds.kinds[:MOST_KINDS]
    if not kinds:
        return None
    width = max(LEAST_WIDTH, COLUMN * len(kinds) - 50)
    pitch = (width - BAR - LABEL) / max(1, len(kinds) - 1)
    columns = [_heights(kind, bonds.accounts) for kind in kinds]
    tallest = max(map(_taken, columns))
    bars: dict[Bucket, Bar] = {}
    for place, (kind, column) in enumerate(zip(kinds, columns, strict=True)):
        bars |= _bars(kind, column, place * pitch, HEAD + (tallest - _taken(column)) / 2, place)
    heads = tuple(_head(kind, place * pitch) for place, kind in enumerate(kinds))
    height = round(HEAD + tallest + GAP)
    return BondsPicture(
        width, height, BAR, heads, tuple(bars.values()), _bands(bonds.overlaps, bars), len(bonds.kinds) - len(kinds)
    )


def _heights(kind: BondKind, accounts: int) -> dict[int, tuple[int, float]]:
    """The accounts of each bar and its height: its share of all accounts, or of all ties where those are more."""
    sizes = {place: bond.account_count for place, bond in enumerate(kind.largest)}
    if kind.rest_accounts:
        sizes[REST] = kind.rest_accounts
    if kind.without:
        sizes[NONE] = kind.without
    whole = max(1, accounts, sum(sizes.values()))
    return {number: (size, max(THINNEST_BAR, SCALE_HEIGHT * size / whole)) for number, size in sizes.items()}


def _taken(heights: dict[int, tuple[int, float]]) -> float:
    return sum(max(SLOT, height) + GAP for _, height in heights.values()) - GAP


def _bars(
    kind: BondKind, heights: dict[int, tuple[int, float]], x: float, top: float, column: int
) -> dict[Bucket, Bar]:
    bars: dict[Bucket, Bar] = {}
    for number, (size, height) in heights.items():
        slot = max(SLOT, height)
        label, title, tone = _label(kind, number, column)
        bars[kind.kind, number] = Bar(
            x, top + (slot - height) / 2, height, _short(label), counted(size, "account"), title, tone
        )
        top += slot + GAP
    return bars


def _label(kind: BondKind, number: int, column: int) -> tuple[str, str, str]:
    name = kind_name(kind.kind)
    if number == NONE:
        return f"no {name}", f"no {name}", "none"
    if number == REST:
        text = f"{kind.rest_values:,} smaller ones"
        return text, f"{text} of {name}, {counted(kind.rest_largest, 'account')} at most on each", "rest"
    value = value_name(kind.kind, kind.largest[number].value)
    return value, f"{name} {value}", f"tone-{column}"


def _short(text: str) -> str:
    return text if len(text) <= _LETTERS else f"{text[: _LETTERS - 1]}…"


def _head(kind: BondKind, x: float) -> Head:
    values = len(kind.largest) + kind.rest_values
    return Head(x, kind_name(kind.kind), "one value" if values == 1 else f"{values:,} values")


def _bands(overlaps: tuple[Overlap, ...], bars: dict[Bucket, Bar]) -> tuple[Band, ...]:
    shown = [each for each in overlaps if each.one in bars and each.other in bars]
    leaving: dict[Bucket, int] = defaultdict(int)
    coming: dict[Bucket, int] = defaultdict(int)
    for each in shown:
        leaving[each.one] += each.account_count
        coming[each.other] += each.account_count
    # Bands lie beside each other in the order of the bars they go to, so that they cross as little as can be.
    shown.sort(key=lambda each: (bars[each.one].y, bars[each.other].y))
    left = {bucket: bar.y for bucket, bar in bars.items()}
    right = dict(left)
    bands = []
    for each in shown:
        one, other = bars[each.one], bars[each.other]
        thick_left = one.height * each.account_count / leaving[each.one]
        thick_right = other.height * each.account_count / coming[each.other]
        path = _path(one.x + BAR, left[each.one], thick_left, other.x, right[each.other], thick_right)
        left[each.one] += thick_left
        right[each.other] += thick_right
        if max(thick_left, thick_right) >= THINNEST:
            bands.append(
                Band(path, f"{counted(each.account_count, 'account')}: {one.title} and {other.title}", one.tone)
            )
    return tuple(bands)


def _path(x1: float, y1: float, thick1: float, x2: float, y2: float, thick2: float) -> str:
    middle = (x1 + x2) / 2
    return (
        f"M{x1:.1f},{y1:.2f}C{middle:.1f},{y1:.2f} {middle:.1f},{y2:.2f} {x2:.1f},{y2:.2f}"
        f"V{y2 + thick2:.2f}C{middle:.1f},{y2 + thick2:.2f} {middle:.1f},{y1 + thick1:.2f} {x1:.1f},{y1 + thick1:.2f}Z"
    )
