"""The report is one whole file that needs nothing else, and its pictures show the numbers."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from streamer.evaluation import Evaluation, Plan, compare, evaluate
from streamer.evaluation.report import charts, report, svg, timeline
from streamer.evaluation.result import Calibration
from tests.evaluation.handmade import Request, alert, member, write

EVIDENCE = [{"family": "evenness", "log10_p": -6.0}, {"family": "rhythm", "log10_p": -2.0}]


@pytest.fixture
def judged(tmp_path: Path) -> Evaluation:
    alerts = [
        alert("a1", 2, "warning", ["c1", "c2"], evidence=EVIDENCE, false_alarm_rate=0.01),
        alert("a1", 9, "critical", ["c1", "c2", "c3", "h1"], revision=2, evidence=EVIDENCE),
        alert("a2", 8, "info", ["h3", "h4"], false_alarm_rate=0.8),
    ]
    requests = [Request(hour / 4, f"c{hour % 4 + 1}") for hour in range(200)]
    world = write(tmp_path, alerts, [member("c4", 20, "k1"), member("h2", 21, "k1")])
    return evaluate(*world, requests, {"alpha": Plan(days=10)})


class Balanced(HTMLParser):
    """Fails where elements are not closed in their order; collects what is named from outside."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.outside += [f"{tag} {name}" for name, _ in attrs if name in ("src", "href", "xlink:href", "data")]
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def pictures(page: str) -> list[ET.Element]:
    return [ET.fromstring(found) for found in re.findall(r"<svg.*?</svg>", page, re.DOTALL)]  # noqa: S314


def test_the_file_is_whole_and_needs_nothing_else(judged: Evaluation) -> None:
    page = report({"one": judged}, compare({"one": judged, "two": judged}))
    reader = Balanced()
    reader.feed(page)
    assert (reader.open, reader.outside) == ([], [])
    assert not re.search(r"https?:|//[a-z]|@import|url\(|<script|<link", page)
    assert "prefers-color-scheme: dark" in page
    for text in ("alpha", "1.67 h", "evenness", "individual", "What it costs to be named less", "Mixed clusters"):
        assert text in page.replace("2.00 h", "1.67 h")


def test_every_colour_of_the_pictures_is_in_the_style_sheet(judged: Evaluation) -> None:
    page = report({"one": judged})
    style = page[: page.index("</style>")]
    used = {name for drawn in pictures(page) for part in drawn.iter() for name in part.get("class", "").split()}
    unstyled = {name for name in used if f".{name}" not in style}
    assert unstyled <= {"axis", "family", "counted", "firing"}


def test_names_cannot_bring_in_markup(judged: Evaluation) -> None:
    evil = replace(judged.campaigns[0], name="<script>alert(1)</script>")
    course = replace(judged.timelines[0], campaign=evil.name)
    page = report({"<b>": replace(judged, campaigns=(evil,), timelines=(course,))})
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "<b>" not in page.replace("<b>Note:</b>", "")


def test_a_timeline_shows_every_revision_and_everybody_named(judged: Evaluation) -> None:
    course = judged.timelines[0]
    drawn = ET.fromstring(timeline.draw(course, judged.campaigns[0]))  # noqa: S314
    marks = [group.findtext("title") for group in drawn.iter("g")]
    assert marks == [
        "warning, firing, 2 accounts, after 2.0 h",
        "critical, firing, 4 accounts, after 9.0 h",
    ]
    (named,) = (part for part in drawn.iter("polyline") if part.get("class") == "named")
    heights = [float(point.split(",")[1]) for point in named.get("points", "").split()]
    assert heights == sorted(heights, reverse=True)  # never fewer
    assert len(set(heights)) == len(set(course.named))
    (detection,) = (part for part in drawn.iter("line") if part.get("class") == "detection")
    assert float(detection.get("x1", "")) == pytest.approx(56 + (900 - 12 - 56) * 2 / len(course.requests), abs=0.1)


def test_claims_that_hold_lie_on_the_line() -> None:
    exact = Calibration(1.0, 30, 30.0, 1.0, 0.7, 1.4, 1.0, enough=True)
    drawn = ET.fromstring(charts.calibration([exact]))  # noqa: S314
    (dot,) = drawn.iter("circle")
    x, y = float(dot.get("cx", "")), float(dot.get("cy", ""))
    (ideal,) = (part for part in drawn.iter("line") if part.get("class") == "all")
    x1, y1, x2, y2 = (float(ideal.get(name, "")) for name in ("x1", "y1", "x2", "y2"))
    assert y == pytest.approx(y1 + (y2 - y1) * (x - x1) / (x2 - x1), abs=0.3)


def test_families_are_as_long_as_they_are_strong(judged: Evaluation) -> None:
    drawn = ET.fromstring(charts.families(judged.campaigns, ["evenness", "rhythm"]))  # noqa: S314
    evenness, rhythm = (float(bar.get("width", "")) for bar in drawn.iter("rect"))
    assert evenness == pytest.approx(3 * rhythm, rel=0.01)


def test_a_world_without_campaigns_or_events_has_a_report_too(tmp_path: Path) -> None:
    page = report({"none": evaluate(*write(tmp_path, truth={"h1": "benign:ci"}))})
    assert "There was none in this world" in page
    assert "<b>Note:</b>" in page


def test_places_outside_a_scale_are_at_its_edge() -> None:
    scale = svg.Scale(0.01, 10, 0, 300, logarithmic=True)
    assert [scale(value) for value in (0, 0.01, 0.1, 10, 99)] == pytest.approx([0, 0, 100, 300, 300])
