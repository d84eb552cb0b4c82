"""The pictures of claims held against counts, and of what each family contributed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamer.evaluation.report import svg

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamer.evaluation.result import Calibration, CampaignResult

_SIDE: Final = 360.0
_LEFT: Final = 56.0
_LOW: Final = 40.0
_DECADES: Final = (0.01, 0.1, 1.0, 10.0)
_FACTOR: Final = 2.0
_WIDTH: Final = 900.0
_NAMES: Final = 220.0
_BAR: Final = 18.0
COLOURS: Final = 8


def calibration(lines: Sequence[Calibration]) -> str:
    """Claimed rates against counted ones with their 95% interval; the band is a factor of two."""
    x = svg.Scale(_DECADES[0], _DECADES[-1], _LEFT, _SIDE - 8, logarithmic=True)
    y = svg.Scale(_DECADES[0], _DECADES[-1], _SIDE - _LOW, 8, logarithmic=True)
    low, high = _DECADES[0], _DECADES[-1]
    band = [(low, low * _FACTOR), (high / _FACTOR, high), (high, high), (high, high / _FACTOR), (low * _FACTOR, low)]
    parts = [svg.polygon([(x(a), y(b)) for a, b in [(low, low), *band]], "band")]
    for decade in _DECADES:
        parts.append(svg.line((x(decade), y.begin), (x(decade), y.end), "grid"))
        parts.append(svg.line((x.begin, y(decade)), (x.end, y(decade)), "grid"))
        parts.append(svg.text(f"{decade:g}", x(decade), y.begin + 16, "middle", class_="axis"))
        parts.append(svg.text(f"{decade:g}", x.begin - 6, y(decade) + 4, "end", class_="axis"))
    parts.append(svg.line((x(low), y(low)), (x(high), y(high)), "all"))
    parts.append(svg.text("claimed a day", x.end, y.begin + 32, "end", class_="axis"))
    parts.append(svg.text("counted a day", x.begin + 4, y.end + 12, class_="axis"))
    for one in lines:
        at = x(one.claimed_per_day)
        span = svg.line((at, y(one.low_per_day)), (at, y(one.high_per_day)), "span")
        dot = svg.element("circle", cx=at, cy=y(one.counted_per_day), r=5, class_="dot")
        words = f"{one.claimed_per_day:g} a day claimed, {one.counted_per_day:.2f} counted ({one.counted} alerts)"
        parts.append(svg.titled(span + dot, words, "counted" if one.enough else "counted few"))
    return svg.picture("".join(parts), _SIDE, _SIDE, "false alarms claimed and counted")


def families(campaigns: Sequence[CampaignResult], order: Sequence[str]) -> str:
    """What the first alert about each campaign rested on: decimal places of improbability, family by family."""
    found = [campaign for campaign in campaigns if campaign.evidence]
    most = max((sum(-part.log10_p for part in campaign.evidence) for campaign in found), default=1.0)
    x = svg.Scale(0, max(most, 1.0), _NAMES, _WIDTH - 12)
    height = len(found) * (_BAR + 6) + 40
    parts = []
    for tick in svg.ticks(x.high, 8):
        parts.append(svg.line((x(tick), 0), (x(tick), height - 36), "grid"))
        parts.append(svg.text(f"{tick:g}", x(tick), height - 22, "middle", class_="axis"))
    parts.append(svg.text("-log10 p", x.end, height - 6, "end", class_="axis"))
    for row, campaign in enumerate(found):
        parts += _bar(campaign, x, row * (_BAR + 6) + 4, order)
    return svg.picture("".join(parts), _WIDTH, height, "what each family contributed to each detection")


def _bar(campaign: CampaignResult, x: svg.Scale, top: float, order: Sequence[str]) -> list[str]:
    name = campaign.name if campaign.world is None else f"{campaign.world}: {campaign.name}"
    parts = [svg.text(name, _NAMES - 8, top + _BAR - 5, "end", class_="axis name")]
    total = 0.0
    for part in campaign.evidence:
        begin, total = total, total - part.log10_p
        shape = svg.element("rect", x=x(begin), y=top, width=max(x(total) - x(begin), 0.5), height=_BAR)
        words = f"{part.family}: 10^{part.log10_p:.1f}, {part.share:.0%} of the strength"
        parts.append(svg.titled(shape, words, f"family f{order.index(part.family) % COLOURS}"))
    return parts
