"""Which messages of a partition are already in the state, which come next, and which never came."""

from __future__ import annotations

from enum import Enum


class Verdict(Enum):
    """What to do with a message, by its offset."""

    TAKE = "take"
    SKIP = "skip"
    GAP = "gap"


class OffsetGuard:
    """Watches that the messages of one partition are taken once each and in order, whoever delivers them."""

    __slots__ = ("next_offset",)

    def __init__(self, next_offset: int) -> None:
        self.next_offset = next_offset

    def check(self, offset: int) -> Verdict:
        """Judge a delivered message. GAP means that messages before it have not been taken, or do not exist."""
        if offset == self.next_offset:
            return Verdict.TAKE
        return Verdict.SKIP if offset < self.next_offset else Verdict.GAP

    def are_next(self, first: int, last: int, count: int) -> bool:
        """Whether `count` messages in the order of their offsets are those that come next, none of them missing."""
        return first == self.next_offset and last - first == count - 1

    def passed(self, offset: int) -> None:
        """Remember that everything up to and including `offset` is in the state."""
        self.next_offset = max(self.next_offset, offset + 1)
