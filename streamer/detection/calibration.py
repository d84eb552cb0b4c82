"""How often honest traffic brings a group as improbable as this: counted, not assumed.

What a group test calls a probability rests on assumptions: that members are independent but for a stated correlation,
that families do not follow from one another. So the rate that an alert claims is counted: how many groups a day scored
as much in the past, alarms left out, lagged. Beyond what was ever seen, an exponential tail is fitted to the highest
scores (peaks over threshold: Pickands 1975, with shape 0).
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable
from typing import Any

from streamer.detection.settings import CalibrationSettings, WindowSettings

DAY_S = 86_400
NEVER = 1e-300


class Calibration:
    """The highest score of every group judged of late. A group that is judged again, grown or not, counts once."""

    def __init__(self, settings: CalibrationSettings, window: WindowSettings) -> None:
        self._settings = settings
        self._windows_per_day = window.windows(DAY_S)
        self._memory = window.windows(settings.memory_s)
        self._lag = window.windows(settings.lag_s)
        self._again = window.windows(settings.same_group_s)
        self._groups: dict[int, list[tuple[int, float]]] = {}
        self._of_account: dict[int, tuple[int, int]] = {}
        self._began: int | None = None
        self._last = 0

    def begin(self, window: int) -> None:
        """Note that groups are judged from now on."""
        if self._began is None:
            self._began = window

    def learn(self, window: int, score: float, accounts: Iterable[int]) -> None:
        """Add a group that was judged and is no alarm."""
        keys = sorted(accounts)
        known: dict[int, int] = {}
        for key in keys:
            number, at = self._of_account.get(key, (-1, -1))
            if number in self._groups and window - at < self._again:
                known[number] = known.get(number, 0) + 1
        number = max(known, key=lambda number: (known[number], -number), default=-1)
        if number < 0 or 2 * known[number] < len(keys):
            self._last += 1
            number = self._last
            self._groups[number] = [(window, score)]
        elif score > self._groups[number][-1][1]:
            self._groups[number].append((window, score))
        self._of_account.update(dict.fromkeys(keys, (number, window)))

    def rate(self, window: int, score: float) -> float | None:
        """Give how many groups a day score at least this on honest traffic; None before there is enough to say so."""
        if self._began is None:
            return None
        newest, oldest = window - self._lag, window - self._lag - self._memory
        days = (newest - max(oldest, self._began)) / self._windows_per_day
        if days * DAY_S < self._settings.warm_up_s:
            return None
        scores = [
            max(found for at, found in judged if at <= newest)
            for judged in self._groups.values()
            if oldest < judged[0][0] <= newest
        ]
        above = sum(found >= score for found in scores)
        if above >= self._settings.tail_groups:
            return above / days
        return tail(heapq.nlargest(self._settings.tail_groups + 1, scores), score, self._settings.min_excess) / days

    def forget(self, window: int) -> None:
        """Drop what is too old."""
        oldest = window - self._lag - self._memory
        self._groups = {number: found for number, found in self._groups.items() if found[0][0] > oldest}
        self._of_account = {key: found for key, found in self._of_account.items() if window - found[1] < self._again}

    def snapshot(self) -> dict[str, Any]:
        """Plain data from which `restore` makes the same."""
        return {
            "groups": [[number, [list(pair) for pair in judged]] for number, judged in self._groups.items()],
            "of_account": [[key, *found] for key, found in self._of_account.items()],
            "began": self._began,
            "last": self._last,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `snapshot` gave."""
        self._groups = {number: [(window, score) for window, score in judged] for number, judged in state["groups"]}
        self._of_account = {key: (number, window) for key, number, window in state["of_account"]}
        self._began, self._last = state["began"], state["last"]


def tail(highest: list[float], score: float, min_excess: float) -> float:
    """Give how many scores at least `score` are to be expected, given the highest, in falling order.

    Half a score is added for what was not seen yet.

    >>> round(tail([4.0, 3.0, 2.0], 2.0, 0.1), 2), tail([4.0, 3.0, 2.0], 9.0, 0.1) < 0.05
    (2.5, True)
    """
    if not highest:
        return max(NEVER, 0.5 * math.exp(-max(0.0, score) / max(min_excess, 1.0)))
    threshold = highest[-1]
    above = len(highest) - 1
    if score < threshold:
        return float(sum(found >= score for found in highest)) + 0.5
    excess = sum(found - threshold for found in highest) / max(1, above)
    return max(NEVER, (above + 0.5) * math.exp(-(score - threshold) / max(excess, min_excess)))
