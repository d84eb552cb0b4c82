"""How fast events are sent: as fast as it goes, so many a second, or some multiple of the time they tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from streamer.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

_EXAMPLES = "write max, 5000/s (events a second) or 60x (times real time)"


@dataclass(frozen=True, slots=True)
class Speed:
    """At most one of the two is set; none of them means no limit."""

    events_per_s: float | None = None
    times: float | None = None


def parse_speed(text: str) -> Speed:
    """The speed that `max`, `5000/s` or `60x` names."""
    if text == "max":
        return Speed()
    number, unit = (text[:-2], "/s") if text.endswith("/s") else (text[:-1], text[-1:])
    try:
        value = float(number)
    except ValueError:
        value = 0.0
    if unit not in ("/s", "x") or not 0 < value < float("inf"):
        raise UsageError("--speed", f"{text!r} is no speed", _EXAMPLES)
    return Speed(events_per_s=value) if unit == "/s" else Speed(times=value)


class Pace:
    """Tells how long to wait before an event may be sent. Starts with the first event it is asked about."""

    def __init__(self, speed: Speed, clock: Callable[[], float]) -> None:
        self._speed = speed
        self._clock = clock
        self._started_s: float | None = None
        self._first_ms = 0
        self._events = 0

    def wait_s(self, event_ms: int) -> float:
        """Seconds until the next event, which tells this time, is due; 0 or less: at once."""
        speed = self._speed
        if speed.events_per_s is None and speed.times is None:
            return 0.0
        if self._started_s is None:
            self._started_s, self._first_ms = self._clock(), event_ms
        if speed.times is not None:
            due_s = (event_ms - self._first_ms) / 1000 / speed.times
        else:
            due_s = self._events / (speed.events_per_s or 1.0)
        self._events += 1
        return self._started_s + due_s - self._clock()
