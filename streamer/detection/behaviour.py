"""How an account behaves, as one row of numbers: what it asks for, how long, how often, from where."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Final

import numpy as np

from streamer.detection.account_book import CAPABILITIES, DAY_HOURS, GAPS, LANGUAGES, STEADY, Accounts
from streamer.detection.account_learning import MEAN, SQUARES, Floats, N, concentration
from streamer.detection.open_window import Ints
from streamer.detection.profile import Rows
from streamer.detection.settings import HOUR_S

NUMBERS: Final = (
    "volume",
    "hours",
    "concentration",
    "gap",
    "gap_spread",
    "output",
    "output_spread",
    "input",
    "input_spread",
    "limit",
    "limit_spread",
    "follow",
    "moves",
    "prompted",
    *(f"steady_{name}" for name in STEADY),
    "age",
)
PARTS_OF_DAY: Final = 6
WIDTH: Final = CAPABILITIES + LANGUAGES + GAPS + PARTS_OF_DAY + len(NUMBERS)
# When one asks tells programs from people, but hardly one program from another: one hand's accounts may take turns, and
# of those that have only just come it is not known.
OF_ACCOUNTS: Final = np.r_[: CAPABILITIES + LANGUAGES, WIDTH - len(NUMBERS) : WIDTH]
_OF_TIME: Final = [WIDTH - len(NUMBERS) + NUMBERS.index(name) for name in ("hours", "concentration")]
OF_PROGRAMS: Final = np.setdiff1d(OF_ACCOUNTS, _OF_TIME)
# A row is told four times a day, and of accounts that asked often enough to show a habit.
TOLD_EVERY_MS = 6 * HOUR_S * 1000
MIN_REQUESTS = 5
_LARGEST = 6e4
BEHAVIOUR = np.dtype(
    [
        ("key", "<u8"),
        ("first_seen_ms", "<i8"),
        ("total_requests", "<i8"),
        ("total_output_tokens", "<i8"),
        ("values", "<f2", (WIDTH,)),
    ]
)


def due(state: Accounts, counts: Ints, start_ms: int) -> Ints:
    """Say which accounts are to be told of in a window that began at `start_ms`; they made `counts` requests in it.

    Each has its own hours of the day. One that has made four times as many requests since is not what it was.
    """
    stretch = (start_ms + (state["key"] % np.uint64(TOLD_EVERY_MS)).astype(np.int64)) // TOLD_EVERY_MS
    grown = _quadruplings(state["requests"]) > _quadruplings(state["requests"] - counts)
    found: Ints = ((stretch > state["told_stretch"]) | grown) & (state["requests"] >= MIN_REQUESTS)
    state["told_stretch"] = np.where(found, stretch, state["told_stretch"])
    return found


def _quadruplings(counts: Ints) -> Ints:
    """Give how often one must be made four times as much to reach each count: 0 for 1 to 3, 1 for 4 to 15."""
    quadruplings: Ints = (np.frexp(counts.astype(np.float64))[1] - 1) // 2
    return quadruplings


def behaviour_of(state: Accounts, end_ms: int, created_ms: Ints) -> Rows:
    """Describe accounts at the end of a window; NaN where a gateway does not tell."""
    rows = np.zeros(len(state), dtype=BEHAVIOUR)
    rows["key"], rows["first_seen_ms"] = state["key"], state["first_ms"]
    rows["total_requests"], rows["total_output_tokens"] = state["requests"], state["output_tokens"]
    known_ms = np.where(created_ms > 0, np.minimum(created_ms, state["first_ms"]), state["first_ms"])
    hours = state["hours"]
    total = hours.sum(axis=1, dtype=np.int64)
    numbers = (
        np.log2(1.0 + total),
        (hours > 0).sum(axis=1) / np.maximum(1, np.minimum(24, total)),
        concentration(hours > 0),
        *_means_and_spreads(np.stack([state[name] for name in ("gaps", "output", "input", "greed")])),
        *(np.where(state[name][:, N] > 0, state[name][:, MEAN], np.nan) for name in ("follow", "moves", "prompted")),
        *np.where(state["steady"][..., N] > 0, state["steady"][..., MEAN], np.nan).T,
        np.log2(1.0 + np.maximum(0, end_ms - known_ms) / (HOUR_S * 1000)),
    )
    by_part = hours.reshape(len(hours), PARTS_OF_DAY, DAY_HOURS // PARTS_OF_DAY).sum(axis=2)
    mixes = (state["capability_mix"], state["language_mix"], state["gap_mix"], by_part)
    values = np.concatenate((*map(_shares, mixes), np.stack(numbers, axis=1)), axis=1)
    rows["values"] = np.clip(values, -_LARGEST, _LARGEST)
    return rows


def _means_and_spreads(held: Floats) -> Iterator[Floats]:
    """Give the mean and then the spread of each kind of value; `held` is of shape (kinds, accounts, 3)."""
    known = held[..., N] > 0
    spreads = np.sqrt(np.maximum(0.0, held[..., SQUARES]) / np.maximum(held[..., N], 1e-9))
    each = zip(np.where(known, held[..., MEAN], np.nan), np.where(known, spreads, np.nan), strict=True)
    return chain.from_iterable(each)


def _shares(mix: Floats) -> Floats:
    total = mix.sum(axis=1, keepdims=True, dtype=np.float64)
    return np.where(total > 0, mix / np.maximum(total, 1e-9), np.nan)
