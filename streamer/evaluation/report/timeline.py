"""The picture of a campaign's course: what it sent, who was at work, who was named, and when alerts were revised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamer.evaluation.report import svg

if TYPE_CHECKING:
    from streamer.evaluation.result import CampaignResult, RevisionMark, Timeline

_WIDTH: Final = 900.0
_LEFT: Final = 56.0
_RIGHT: Final = 12.0
_MARKS: Final = (8.0, 30.0)
_REQUESTS: Final = (44.0, 124.0)
_ACCOUNTS: Final = (144.0, 264.0)
_HEIGHT: Final = 300.0
_ABOUT_TICKS: Final = 3
_ROOM: Final = 1.2


def draw(timeline: Timeline, campaign: CampaignResult) -> str:
    """Draw one campaign; hours count from the hour of its first request."""
    hours = max(len(timeline.requests), 1)
    x = svg.Scale(0, hours, _LEFT, _WIDTH - _RIGHT)
    step = (x.end - x.begin) / hours
    parts = [_hours(x), _panel(timeline.requests, x, _REQUESTS, step, "requests an hour")]
    parts.append(_accounts(timeline, campaign, x, step))
    if campaign.detected:
        parts.append(_detection(timeline, x))
    parts += [_mark(mark, x) for mark in timeline.revisions]
    parts.append(svg.text("alerts", _LEFT - 6, _MARKS[1] - 8, "end", class_="axis"))
    return svg.picture("".join(parts), _WIDTH, _HEIGHT, f"course of the campaign {timeline.campaign}")


def _hours(x: svg.Scale) -> str:
    low = _ACCOUNTS[1]
    days = x.high > 48  # noqa: PLR2004 - from two days on, days are easier to read
    unit = 24 if days else 1
    parts = []
    for tick in svg.ticks(x.high / unit, 10):
        at = x(tick * unit)
        parts.append(svg.line((at, _REQUESTS[0]), (at, low), "grid"))
        parts.append(svg.text(f"{tick:g}", at, low + 16, "middle", class_="axis"))
    parts.append(svg.text("days" if days else "hours", x.end, low + 32, "end", class_="axis"))
    return "".join(parts)


def _axis(high: float, y: svg.Scale, x: svg.Scale, title: str) -> str:
    parts = []
    for tick in svg.ticks(high, _ABOUT_TICKS):
        parts.append(svg.line((x.begin, y(tick)), (x.end, y(tick)), "grid"))
        parts.append(svg.text(f"{tick:,g}", x.begin - 6, y(tick) + 4, "end", class_="axis"))
    parts.append(svg.text(title, x.begin + 4, y.end + 8, class_="axis"))
    return "".join(parts)


def _panel(counts: tuple[int, ...], x: svg.Scale, place: tuple[float, float], step: float, title: str) -> str:
    y = svg.Scale(0, max(*counts, 1) * _ROOM, place[1], place[0])
    outline = svg.steps([y(count) for count in counts], step, (x.begin, 0))
    area = svg.polygon([(x.begin, y(0)), *outline, (x.begin + step * len(counts), y(0))], "requests")
    return _axis(y.high, y, x, title) + area


def _accounts(timeline: Timeline, campaign: CampaignResult, x: svg.Scale, step: float) -> str:
    y = svg.Scale(0, max(campaign.accounts, *timeline.active, 1) * _ROOM, _ACCOUNTS[1], _ACCOUNTS[0])
    begin = (x.begin, 0.0)
    return "".join(
        [
            _axis(y.high, y, x, "accounts"),
            svg.line((x.begin, y(campaign.accounts)), (x.end, y(campaign.accounts)), "all"),
            svg.polyline(svg.steps([y(count) for count in timeline.active], step, begin), "active"),
            svg.polyline(svg.steps([y(count) for count in timeline.named], step, begin), "named"),
        ]
    )


def _detection(timeline: Timeline, x: svg.Scale) -> str:
    loud = [mark for mark in timeline.revisions if mark.status == "firing" and mark.severity != "info"]
    if not loud:
        return ""
    at = x(loud[0].hour)
    return svg.line((at, _MARKS[1]), (at, _ACCOUNTS[1]), "detection")


def _mark(mark: RevisionMark, x: svg.Scale) -> str:
    at, (top, low) = x(mark.hour), _MARKS
    shape = svg.polygon([(at - 4, top), (at + 4, top), (at, low - 8)], "mark")
    words = f"{mark.severity}, {mark.status}, {mark.accounts:,} accounts, after {mark.hour:.1f} h"
    return svg.titled(shape, words, f"{mark.severity} {mark.status}")
