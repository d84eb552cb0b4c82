"""Statistics that forget, on River: half-lives in seconds of event time, and states that survive a restart exactly."""

from __future__ import annotations

import math
from functools import lru_cache

from river import stats

LOG_STEPS = 256
_LOG_TABLE = tuple(round(math.log2(1 + x) * LOG_STEPS) for x in range(4096))


def keep_ratio(elapsed_s: float, half_life_s: float) -> float:
    """Give the share of a weight that is left after some time.

    >>> keep_ratio(3600, 3600)
    0.5
    """
    return math.exp2(-max(0.0, elapsed_s) / half_life_s)


def fade_mean(mean: stats.Mean, keep: float) -> None:
    """Let a River mean forget: its weight shrinks, its value stays."""
    mean.n *= keep


def fade_var(var: stats.Var, keep: float) -> None:
    """Let a River variance forget. West (1979): with all weights scaled, mean and variance stay."""
    var.mean.n *= keep
    var._S *= keep  # noqa: SLF001 - River has no way to forget; tests pin what is relied on


def mean_state(mean: stats.Mean) -> tuple[float, float]:
    """Weight and value; exact, so that a restored statistic goes on as if nothing had happened."""
    return mean.n, mean.get()


def mean_from(weight: float, value: float) -> stats.Mean:
    """Make the mean that `mean_state` described."""
    mean = stats.Mean()
    mean.n, mean._mean = weight, value  # noqa: SLF001 - exact to the last bit, as updates could not be
    return mean


def var_state(var: stats.Var) -> tuple[float, float, float]:
    """Weight, mean and weighted sum of squares."""
    return var.mean.n, var.mean.get(), var._S  # noqa: SLF001 - as above


def var_from(weight: float, value: float, squares: float) -> stats.Var:
    """Make the variance that `var_state` described."""
    var = stats.Var(ddof=0)
    var.mean, var._S = mean_from(weight, value), squares  # noqa: SLF001 - as above
    return var


def log_steps(count: int) -> int:
    """Give log2(1 + count) in steps of 1/256, as an integer: sums of integers do not depend on their order.

    >>> log_steps(0), log_steps(1), log_steps(3)
    (0, 256, 512)
    """
    return _LOG_TABLE[count] if count < len(_LOG_TABLE) else round(math.log2(1 + count) * LOG_STEPS)


@lru_cache(maxsize=65_536)
def circular_concentration(active_hours: int) -> float:
    """Give the length R of the mean direction of the active hours of a day: 1 one hour, 0 spread evenly.

    `active_hours` has bit h set when the account was active in hour h (UTC) of the last 24. Mardia & Jupp (2000).

    >>> round(circular_concentration(0b1), 3), round(circular_concentration(0xFFFFFF), 3)
    (1.0, 0.0)
    """
    x = y = 0.0
    hours = 0
    for hour, (cos, sin) in enumerate(_DIRECTIONS):
        if active_hours >> hour & 1:
            x += cos
            y += sin
            hours += 1
    return math.hypot(x, y) / hours if hours else 1.0


_DIRECTIONS = tuple((math.cos(h * math.pi / 12), math.sin(h * math.pi / 12)) for h in range(24))
