"""Who behaves as the accounts of a cluster do, and as nobody else does.

Some accounts of a campaign share nothing with the others and were never caught passing a request on. What gives them
away is that they are driven by one program: all that is known of how they behave lies where the cluster's lies. Where
that is, a normal distribution says (its covariance shrunk towards the diagonal: Friedman 1989); how far one who lies
there is like the members and not like the population, trees say. That is only an order: how many honest accounts are
as like is counted in a sample from before the cluster began.
"""

from __future__ import annotations

import heapq
from collections.abc import Container, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from streamer.detection.calibration import tail
from streamer.detection.forest import Forest
from streamer.detection.links import Keys
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
MIN_EXCESS = 0.3
# No tree can say that nobody else is ever so.
LEAST_SHARE = 0.01


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
        self.owners: Keys = rows["key"]
        sample = rows["values"]
        self.days = days
        self.accounts = len(sample) / max(1, days)
        self.scale = Scale(sample)
        self.scores = self.scale.scores(sample)
        self.normal = fit(self.scores, OTHERS_SHRINKAGE)


class Odds(NamedTuple):
    """The logarithms of the odds of being a member, if half of all were: of accounts asked for, and of earlier ones.

    There are none (minus infinity) for who is farther from the middle than nearly all members: of another subject.
    """

    now: Floats
    before: Floats


class Likeness:
    """How much an account's behaviour is that of some members and not the population's."""

    def __init__(self, members: Values, backdrop: Backdrop) -> None:
        self._backdrop = backdrop
        self._members = backdrop.scale.scores(members)
        self._own = fit(self._members, OWN_SHRINKAGE)
        self._least_density = self._edge()

    def odds(self, values: Values, keys: Keys) -> Odds:
        """Compare the rows of some accounts, `keys` says whose, and those of the backdrop.

        The trees are grown on all of them as on strangers: nearly all are, and each is judged by trees that do not know
        it (learning from positive and unlabeled examples: Elkan & Noto 2008).
        """
        backdrop = self._backdrop
        scores = backdrop.scale.scores(values)
        near = np.flatnonzero(self._own.log_density(scores) >= self._least_density)
        now = np.full(len(scores), -np.inf)
        if not len(near):
            return Odds(now, np.zeros(0))
        strangers, owners = np.concatenate((backdrop.scores, scores)), np.concatenate((backdrop.owners, keys))
        forest = Forest(self._members, strangers, owners)
        now[near] = _log_odds(forest.shares(scores[near], keys[near]))
        # Wherever they lie: of those who lie where members do there are too few to tell how the tail falls.
        return Odds(now, _log_odds(forest.shares(backdrop.scores, backdrop.owners)))

    def alike(
        self, values: Values, keys: Keys, known: int, settings: LikenessSettings, without: Container[int] = ()
    ) -> list[int]:
        """Give which of some accounts may be named beside `known` members, the likest first.

        How many of them are honest is told by how many were as like before, but for those `without` which is counted:
        at most `new_error_ratio` of those named, and `error_ratio` of all.
        """
        backdrop, days = self._backdrop, self._backdrop.days
        found, odds_before = self.odds(values, keys)
        order: list[int] = np.argsort(-found, kind="stable").tolist()[: np.isfinite(found).sum()]
        if not order:
            return []
        before = zip(backdrop.owners.tolist(), odds_before.tolist(), strict=True)
        highest = heapq.nlargest(TAIL_ACCOUNTS * days + 1, (odds for key, odds in before if key not in without))
        scale = max(1.0, len(values) / max(1.0, backdrop.accounts)) / days
        least, last = highest[-1] if highest else -np.inf, 0
        for count, at in enumerate(order, 1):
            if found[at] < least:
                break
            expected = scale * tail(highest, float(found[at]), MIN_EXCESS)
            if expected <= min(settings.error_ratio * (known + count), settings.new_error_ratio * count):
                last = count
        return order[:last]

    def _edge(self) -> float:
        """Give the density above which nearly all members lie, each judged by others than itself."""
        found = [fit(kept, OWN_SHRINKAGE).log_density(left) for kept, left in folds(self._members)]
        return float(np.quantile(np.concatenate(found), EDGE_SHARE))


def _log_odds(shares: Floats) -> Floats:
    found: Floats = np.log((shares + LEAST_SHARE) / (1.0 - shares + LEAST_SHARE))
    return found


def folds(values: Floats) -> Iterator[tuple[Floats, Floats]]:
    """Give, for each part of some rows, all others and the part."""
    fold = np.arange(len(values)) % FOLDS
    for part in range(FOLDS):
        yield values[fold != part], values[fold == part]


def ratios_by_others(values: Values, backdrop: Backdrop) -> Floats:
    """Give how much more each row is like the rest of its own group than like the population, as a logarithm.

    What is compared is the density of two normal distributions (regularized discriminant analysis: Friedman 1989).
    """
    scores = backdrop.scale.scores(values)
    own = np.zeros(len(scores))
    for part, (kept, left) in enumerate(folds(scores)):
        own[part::FOLDS] = fit(kept, OWN_SHRINKAGE).log_density(left)
    return own - backdrop.normal.log_density(scores)
