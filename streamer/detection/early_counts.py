"""Who asks far more than people do, while the window is still open: counts that are told at fixed bounds, each once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from streamer.detection.open_window import Ints, OpenWindow

BOUNDS_PER_OCTAVE = 4
OCTAVES = 30
# Counting costs as much for one request as for a hundred: a few more must have come.
MIN_GROWTH = 16


class Passed(NamedTuple):
    """Bounds that accounts have passed, side by side: the `place` of each account in its window, and the `bound`."""

    place: Ints
    bound: Ints


NOBODY = Passed(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))


class EarlyCounts:
    """Counts the requests of each account in the oldest open window, as it grows.

    What is told by the time that the window closes is the same however it grew: every bound up to each account's count.
    What was told is not remembered over a restart; it is then told again.
    """

    def __init__(self, first_bound: int) -> None:
        steps = np.exp2(np.arange(OCTAVES * BOUNDS_PER_OCTAVE) / BOUNDS_PER_OCTAVE)
        self._bounds: Ints = np.unique(np.ceil(max(1, first_bound) * steps).astype(np.int64))
        self._window = -1
        self._begin(-1)

    def _begin(self, window: int) -> None:
        self._window = window
        self._counted = self._most = 0
        self._due = int(self._bounds[0])
        self._counts = np.zeros(0, dtype=np.int64)

    def passed(self, window: int, seen: OpenWindow, *, closing: bool = False) -> Passed:
        """Give the bounds passed since the last call, by account and bound; all of them if the window is `closing`."""
        if window != self._window:
            self._begin(window)
        size = len(seen)
        if size == self._counted or (size < self._due and not closing):
            return NOBODY
        more = np.bincount(seen.owners(self._counted), minlength=len(self._counts))
        before = np.concatenate((self._counts, np.zeros(len(more) - len(self._counts), dtype=np.int64)))
        self._counts = before + more
        self._most = int(self._counts.max())
        self._counted = size
        # Nobody can pass the first bound before the one who is nearest to it could.
        self._due = size + max(MIN_GROWTH, int(self._bounds[0]) - self._most)
        return self._between(before, self._counts) if self._most >= self._bounds[0] else NOBODY

    def _between(self, before: Ints, after: Ints) -> Passed:
        loud = np.flatnonzero(after >= self._bounds[0])
        first = np.searchsorted(self._bounds, before[loud], side="right")
        count = np.searchsorted(self._bounds, after[loud], side="right") - first
        which = np.repeat(first - np.cumsum(count) + count, count) + np.arange(count.sum())
        return Passed(np.repeat(loud, count), self._bounds[which])
