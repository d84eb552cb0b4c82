"""Templates become pages; whatever others wrote is escaped on its way."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined

from streamer.cases.records import hour_text
from streamer.cases.wording import counted, improbability, kind_name, moment, number, printable, value_name

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src data:; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_FULL = 30.0


class Renderer:
    """Renders the templates beside this module; `fixed` is what every page is told."""

    def __init__(self, **fixed: Any) -> None:  # noqa: ANN401 - a template takes anything
        self._environment = Environment(
            loader=PackageLoader("streamer.web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= _FILTERS
        self._environment.globals |= {"refresh": None, "visitor": None, "here": "/", **fixed}
        self.style = files("streamer.web").joinpath("style.css").read_text(encoding="utf-8")

    def page(self, template: str, **values: Any) -> str:  # noqa: ANN401 - a template takes anything
        """One page."""
        return self._environment.get_template(template).render(**values)


def strength(log10_p: float | None) -> str:
    """How much of a bar a probability fills: all of it from one in 10^30 on.

    >>> strength(-15.0), strength(-300.0), strength(None)
    ('50.0', '100.0', '0.0')
    """
    return f"{min(100.0, max(0.0, -(log10_p or 0.0) * 100.0 / _FULL)):.1f}"


def segment(text: str) -> str:
    """A text as one part of an address.

    >>> segment("a/b?c")
    'a%2Fb%3Fc'
    """
    return quote(text, safe="")


_FILTERS: Mapping[str, Any] = {
    "chance": improbability,
    "counted": counted,
    "figure": number,
    "grouped": lambda count: f"{count:,}",
    "hour": hour_text,
    "kind": kind_name,
    "moment": moment,
    "segment": segment,
    "shown": printable,
    "strength": strength,
    "value": lambda value, kind: value_name(kind, value),
}
