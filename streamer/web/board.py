"""Named figures that a page shows beside those of the metrics."""

from __future__ import annotations

import threading


class Board:
    """Figures by name, in the order they were first told. Any thread may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._figures: dict[str, str] = {}

    def figure(self, name: str, value: str) -> None:
        """Show `value` under `name`."""
        with self._lock:
            self._figures[name] = value

    @property
    def figures(self) -> dict[str, str]:
        """What `figure` was told, by name."""
        with self._lock:
            return dict(self._figures)
