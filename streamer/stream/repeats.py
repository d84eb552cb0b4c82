"""Keeps a log readable while Kafka is away: clients then say the same thing hundreds of times a second."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

EVERY_S = 30.0
MAX_KINDS = 1_000


@dataclass(slots=True)
class _Kind:
    passed_at: float
    held_back: int = 0


class HoldBackRepeats(logging.Filter):
    """Lets one record of a kind through in `EVERY_S`, with how many others of it there were since the last.

    Of a kind are records of one logger and level with the same message, whatever is filled into it. What this program
    says itself (loggers under `own`) always passes.

    >>> held = HoldBackRepeats(iter([0.0, 1.0, 2.0, 31.0]).__next__)
    >>> say = lambda: logging.LogRecord("aiokafka", logging.ERROR, "", 1, "cannot reach %s", ("k1",), None)
    >>> passed = [record.getMessage() for record in (say(), say(), say(), say()) if held.filter(record)]
    >>> passed
    ['cannot reach k1', 'cannot reach k1 (and 2 more like it)']
    """

    def __init__(self, clock: Callable[[], float], own: str = "streamer") -> None:
        super().__init__()
        self._clock = clock
        self._own = own
        self._kinds: dict[tuple[str, int, str], _Kind] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to let a record through; its message then tells of those held back."""
        if record.name.partition(".")[0] == self._own:
            return True
        now = self._clock()
        kind = (record.name, record.levelno, str(record.msg))
        known = self._kinds.get(kind)
        if known is not None and now - known.passed_at < EVERY_S:
            known.held_back += 1
            return False
        if known is not None and known.held_back:
            record.msg, record.args = f"{record.getMessage()} (and {known.held_back} more like it)", ()
        if len(self._kinds) >= MAX_KINDS:
            self._kinds.clear()
        self._kinds[kind] = _Kind(now)
        return True
