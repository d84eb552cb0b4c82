"""The kill switch, and when it was on."""

from __future__ import annotations

import bisect


class Switch:
    """Remembers every time at which it was turned."""

    def __init__(self) -> None:
        self._turned: list[tuple[int, bool]] = []

    @property
    def stopped(self) -> bool:
        """Whether it is on now."""
        return bool(self._turned) and self._turned[-1][1]

    @property
    def stopped_ms(self) -> int | None:
        """Since when it is on; None while it is off."""
        return self._turned[-1][0] if self.stopped else None

    def turn(self, *, stop: bool, at_ms: int) -> None:
        """Turn it on or off; a clock that went back since the last turn does not change their order."""
        if stop == self.stopped:
            return
        at_ms = max(at_ms, self._turned[-1][0]) if self._turned else at_ms
        self._turned.append((at_ms, stop))

    def was_stopped(self, at_ms: int) -> bool:
        """Whether it was on at that time."""
        place = bisect.bisect_right(self._turned, (at_ms, True))
        return place > 0 and self._turned[place - 1][1]
