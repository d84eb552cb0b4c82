"""A window's requests, cut by account."""

from __future__ import annotations

import numpy as np

from streamer.detection.open_window import UNKNOWN, Columns, Ints

# The mask of each place; that of UNKNOWN is the last one.
_MASKS = np.append(np.uint32(1) << np.arange(32, dtype=np.uint32), np.uint32(0))


class Segments:
    """The requests of a window cut by account: sums, firsts and lasts for each."""

    def __init__(self, seen: Columns) -> None:
        self.seen = seen
        self.counts = np.bincount(seen.account)
        ends = np.cumsum(self.counts)
        self.starts = ends - self.counts
        self.first_ms, self.last_ms = seen.time_ms[self.starts], seen.time_ms[ends - 1]

    def sum(self, values: Ints) -> Ints:
        """Add up the values of each account."""
        return np.add.reduceat(values, self.starts, axis=-1)

    def bits(self, places: Ints) -> Ints:
        """Give the set of places (0 to 31) of each account as a mask; UNKNOWN is in none."""
        return np.bitwise_or.reduceat(_MASKS[places], self.starts)

    def count(self, places: Ints, width: int) -> Ints:
        """Count the places of each account, folded into `width`; UNKNOWN counts nowhere; shape (accounts, width)."""
        told = np.flatnonzero(places != UNKNOWN)
        codes = self.seen.account[told] * width + places[told] % width
        return np.bincount(codes, minlength=len(self.starts) * width).reshape(-1, width)

    def before(self, values: Ints, known: Ints) -> Ints:
        """Give the value of the request before each one; for an account's first, what was `known` of it."""
        shifted = np.empty_like(values)
        shifted[..., 1:] = values[..., :-1]
        shifted[..., self.starts] = known
        return shifted

    def last(self, values: Ints) -> Ints:
        """Give the value of each account's last request."""
        return values[..., self.starts + self.counts - 1]
