"""Who behaves as the accounts of a cluster do, and as nobody else does.

Some accounts of a campaign share nothing with the others and were never caught passing a request on. What gives them
away is that they are driven by one program: all that is known of how they behave lies where the cluster's lies. Both
the cluster and the population are taken for normal distributions in the population's normal scores, with covariances
shrunk towards their diagonals (regularized discriminant analysis: Friedman 1989). The ratio of their densities is only
an order: how many honest accounts reach a ratio is counted in a sample from before the cluster began.
"""

from __future__ import annotations

import heapq
from collections.abc import Container, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from streamer.detection.calibration import tail
from streamer.detection.profile import Rows
from streamer.detection.settings import LikenessSettings

Floats = npt.NDArray[np.float64]
Values = npt.NDArray[np.float16]
# The bits of 16-bit numbers in order: those below zero, and the others. Beyond them are what is no number, and -0.
_NEGATIVE, _OTHERS = slice(0xFC00, 0x8000, -1), slice(0x0000, 0x7C01)
_MINUS_ZERO = 0x8000
_NEGATIVES = 0x7C00
LEAST_VARIANCE = 0.06
OWN_SHRINKAGE, OTHERS_SHRINKAGE = 0.7, 0.05
FOLDS = 4
EDGE_SHARE = 0.1
TAIL_ACCOUNTS = 20
MIN_EXCESS = 0.5


class Scale:
    """Turns values into normal scores against a population: columns side by side, unknown values in the middle.

    Of 16 bits there are only so many values: the score of each is worked out once, and then looked up.
    """

    def __init__(self, population: Values) -> None:
        width = population.shape[1]
        # Most values share a score with many others: of each column the scores, and the place of every value in them.
        self._places = np.zeros((width, 1 << 16), np.uint16 if len(population) < 1 << 15 else np.uint32)
        scores = []
        for at in range(width):
            own, order = _ranked(population[:, at])
            places = self._places[at]
            places[_NEGATIVE], places[_OTHERS] = np.split(order, [_NEGATIVES])
            places[_MINUS_ZERO] = places[0]
            scores.append(own)
        self._begins = np.cumsum([0, *map(len, scores[:-1])])
        self._scores = np.concatenate(scores)

    def scores(self, values: Values) -> Floats:
        """Give the normal score of each value's middle rank."""
        places = self._places[np.arange(len(self._begins)), values.view(np.uint16)]
        found: Floats = self._scores[self._begins + places]
        return found


