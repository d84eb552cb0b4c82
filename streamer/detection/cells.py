"""Behaviour cells: the ways in which accounts behave, and which of them more newcomers have than earlier days brought.

Cells are found by k-means (MacQueen 1967; River's) over the principal components of how accounts behaved on earlier
days, and are the same wherever the same days are known. Volume and times are left out: what formed a group is no
evidence about it, and by them evenness and rhythm judge. A cell with too many newcomers says where to look: its densest
part tells how they behave, and of the crowd is whoever behaves so, and as hardly any newcomer did before.
"""

from __future__ import annotations

import math
from collections.abc import Container, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from river import cluster
from scipy import special

from streamer.detection.behaviour import NUMBERS, OF_PROGRAMS, WIDTH
from streamer.detection.likeness import (
    EDGE_SHARE,
    FOLDS,
    OTHERS_SHRINKAGE,
    OWN_SHRINKAGE,
    Floats,
    Normal,
    Values,
    fit,
    folds,
)
from streamer.detection.probability import log10_of
from streamer.detection.settings import CellSettings

COMPONENTS = 8
# How far a cell's middle moves towards an account that falls into it, and how many accounts move the middles.
PACE, TAUGHT, SEED = 0.05, 600, 1
# Days differ by more than chance: the dispersion of counts (a negative binomial's) is taken for this much at least.
LEAST_DISPERSION = 0.1
ROUNDS = 3
_OF_USE = ("volume", "gap", "gap_spread", "age")
# Of newcomers it is not known yet how steady they are.
_LEFT_OUT = (*_OF_USE, *(name for name in NUMBERS if name.startswith("steady")))
HABITS: Final = np.setdiff1d(OF_PROGRAMS, [WIDTH - len(NUMBERS) + NUMBERS.index(name) for name in _LEFT_OUT])
Ints = npt.NDArray[np.int64]
Marks = npt.NDArray[np.bool_]


class Crowd(NamedTuple):
    """Newcomers who behave alike, by their places; of as many on earlier days `usual` behaved so, of whom `seen` do."""

    places: Ints
    seen: int
    usual: float
    log10_p: float


class _Manner(NamedTuple):
    """A way to behave: all that is as `dense` as this, and of which its density is `least` times everybody's."""

    own: Normal
    dense: float
    least: float


