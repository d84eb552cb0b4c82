"""Data on stdout: tables for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.table import Table

from streamer.errors import StreamerError

if TYPE_CHECKING:
    from streamer.cases.explanation import Explanation
    from streamer.evaluation import Evaluation


def record(values: Mapping[str, Any], *, as_json: bool, title: str) -> None:
    """Print one record."""
    if as_json:
        typer.echo(json.dumps(values))
        return
    shown = Table(title=title, title_justify="left", show_header=False, box=None)
    for name, value in values.items():
        shown.add_row(name, _text(value))
    Console().print(shown)


def table(rows: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    """Print rows that have the same fields."""
    if as_json:
        typer.echo(json.dumps(list(rows)))
        return
    shown = Table(box=None)
    for name in rows[0] if rows else ():
        shown.add_column(name)
    for row in rows:
        shown.add_row(*map(_text, row.values()))
    Console().print(shown)


def evaluation(worlds: Mapping[str, Evaluation], *, as_json: bool) -> None:
    """Print a judgement of one world, or of several as one."""
    from streamer.evaluation import pooled

    found = pooled(worlds)
    if as_json:
        typer.echo(json.dumps(found.as_record()))
        return
    from streamer.evaluation.table import render

    Console().print(render(found))


def explanation(found: Explanation, *, as_json: bool) -> None:
    """Print why."""
    if as_json:
        from streamer.cases.explanation import as_record

        typer.echo(json.dumps(as_record(found)))
        return
    from streamer.cases.terminal import render

    Console(highlight=False).print(render(found))


def comparison(worlds: Mapping[str, Evaluation], *, as_json: bool) -> None:
    """Print runs side by side."""
    from streamer.evaluation import compare

    found = compare(worlds)
    if as_json:
        typer.echo(json.dumps(found.as_record()))
        return
    from streamer.evaluation.table import render_comparison

    Console().print(render_comparison(found))


def problems(found: Sequence[StreamerError], *, as_json: bool) -> None:
    """Print what is wrong: JSON on stdout, or a line each on stderr."""
    if as_json:
        typer.echo(json.dumps([{"where": each.where, "found": each.found, "remedy": each.remedy} for each in found]))
        return
    for each in found:
        typer.echo(str(each), err=True)
    if not found:
        typer.echo("the configuration is sound and everything it names can be reached")


def lines(found: Iterable[str]) -> None:
    """Print lines as they are, never cut or wrapped: commands are to be copied."""
    for line in found:
        typer.echo(line)


def warning(text: str) -> None:
    """Say on stderr what is no error but should be looked at."""
    typer.echo(f"warning: {text}", err=True)


def _text(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "-"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.1f}" if isinstance(value, float) else str(value)
