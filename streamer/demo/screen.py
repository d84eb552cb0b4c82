"""What a demonstration shows while it runs: a live picture on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table

from streamer.demo.progress import Rate, Tick

COLOURS = {"critical": "red", "warning": "yellow", "info": "blue"}
LINE_EVERY_S = 2.0
SHOWN_ALERTS = 4


class Screen:
    """Shows ticks. Alerts are printed once each, with their reasons, and stay on the screen."""

    def __init__(self, console: Console, clock: Callable[[], float]) -> None:
        self._console = console
        self._clock = clock
        self._rate = Rate(clock)
        self._live: Live | None = None
        self._line_at = float("-inf")
        self._revisions: dict[str, Mapping[str, Any]] = {}

    def say(self, text: str) -> None:
        """Print one line."""
        self._console.print(text, highlight=False, soft_wrap=True)

    @contextlib.contextmanager
    def watching(self) -> Iterator[Screen]:
        """Between here and the end, ticks are shown."""
        if not self._console.is_terminal:
            yield self
            return
        with Live(console=self._console, refresh_per_second=4, transient=True) as self._live:
            yield self
        self._live = None

    def tick(self, tick: Tick) -> None:
        """Show what was seen."""
        rate = self._rate.update(tick.events_done)
        for alert in tick.alerts:
            self._alert(alert)
        if self._live is not None:
            self._live.update(self._picture(tick, rate))
        elif self._clock() - self._line_at >= LINE_EVERY_S:
            self._line_at = self._clock()
            share = tick.events_done / max(tick.events_total, 1)
            self.say(
                f"{tick.events_done:>9,} events ({share:4.0%})  {rate:>7,.0f} events/s  lag {tick.lag:>7,}  "
                f"watermark {minute(tick.watermark)}  alerts {len(self._revisions)}"
            )

    def _alert(self, alert: Mapping[str, Any]) -> None:
        alert_id = str(alert["alert_id"])
        known = self._revisions.get(alert_id)
        if known is not None and known["revision"] >= alert["revision"]:
            return
        self._revisions[alert_id] = alert
        for line in describe(alert) if known is None else [update(alert)]:
            self.say(line)

    def _picture(self, tick: Tick, rate: float) -> RenderableType:
        figures = Table.grid(padding=(0, 3))
        figures.add_row("events/s", "lag", "watermark (event time)", "workers", "alerts", style="dim")
        figures.add_row(
            f"{rate:,.0f}", f"{tick.lag:,}", minute(tick.watermark), str(tick.workers), str(len(self._revisions))
        )
        bar = Table.grid()
        bar.add_row(ProgressBar(total=max(tick.events_total, 1), completed=tick.events_done, width=60))
        latest = Table.grid(padding=(0, 2))
        latest.add_column(justify="right", no_wrap=True, min_width=16)
        latest.add_column(no_wrap=True, overflow="ellipsis")
        for alert in list(self._revisions.values())[-SHOWN_ALERTS:]:
            count = f"[{COLOURS.get(alert['severity'], 'white')}]■[/] {alert['account_count']:,} accounts"
            latest.add_row(count, escape(str(alert["summary"])))
        return Panel(Group(figures, bar, latest), title="streamer demo", title_align="left")


def describe(alert: Mapping[str, Any]) -> list[str]:
    """An alert as a person would want it: one sentence and the reasons for it."""
    colour = COLOURS.get(alert["severity"], "white")
    head = f"[{colour}]▲ {str(alert['severity']).upper()}[/] {alert['detected_at']}  {escape(str(alert['summary']))}"
    reasons = [f"    {item['family']}: {item['statement']} (p = 1e{item['log10_p']:.0f})" for item in alert["evidence"]]
    return [head, *map(escape, reasons)]


def update(alert: Mapping[str, Any]) -> str:
    """A later revision of an alert, in a line."""
    return (
        f"  revision {alert['revision']} of {escape(str(alert['alert_id']))}, {minute(str(alert['updated_at']))}: "
        f"{alert['status']}, {alert['account_count']:,} accounts, {alert['request_count']:,} requests"
    )


def minute(moment: str | None) -> str:
    """A time to the minute; more would only flicker."""
    return "-" if moment is None else moment[:16].replace("T", " ")
