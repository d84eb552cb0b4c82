"""Probabilities as their logarithms to base 10, exact far into the tail."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import special

FLOOR_LOG10 = -300.0
TINY = 1e-280


def log10_of(p: float) -> float:
    """Give log10 of a probability, bounded below so that it stays a number."""
    return max(FLOOR_LOG10, math.log10(p)) if p > 0 else FLOOR_LOG10


def upper_tail(z: float) -> float:
    """Give log10 P(Z > z) for a standard normal, accurate far into the tail."""
    return max(FLOOR_LOG10, float(special.log_ndtr(-z)) / math.log(10))


def fisher(log10_ps: Sequence[float]) -> float:
    """Combine independent probabilities (Fisher 1932); log10 in, log10 out.

    >>> round(fisher([-2.0, -2.0]), 2)
    -2.99
    """
    statistic = -2.0 * math.log(10) * sum(log10_ps)
    p = float(special.chdtrc(2 * len(log10_ps), statistic))
    if p > 0:
        return log10_of(p)
    half, k = statistic / 2, len(log10_ps)
    return max(FLOOR_LOG10, (-half + (k - 1) * math.log(half) - math.lgamma(k)) / math.log(10))


def chi_square_log10(freedom: int, squares: float) -> float:
    """Give log10 P(chi-square <= squares), exact as far as numbers go and by the leading term beyond."""
    p = float(special.gammainc(freedom / 2, squares / 2))
    if p > TINY:
        return math.log10(p)
    half, x = freedom / 2, max(squares / 2, 1e-300)
    return min(0.0, (half * math.log(x) - x - math.lgamma(half + 1)) / math.log(10))


def poisson_log10(seen: int, expected: float) -> float:
    """Give log10 P(N >= seen) of a Poisson; by the leading term where it is beyond numbers.

    >>> poisson_log10(0, 1.0), round(poisson_log10(2, 0.01), 2)
    (0.0, -4.3)
    """
    if not seen:
        return 0.0
    p = float(special.gammainc(seen, expected))
    if p > TINY:
        return math.log10(p)
    return min(0.0, (seen * math.log(expected) - expected - math.lgamma(seen + 1)) / math.log(10))


def beta_binomial_log10(seen: int, of: int, share: float, correlation: float) -> float:
    """Give log10 P(K >= seen) of `of` that each do a thing with a probability of `share`, correlated with one another.

    >>> round(beta_binomial_log10(2, 2, 0.1, 0.0), 3), round(beta_binomial_log10(2, 2, 0.1, 0.5), 3)
    (-2.0, -1.26)
    """
    if seen <= 0:
        return 0.0
    counts = np.arange(seen, of + 1)
    ways = special.gammaln(of + 1) - special.gammaln(counts + 1) - special.gammaln(of - counts + 1)
    if correlation > 0:
        spread = 1 / correlation - 1
        alone, other = share * spread, (1 - share) * spread
        terms = special.betaln(counts + alone, of - counts + other) - special.betaln(alone, other)
    else:
        terms = counts * math.log(share) + (of - counts) * math.log1p(-share)
    return max(FLOOR_LOG10, min(0.0, float(special.logsumexp(ways + terms)) / math.log(10)))


def together_log10(seen: int, of: int, share: float, correlation: float) -> float:
    """Give log10 P(K >= seen) of what may be done each alone or together: whichever makes it more likely.

    Correlated with one another, few more than usual are less likely than of strangers, and many more likely.

    >>> round(together_log10(1, 10, 0.01, 0.3), 2) == round(beta_binomial_log10(1, 10, 0.01, 0.0), 2)
    True
    """
    return max(beta_binomial_log10(seen, of, share, each) for each in {0.0, correlation})
