"""The population that accounts are judged against: exact histograms that add up in any order, lagged and frozen.

Every partition counts its closed windows into cells; whoever judges adds them up. Integers add exactly, so the
reference is the same whether the input had one partition or sixty. It is cut into epochs; a window is judged by the
epochs that ended at least one epoch before its own.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from streamer.detection.evidence import CELL
from streamer.detection.profile import BINS, BUCKETS, MISSING, PROFILE, SETTLED, Feature, Rows, buckets
from streamer.detection.settings import ReferenceSettings, WindowSettings

POOLED = 0
_FEATURES = np.arange(len(PROFILE))
SURPRISE_BINS_PER_UNIT = 4
Cells = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def strata_of(settings: ReferenceSettings) -> int:
    """Count the strata: everyone together, each plan named, and all other plans."""
    return len(settings.strata) + 2


def cell_codes(stratum: Any, feature: Any, bucket: Any, place: Any) -> Cells:  # noqa: ANN401 - numbers or arrays
    """Give the codes of cells: where they stand in a table of strata, features, buckets and bins."""
    # The bin is cut first: a sum of small floats would round it up.
    code = ((stratum * Feature.COUNT + feature) * BUCKETS + bucket) * BINS + np.asarray(place).astype(np.int64)
    return np.atleast_1d(code).astype(np.int64)


class Histogram:
    """A frozen histogram of one feature: quantiles and the tail."""

    def __init__(self, values: Cells) -> None:
        self._sums = values.cumsum()
        self.total = int(self._sums[-1])

    def quantile(self, share: float) -> int:
        """Give the first bin up to which at least a share of the population lies."""
        return int(np.searchsorted(self._sums, share * self.total))

    def tail_log10(self, place: int, bins_per_unit: int) -> float:
        """Give log10 of the share at or above a bin; past the 98% quantile by an exponential fitted to the excess."""
        knee = self.quantile(0.98)
        if place <= knee:
            below = self._sums[place - 1] if place > 0 else 0.0
            return math.log10(max((self.total - below + 1) / (self.total + 1), 1e-300))
        counts = np.diff(self._sums, prepend=0)[knee + 1 :]
        excess = float((counts * np.arange(1, len(counts) + 1)).sum() + 1) / float(counts.sum() + 1)
        return math.log10(0.02) - (place - knee) / max(excess, bins_per_unit * 0.25) / math.log(10)


class Reference:
    """What the population was like, up to a lag ago; frozen until the next epoch begins.

    `counts` is of shape (strata, features, buckets, bins); of it only what is asked of everyone is kept. A stratum too
    small to judge by is judged as everyone is.
    """

    def __init__(self, epoch: int, counts: Cells, days: float, settings: ReferenceSettings) -> None:
        self.epoch = epoch
        self._counts = counts[POOLED, :, 0].copy()
        totals = counts.sum(axis=3)
        volume = int(totals[POOLED, Feature.VOLUME, SETTLED])
        self.accounts = round(volume / days) if days else 0
        self.ready = days * 86_400 >= settings.warm_up_s and self.accounts >= settings.min_accounts
        used = slice(0, len(PROFILE))
        enough = totals[:, used] >= settings.min_stratum_accounts
        chosen = np.where(enough, np.arange(len(counts))[:, np.newaxis, np.newaxis], POOLED)
        self._known = enough | enough[POOLED]
        self._scores = np.full((*totals[:, used].shape, BINS), np.nan, dtype=np.float32)
        self._scores[self._known] = 0.0
        self._variance = np.zeros(totals[:, used].shape)
        if self.ready:
            self._score(counts, totals, enough)
            stratum, feature, bucket = np.nonzero(self._known & (chosen == POOLED))
            self._scores[stratum, feature, bucket] = self._scores[POOLED, feature, bucket]
            self._variance[stratum, feature, bucket] = self._variance[POOLED, feature, bucket]

    def _score(self, counts: Cells, totals: Cells, enough: npt.NDArray[np.bool_]) -> None:
        """Give each bin the normal score of its mid-rank, and each histogram the variance of its bins."""
        stratum, feature, bucket = np.nonzero(enough)
        values = counts[stratum, feature, bucket].astype(np.float64)
        total = totals[stratum, feature, bucket].astype(np.float64)[:, np.newaxis]
        middle = (values.cumsum(axis=1) - values / 2 + 0.5) / (total + 1)
        self._scores[stratum, feature, bucket] = special.ndtri(middle)
        bins = np.arange(BINS)
        mean = (values * bins).sum(axis=1, keepdims=True) / total
        self._variance[stratum, feature, bucket] = ((bins - mean) ** 2 * values).sum(axis=1) / total[:, 0]

    def histogram(self, feature: int) -> Histogram | None:
        """Give the histogram of everyone for what is counted of windows; None where there is nothing."""
        values = self._counts[feature]
        return Histogram(values) if values.any() else None

    def scores(self, rows: Rows) -> npt.NDArray[np.float32]:
        """Give normal scores, shape (rows, features of `PROFILE`): deviations above the middle; NaN where unknown."""
        bins = rows["bins"].astype(np.int64)
        stratum = rows["stratum"].astype(np.int64)[:, np.newaxis]
        found = self._scores[stratum, _FEATURES, buckets(rows), bins]
        found[bins == MISSING] = np.nan
        return found

    def usual_variance(self, rows: Rows) -> Floats:
        """Give the variance of the volume bins of accounts of the same plan that were seen for as long; NaN unknown.

        Where too few are that young, it is that of everybody who is not.
        """
        stratum, span = rows["stratum"].astype(np.int64), rows["span"].astype(np.int64)
        known = self._known[stratum, Feature.VOLUME, span]
        settled = (POOLED, Feature.VOLUME, SETTLED)
        everybody = self._variance[settled] if self._known[settled] else np.nan
        found = np.where(known, self._variance[stratum, Feature.VOLUME, span], everybody)
        return np.maximum(1.0, found)


class Population:
    """Adds up what all partitions counted, and gives the reference for a window."""

    def __init__(self, settings: ReferenceSettings, window: WindowSettings) -> None:
        self._settings = settings
        self._per_epoch = window.windows(settings.epoch_s)
        self._epochs: dict[int, list[Cells]] = {}
        self._first_window: int | None = None
        self._reference: Reference | None = None
        self._known_from: int | None = None
        self._summed: Cells | None = None
        self._summed_epochs: set[int] = set()

    def learn(self, window: int, summary: bytes) -> None:
        """Add what was counted in one window, by one partition or by several; any order, each exactly once."""
        if self._first_window is None or window < self._first_window:
            self._first_window = window
        epoch = window // self._per_epoch
        if epoch in self._summed_epochs:
            self._summed, self._summed_epochs = None, set()
        cells = np.frombuffer(summary, dtype=CELL)
        self._epochs.setdefault(epoch, []).append(
            np.stack((cells["code"].astype(np.int64), cells["count"].astype(np.int64)))
        )

    @property
    def known_from(self) -> int | None:
        """The first window that was asked for and had a reference to judge by; a snapshot does not keep it."""
        return self._known_from

    def reference(self, window: int) -> Reference:
        """Give what a window is judged by: the epochs before its own, less the lag."""
        epoch = window // self._per_epoch
        if self._reference is None or self._reference.epoch != epoch:
            self._reference = self._freeze(epoch)
            if self._reference.ready and self._known_from is None:
                self._known_from = window
        return self._reference

    def _freeze(self, epoch: int) -> Reference:
        settings = self._settings
        newest = epoch - 1 - settings.lag_epochs
        oldest = newest - settings.memory_epochs + 1
        counts = self._sum(oldest, newest)
        days = 0.0
        if self._first_window is not None:
            start = max(self._first_window, oldest * self._per_epoch)
            windows = (newest + 1) * self._per_epoch - start
            days = max(0.0, windows / self._per_epoch * settings.epoch_s / 86_400)
        return Reference(epoch, counts, days, settings)

    def _sum(self, oldest: int, newest: int) -> Cells:
        """Add up the epochs from `oldest` to `newest`: to the last sum what is new, less what is forgotten."""
        shape = (strata_of(self._settings), Feature.COUNT, BUCKETS, BINS)
        if self._summed is None or any(epoch > newest for epoch in self._summed_epochs):
            self._summed, self._summed_epochs = np.zeros(math.prod(shape), dtype=np.int64), set()
        for epoch in sorted(self._epochs):
            if epoch < oldest:
                cells = self._merged(epoch)
                del self._epochs[epoch]
                if epoch in self._summed_epochs:
                    self._summed_epochs.discard(epoch)
                    self._summed[cells[0]] -= cells[1]
            elif epoch <= newest and epoch not in self._summed_epochs:
                cells = self._merged(epoch)
                self._summed[cells[0]] += cells[1]
                self._summed_epochs.add(epoch)
        return self._summed.reshape(shape)

    def _merged(self, epoch: int) -> Cells:
        """Give the cells of an epoch, each once, and keep them so."""
        parts = self._epochs[epoch]
        if len(parts) != 1:
            every = np.concatenate(parts, axis=1)
            codes, place = np.unique(every[0], return_inverse=True)
            counts = np.bincount(place, weights=every[1], minlength=len(codes)).astype(np.int64)
            parts[:] = [np.stack((codes, counts))]
        return parts[0]

    def snapshot(self) -> dict[str, Any]:
        """Plain data from which `restore` makes the same population."""
        return {
            "first_window": self._first_window,
            "epochs": [[epoch, self._merged(epoch).tobytes()] for epoch in sorted(self._epochs)],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `snapshot` gave."""
        self._first_window = state["first_window"]
        self._epochs = {
            epoch: [np.frombuffer(cells, dtype=np.int64).reshape(2, -1).copy()] for epoch, cells in state["epochs"]
        }
        self._reference = None
        self._summed, self._summed_epochs = None, set()
