"""Windows of several streams: none is decided before all of them have come past it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")


class Barrier(Generic[Item]):
    """Holds what several sources report, window by window, until all of them have come past a window.

    A source that is idle holds nobody back; one that never spoke does. When all are idle, everything held is released.
    """

    def __init__(self, sources: int) -> None:
        self.sources = sources
        self._progress: dict[int, int] = {}
        self._idle: set[int] = set()
        self._held: dict[int, list[Item]] = {}
        self.closed_through = -1

    def passed(self, source: int, window: int) -> bool:
        """Whether a source has already reported a window, so that a repeat is to be ignored."""
        return window <= self._progress.get(source, -1)

    def add(self, window: int, items: list[Item]) -> int:
        """Hold what was reported of a window; return how many came after the window had closed."""
        if window <= self.closed_through:
            return len(items)
        if items:
            self._held.setdefault(window, []).extend(items)
        return 0

    def report(self, source: int, window: int, *, idle: bool) -> None:
        """A source has told all it has through `window`."""
        self._progress[source] = max(window, self._progress.get(source, -1))
        if idle:
            self._idle.add(source)
        else:
            self._idle.discard(source)

    @property
    def idle(self) -> bool:
        """Whether every source is idle."""
        return len(self._idle) == self.sources

    def reached(self) -> int:
        """The newest window that all busy sources have passed; -1 if there is none."""
        if len(self._progress) < self.sources:
            return -1
        busy = [window for source, window in self._progress.items() if source not in self._idle]
        return min(busy) if busy else max(self._progress.values())

    def release(self) -> list[tuple[int, list[Item]]]:
        """Windows with something in them that are complete now, oldest first."""
        reached = self.reached()
        if reached <= self.closed_through:
            return []
        self.closed_through = reached
        return [(window, self._held.pop(window)) for window in sorted(self._held) if window <= reached]

    def snapshot(self) -> dict[str, Any]:
        """Plain data from which `restore` makes the same barrier; items stay as they are."""
        return {
            "progress": sorted(self._progress.items()),
            "idle": sorted(self._idle),
            "closed_through": self.closed_through,
            "held": [[window, list(items)] for window, items in sorted(self._held.items())],
        }

    def restore(self, state: dict[str, Any], item: Callable[[Any], Item]) -> None:
        """Take over what `snapshot` gave; `item` makes an item from its plain form."""
        self._progress = {int(source): int(window) for source, window in state["progress"]}
        self._idle = set(state["idle"])
        self.closed_through = state["closed_through"]
        self._held = {int(window): [item(plain) for plain in items] for window, items in state["held"]}
