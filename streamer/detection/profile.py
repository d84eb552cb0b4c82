"""What is told of an account at the end of a window: fixed-size rows, so that a million of them are one table."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

MISSING = -1


class Feature:
    """What is counted of the population: those of `PROFILE` of accounts, the others of accounts and windows.

    Plain numbers, for they are part of the codes of cells.
    """

    VOLUME: Final = 0
    HOURS: Final = 1
    RHYTHM: Final = 2
    OUTPUT: Final = 3
    AGE: Final = 4
    INPUT: Final = 5
    GREED: Final = 6
    FOLLOW: Final = 7
    TONGUES: Final = 8
    FOCUS: Final = 9
    SURPRISE: Final = 10
    WINDOW_REQUESTS: Final = 11
    REFUSED: Final = 12
    COUNT: Final = 13


PROFILE = (
    Feature.VOLUME,
    Feature.HOURS,
    Feature.RHYTHM,
    Feature.OUTPUT,
    Feature.AGE,
    Feature.INPUT,
    Feature.GREED,
    Feature.FOLLOW,
    Feature.TONGUES,
    Feature.FOCUS,
)
# Compared within accounts that have been seen for as long and ask as much; volume only within the former.
HABITS = (Feature.HOURS, Feature.RHYTHM, Feature.FOLLOW, Feature.TONGUES, Feature.FOCUS)
_VOLUME, _HABITS = PROFILE.index(Feature.VOLUME), [PROFILE.index(feature) for feature in HABITS]
YOUNG_MS, SETTLED_MS = 2 * 3_600_000, 12 * 3_600_000
SETTLED = 2
VOLUMES = 16
BUCKETS = 3 * VOLUMES
BINS = 256

ROW = np.dtype(
    [
        ("key", "<u8"),
        ("organization", "<u8"),
        ("place", "<u8", (3,)),
        ("first_seen_ms", "<i8"),
        ("before_ms", "<i8"),
        ("total_requests", "<i8"),
        ("total_output_tokens", "<i8"),
        ("requests", "<i4"),
        ("requests_24h", "<i4"),
        ("refused", "<i4"),
        ("active_hours", "<u4"),
        ("slots", "u1", (24,)),
        ("surprise", "<f4"),
        ("model", "<i4"),
        ("languages", "<u4"),
        ("capabilities", "<u4"),
        ("stratum", "u1"),
        ("span", "u1"),
        ("bins", "<i2", (len(PROFILE),)),
    ]
)
MEMBER = np.dtype([*ROW.descr, ("window", "<i4"), ("usual", "<f4"), ("scores", "<f4", (len(PROFILE),))])
Rows = npt.NDArray[Any]


def put_rows(table: Rows, places: Rows, rows: Rows) -> None:
    """Put rows into a table of the same kind; as plain bytes, for numpy would copy them field by field."""
    plain = np.dtype((np.void, table.itemsize))
    table.view(plain)[places] = rows.view(plain)


def span_classes(now_ms: int, first_ms: Rows) -> Rows:
    """Give how long accounts have been seen: 0 under two hours, 1 under twelve, 2 longer.

    What looks regular in an account's first session looks so in anybody's: like is compared with like.
    """
    span_ms = now_ms - first_ms
    return np.where(span_ms < YOUNG_MS, 0, np.where(span_ms < SETTLED_MS, 1, SETTLED)).astype(np.uint8)


def habit_buckets(rows: Rows) -> Rows:
    """Give the class within which habits are compared: time seen, and the octave of the requests of a day."""
    octave = np.frexp(rows["requests_24h"].astype(np.float64))[1]
    return rows["span"].astype(np.int64) * VOLUMES + np.minimum(octave, 12)


def buckets(rows: Rows) -> Rows:
    """Give, for each row and feature of `PROFILE`, the bucket within which it is compared; shape (rows, features)."""
    found = np.zeros((len(rows), len(PROFILE)), dtype=np.int64)
    found[:, _VOLUME] = rows["span"]
    found[:, _HABITS] = habit_buckets(rows)[:, np.newaxis]
    return found
