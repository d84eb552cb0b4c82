"""The status page, as HTML without scripts."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from streamer.web.board import Board

STYLE = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 68rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin: 0; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); gap: .75rem; }
dt { opacity: .7; font-size: .85rem; } dd { margin: 0; font-size: 1.2rem; font-variant-numeric: tabular-nums; }
article { border: 1px solid #8886; }
article { border-left-width: .4rem; border-radius: .4rem; padding: .75rem 1rem; margin: 1rem 0; }
article.critical { border-left-color: #c62828; } article.warning { border-left-color: #ef8f00; }
article.info { border-left-color: #1976d2; } article.resolved { opacity: .6; }
small { opacity: .75; } ul { margin: .4rem 0 0; padding-left: 1.2rem; }
"""


def render(board: Board, title: str, figures: Mapping[str, str]) -> str:
    """The whole page; `figures` come before those of the board."""
    shown = {**figures, **board.figures}.items()
    list_of_figures = "".join(f"<div><dt>{_text(name)}</dt><dd>{_text(value)}</dd></div>" for name, value in shown)
    alerts = "".join(map(_article, board.alerts)) or "<p>No alert yet.</p>"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta http-equiv="refresh" content="5">'
        f"<title>{_text(title)}</title><style>{STYLE}</style></head><body>"
        f"<h1>{_text(title)}</h1><dl>{list_of_figures}</dl><main>{alerts}</main>"
        '<p><small>times are event time, UTC · <a href="/metrics">metrics</a></small></p></body></html>'
    )


def _article(alert: Mapping[str, Any]) -> str:
    severity, status = _text(alert.get("severity")), _text(alert.get("status"))
    evidence = "".join(
        f"<li><b>{_text(item.get('family'))}</b>: {_text(item.get('statement'))}</li>"
        for item in alert.get("evidence") or ()
    )
    return (
        f'<article class="{severity} {status}"><h2>{_text(alert.get("summary"))}</h2>'
        f"<small>{severity} · {status} · {_text(alert.get('account_count'))} accounts · detected "
        f"{_text(alert.get('detected_at'))} · {_text(alert.get('alert_id'))}, "
        f"revision {_text(alert.get('revision'))}</small>"
        f"<ul>{evidence}</ul></article>"
    )


def _text(value: object) -> str:
    return escape("" if value is None else str(value))