class Cells:
    """How newcomers behaved on earlier days; of each day the keys of its accounts and how they behaved."""

    def __init__(self, days: Sequence[tuple[Sequence[int], Values]], settings: CellSettings) -> None:
        self._settings = settings
        self._keys = [key for keys, _ in days for key in keys]
        self._day = np.repeat(np.arange(len(days)), [len(keys) for keys, _ in days])
        self._columns = [np.sort(column) for column in np.concatenate([rows for _, rows in days])[:, HABITS].T]
        self._scores = np.concatenate([self._scored(rows) for _, rows in days])
        self._everybody = fit(self._scores, OTHERS_SHRINKAGE)
        self._middle = self._scores.mean(axis=0)
        self._axes = _principal(self._scores)
        self._centres = self._learned()
        self._cells = self._cells_of(self._scores)

    def _scored(self, values: Values) -> Floats:
        """Give the normal score of each value's middle rank among the known ones; unknown ones are in the middle."""
        scores = np.zeros((len(values), len(HABITS)))
        for at, (habit, column) in enumerate(zip(HABITS.tolist(), self._columns, strict=True)):
            known = column[: np.searchsorted(column, np.nan)]
            own = values[:, habit]
            rank = (np.searchsorted(known, own) + np.searchsorted(known, own, side="right")) / 2
            scores[:, at] = np.where(np.isnan(own), 0.0, special.ndtri((rank + 0.5) / (len(known) + 1)))
        return scores

    def _learned(self) -> Floats:
        model = cluster.KMeans(n_clusters=self._settings.cells, halflife=PACE, seed=SEED)
        # Evenly from all days: each day's accounts come in the order of a draw.
        taught = self._scores[:: max(1, len(self._scores) // TAUGHT)]
        for row in ((taught - self._middle) @ self._axes).tolist():
            model.learn_one(dict(enumerate(row)))
        return np.array([[centre[at] for at in range(COMPONENTS)] for centre in model.centers.values()])

    def _cells_of(self, scores: Floats) -> Ints:
        reduced = (scores - self._middle) @ self._axes
        away = (self._centres**2).sum(axis=1) - 2 * reduced @ self._centres.T
        found: Ints = away.argmin(axis=1)
        return found

    def crowds(self, values: Values, without: Container[int], least: int) -> list[Crowd]:
        """Give the crowds among newcomers, the most improbable cell's first; `without` some accounts of earlier days.

        A crowd has at least so many accounts, and no two have most of theirs in common.
        """
        counted = np.array([key not in without for key in self._keys], dtype=np.bool_)
        scores = self._scored(values)
        cells = self._cells_of(scores)
        usual, dispersion = self._usual(counted)
        now = np.bincount(cells, minlength=len(usual))
        log10_p = [_excess(seen, len(cells) * share, dispersion) for seen, share in zip(now, usual, strict=True)]
        found: list[Crowd] = []
        for cell in np.argsort(log10_p, kind="stable")[: self._settings.looks].tolist():
            places = np.flatnonzero(cells == cell)
            if log10_p[cell] > self._settings.lead_log10_p or len(places) < least:
                continue
            crowd = self._crowd(scores, _core(scores, places, least), counted, dispersion, least)
            if crowd is not None and not any(_overlap(crowd, other) for other in found):
                found.append(crowd)
        return found

    def _usual(self, counted: Marks) -> tuple[Floats, float]:
        """Give the share of each cell among newcomers, and how much more than chance days and cells scatter."""
        size = len(self._centres)
        days = np.unique(self._day)
        counts = np.array([np.bincount(self._cells[counted & (self._day == day)], minlength=size) for day in days])
        share = (counts.sum(axis=0) + 0.5) / (counts.sum() + 0.5 * size)
        expected = counts.sum(axis=1, keepdims=True) * share
        excess = float(((counts - expected) ** 2 - expected).sum() / max(1.0, float((expected**2).sum())))
        return share, max(LEAST_DISPERSION, excess)

    def _crowd(self, scores: Floats, core: Ints, counted: Marks, dispersion: float, least: int) -> Crowd | None:
        """Grow a core by whoever behaves like it, until nobody joins or leaves; then count with half of it left out."""
        earlier = self._scores[counted]
        places = core
        for _ in range(ROUNDS):
            before = set(places.tolist())
            manner = self._manner(scores[places], scores, earlier, least)
            if manner is None:
                return None
            places = np.flatnonzero(self._has(manner, scores))
            if set(places.tolist()) == before:
                break
        tested = [self._tested(scores, places, part, earlier, dispersion) for part in (0, 1)]
        seen, usual, log10_p = max(tested, key=lambda found: found[2])
        # Any of the cells might have been the one.
        trials = math.log10(len(self._centres))
        return Crowd(places, seen, usual, min(0.0, log10_p + trials)) if len(places) >= least else None

    def _tested(
        self, scores: Floats, places: Ints, part: int, earlier: Floats, dispersion: float
    ) -> tuple[int, float, float]:
        """Count those of one half who behave as the other half of a crowd does: nobody counts as like themselves."""
        half = np.arange(len(scores)) % 2 == part
        taught, others = scores[places[half[places]]], scores[~half]
        manner = self._manner(taught, scores[half], earlier, 2) if len(taught) >= FOLDS else None
        if manner is None:
            return 0, 0.0, 0.0
        seen = int(self._has(manner, others).sum())
        usual = len(others) * (int(self._has(manner, earlier).sum()) + 0.5) / (len(earlier) + 1)
        return seen, usual, _excess(seen, usual, dispersion)

    def _manner(self, like: Floats, scores: Floats, earlier: Floats, least: int) -> _Manner | None:
        """Give how some accounts behave, so wide that few of those newcomers who do are to be expected anyway."""
        own = fit(like, OWN_SHRINKAGE)
        by_others = [fit(kept, OWN_SHRINKAGE).log_density(left) for kept, left in folds(like)]
        dense = float(np.quantile(np.concatenate(by_others), EDGE_SHARE))
        now, before = (self._ratios(own, dense, some) for some in (scores, earlier))
        now, before = -np.sort(-now[np.isfinite(now)]), np.sort(-before)
        as_like = np.searchsorted(before, -now, side="right") + 0.5
        count = np.arange(1, len(now) + 1)
        fits = count[as_like * len(scores) / (len(before) + 1) <= self._settings.error_ratio * count]
        return _Manner(own, dense, float(now[fits[-1] - 1])) if len(fits) and fits[-1] >= least else None

    def _ratios(self, own: Normal, dense: float, scores: Floats) -> Floats:
        density = own.log_density(scores)
        return np.where(density >= dense, density - self._everybody.log_density(scores), -np.inf)

    def _has(self, manner: _Manner, scores: Floats) -> Marks:
        found: Marks = self._ratios(manner.own, manner.dense, scores) >= manner.least
        return found


def _principal(scores: Floats) -> Floats:
    """Give the axes along which rows scatter most, so that they scatter as much along each."""
    variances, axes = np.linalg.eigh(np.cov(scores.T))
    axes = axes[:, ::-1][:, :COMPONENTS]
    axes *= np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(COMPONENTS)])
    scaled: Floats = axes / np.sqrt(np.maximum(variances[::-1][:COMPONENTS], 1e-9))
    return scaled


def _core(scores: Floats, places: Ints, least: int) -> Ints:
    """Give the half of a cell's newcomers that are nearest to their median."""
    away = ((scores[places] - np.median(scores[places], axis=0)) ** 2).sum(axis=1)
    found: Ints = places[np.argsort(away, kind="stable")[: max(least, len(places) // 2)]]
    return found


def _overlap(one: Crowd, other: Crowd) -> bool:
    return 2 * len(np.intersect1d(one.places, other.places)) > min(len(one.places), len(other.places))


def _excess(seen: int, usual: float, dispersion: float) -> float:
    """Give log10 of how likely as many are by a negative binomial.

    >>> round(_excess(3, 1.0, 1e-6), 2), round(_excess(3, 1.0, 1.0), 2)
    (-1.1, -0.9)
    """
    size = 1 / dispersion
    return log10_of(float(special.betainc(seen, size, usual / (usual + size)))) if seen else 0.0