def _ranked(column: Values) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Give the scores that values can have, that of an unknown one first, and which of them each value in order has."""
    known = column[~np.isnan(column)] + np.float16(0)  # a zero without a sign
    of_bits = np.bincount(known.view(np.uint16), minlength=1 << 16)
    counts = np.concatenate((of_bits[_NEGATIVE], of_bits[_OTHERS]))
    twice_middle = 2 * np.cumsum(counts) - counts
    fresh = np.diff(twice_middle, prepend=-1) != 0
    scores = special.ndtri((twice_middle[fresh] / 2 + 0.5) / (len(known) + 1))
    return np.concatenate(([0.0], scores)), np.cumsum(fresh)


class Normal(NamedTuple):
    """A normal distribution."""

    mean: Floats
    whitening: Floats
    log_volume: float

    def log_density(self, values: Floats) -> Floats:
        """Give the logarithm of the density at each row, but for a constant that all distributions share."""
        away = (values - self.mean) @ self.whitening
        found: Floats = -0.5 * (away * away).sum(axis=1) - self.log_volume
        return found


def fit(values: Floats, shrinkage: float) -> Normal:
    """Fit a normal distribution to rows; its covariance is shrunk towards its diagonal."""
    covariance = np.cov(values.T)
    own = np.diag(np.maximum(np.diag(covariance), LEAST_VARIANCE))
    shrunk = (1 - shrinkage) * covariance + shrinkage * own + 1e-3 * np.eye(len(own))
    root = np.linalg.cholesky(shrunk)
    return Normal(values.mean(axis=0), np.linalg.inv(root).T, float(np.log(np.diag(root)).sum()))


class Backdrop:
    """How the population behaved on some days: what a cluster's behaviour is set off against.

    `rows` are of `behaviour.BEHAVIOUR`; whoever was sampled, it is the same after a restart.
    """

    def __init__(self, rows: Rows, days: int) -> None:
        self.keys: list[int] = rows["key"].tolist()
        sample = rows["values"]
        self.days = days
        self.accounts = len(sample) / max(1, days)
        self.scale = Scale(sample)
        self.scores = self.scale.scores(sample)
        self.normal = fit(self.scores, OTHERS_SHRINKAGE)
        # Each account is judged by the others: a normal distribution fits best those it was made of.
        self.log_density = np.zeros(len(sample))
        for part, (kept, left) in enumerate(folds(self.scores)):
            self.log_density[part::FOLDS] = fit(kept, OTHERS_SHRINKAGE).log_density(left)


class Likeness:
    """How much more an account's behaviour is that of some members than the population's."""

    def __init__(self, members: Values, backdrop: Backdrop) -> None:
        self._backdrop = backdrop
        self._members = backdrop.scale.scores(members)
        self._own = fit(self._members, OWN_SHRINKAGE)

    def ratios(self, values: Values) -> Floats:
        """Give the logarithm of the ratio of densities of each row; above 0 it is rather a member's."""
        scores = self._backdrop.scale.scores(values)
        return self._own.log_density(scores) - self._backdrop.normal.log_density(scores)

    def alike(self, values: Values, known: int, settings: LikenessSettings, without: Container[int] = ()) -> list[int]:
        """Give which of some accounts may be named beside `known` members, the likest first.

        Those farther from the middle than nearly all members are of another subject. How many of the rest are honest is
        told by how many were as like before, but for those `without` which is counted: at most `new_error_ratio` of
        those named, and `error_ratio` of all.
        """
        backdrop, days = self._backdrop, self._backdrop.days
        ratios_before = self._own.log_density(backdrop.scores) - backdrop.log_density
        before = zip(backdrop.keys, ratios_before.tolist(), strict=True)
        highest = heapq.nlargest(TAIL_ACCOUNTS * days + 1, (ratio for key, ratio in before if key not in without))
        scores = backdrop.scale.scores(values)
        own = self._own.log_density(scores)
        ratios = np.where(own >= self._edge(), own - backdrop.normal.log_density(scores), -np.inf)
        order: list[int] = np.argsort(-ratios, kind="stable").tolist()
        scale = max(1.0, len(values) / max(1.0, backdrop.accounts)) / days
        last = 0
        for count, at in enumerate(order, 1):
            if ratios[at] < highest[-1]:
                break
            expected = scale * tail(highest, float(ratios[at]), MIN_EXCESS)
            if expected <= min(settings.error_ratio * (known + count), settings.new_error_ratio * count):
                last = count
        return order[:last]

    def _edge(self) -> float:
        """Give the density above which nearly all members lie, each judged by others than itself."""
        found = [fit(kept, OWN_SHRINKAGE).log_density(left) for kept, left in folds(self._members)]
        return float(np.quantile(np.concatenate(found), EDGE_SHARE))


def folds(values: Floats) -> Iterator[tuple[Floats, Floats]]:
    """Give, for each part of some rows, all others and the part."""
    fold = np.arange(len(values)) % FOLDS
    for part in range(FOLDS):
        yield values[fold != part], values[fold == part]


def ratios_by_others(values: Values, backdrop: Backdrop) -> Floats:
    """Give how like the others of its own group each row is, as `Likeness.ratios`: each part is judged by the rest."""
    scores = backdrop.scale.scores(values)
    own = np.zeros(len(scores))
    for part, (kept, left) in enumerate(folds(scores)):
        own[part::FOLDS] = fit(kept, OWN_SHRINKAGE).log_density(left)
    return own - backdrop.normal.log_density(scores)
