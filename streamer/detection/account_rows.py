"""From records of accounts to the rows that the other stages judge, and to the cells that the population counts."""

from __future__ import annotations

import numpy as np

from streamer.detection.account_book import DAY_HOURS, HOUR_MS, Accounts
from streamer.detection.account_learning import MEAN, SQUARES, Floats, N, concentration, log_steps
from streamer.detection.open_window import Ints
from streamer.detection.population import POOLED, SURPRISE_BINS_PER_UNIT, cell_codes
from streamer.detection.profile import (
    BINS,
    HABITS,
    MISSING,
    PROFILE,
    ROW,
    SETTLED,
    Feature,
    Rows,
    buckets,
    span_classes,
)
from streamer.detection.segments import Segments
from streamer.detection.settings import DAY_S, HOUR_S

_FEATURES = np.array(PROFILE)
_HOUR_MASKS = 1 << np.arange(DAY_HOURS)
_ARE_HABITS = np.isin(_FEATURES, HABITS)
MIN_GAPS = 4.0
MIN_CONVERSED = 3.0
MIN_CAPABLE = 3.0
MIN_REQUESTS_FOR_HOURS = 3


def rows_of(state: Accounts, cut: Segments, end_ms: int, surprise: Floats, created_ms: Ints) -> Rows:
    """Describe accounts at the end of a window in which they were active; stratum, organization and model are not set.

    `created_ms` is 0 where it is not known.
    """
    rows = np.zeros(len(state), dtype=ROW)
    active = state["hours"] > 0
    total = state["hours"].sum(axis=1, dtype=np.int64)
    rows["key"] = state["key"]
    rows["first_seen_ms"] = state["first_ms"]
    rows["total_requests"] = state["requests"]
    rows["total_output_tokens"] = state["output_tokens"]
    rows["requests"] = cut.counts
    rows["requests_24h"] = total
    rows["refused"] = state["refused"].sum(axis=1, dtype=np.int64)
    rows["active_hours"] = active @ _HOUR_MASKS
    rows["slots"] = state["slots"]
    rows["surprise"] = surprise
    rows["languages"] = state["languages"]
    rows["capabilities"] = state["capabilities"]
    rows["span"] = span_classes(end_ms, state["first_ms"])
    known_ms = np.where(created_ms > 0, np.minimum(created_ms, state["first_ms"]), state["first_ms"])
    span_s = np.clip((end_ms - state["first_ms"]) // 1000, HOUR_S, DAY_S)
    values = {
        Feature.VOLUME: log_steps(total * DAY_S // span_s) // 32,
        Feature.HOURS: _where(total >= MIN_REQUESTS_FOR_HOURS, np.rint(31 * concentration(active))),
        Feature.RHYTHM: _where(state["gaps"][:, N] >= MIN_GAPS, np.minimum(63, 4 * _variance(state["gaps"]))),
        Feature.OUTPUT: _where(state["output"][:, N] > 0, 4 * state["output"][:, MEAN]),
        Feature.AGE: log_steps(np.maximum(0, end_ms - known_ms) // HOUR_MS) // 64,
        Feature.INPUT: _where(state["input"][:, N] > 0, 4 * state["input"][:, MEAN]),
        Feature.GREED: _where(state["greed"][:, N] > 0, 4 * state["greed"][:, MEAN]),
        Feature.FOLLOW: _where(state["follow"][:, N] >= MIN_CONVERSED, np.rint(16 * state["follow"][:, MEAN])),
        Feature.FOCUS: _focus(state["capability_mix"]),
        Feature.TONGUES: _where(state["languages"] > 0, np.bitwise_count(state["languages"])),
    }
    rows["bins"] = np.minimum(np.stack([values[feature] for feature in PROFILE], axis=1), BINS - 1)
    return rows


def _where(known: Ints, values: Ints) -> Ints:
    # Widened first: MISSING put among small unsigned numbers would be one of them.
    return np.where(known, values.astype(np.int64), MISSING)


def _focus(mix: Floats) -> Ints:
    """Give the chance, in sixteenths, that two requests of an account ask for one capability (Simpson 1949)."""
    total = mix.sum(axis=1, dtype=np.float64)
    alike = (mix.astype(np.float64) ** 2).sum(axis=1) / np.maximum(total, 1.0) ** 2
    return _where(total >= MIN_CAPABLE, np.rint(16 * alike))


def _variance(held: Floats) -> Floats:
    return held[:, SQUARES] / np.maximum(held[:, N], 1e-9)


def census(rows: Rows, daily: Ints, refused: tuple[int, int]) -> tuple[Ints, Ints]:
    """Give the cells that rows add to the population, and how often each: (codes, counts), in order.

    An account is counted once a day (`daily`); a young one in every window in which it is active, for its habits only.
    `refused` counts refused prompts with a hash and without one.
    """
    places = buckets(rows)
    bins = rows["bins"]
    settled = rows["span"] == SETTLED
    found = [
        cell_codes(POOLED, Feature.SURPRISE, 0, np.minimum(rows["surprise"] * SURPRISE_BINS_PER_UNIT, BINS - 1)),
        cell_codes(POOLED, Feature.WINDOW_REQUESTS, 0, np.minimum(log_steps(rows["requests"]) // 32, BINS - 1)),
    ]
    counted = (bins != MISSING) & (daily[:, np.newaxis] | (_ARE_HABITS & ~settled[:, np.newaxis]))
    row, feature = np.nonzero(counted)
    of_all = cell_codes(POOLED, _FEATURES[feature], places[counted], bins[counted])
    found += [of_all, of_all + cell_codes(rows["stratum"][row].astype(np.int64) - POOLED, 0, 0, 0)]
    every = np.sort(np.concatenate(found))
    begins = np.flatnonzero(every[1:] != every[:-1]) + 1
    codes, counts = every[np.append(0, begins)], np.diff(begins, prepend=0, append=len(every))
    kinds = np.flatnonzero(refused)
    codes = np.concatenate((codes, cell_codes(POOLED, Feature.REFUSED, 0, kinds)))
    return codes, np.concatenate((counts, np.array(refused)[kinds]))
