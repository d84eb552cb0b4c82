"""What happens to everybody: launches of models, and incidents in which the service is overloaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from streamer.simulation.identity import DAY_MS
from streamer.simulation.randomness import Integers, Reals

OVERLOAD_RATIO: Final = 0.0006


@dataclass(frozen=True)
class Surroundings:
    """The service as all accounts find it. Times are milliseconds since the epoch.

    `variety` is how much people of one class differ in their habits; 0 is not at all.
    """

    start_ms: int
    end_ms: int
    launches: tuple[tuple[int, int], ...]
    incidents: tuple[tuple[int, int, float], ...]
    variety: float = 0.0

    def overload_ratio(self, time_ms: Integers) -> Reals:
        """Share of requests answered with 529 at these times."""
        ratio = np.full(len(time_ms), OVERLOAD_RATIO)
        for begins, ends, share in self.incidents:
            ratio[(time_ms >= begins) & (time_ms < ends)] = share
        return ratio


def draw_incidents(
    rng: np.random.Generator, start_ms: int, end_ms: int, per_week: float
) -> tuple[tuple[int, int, float], ...]:
    """Incidents of some ten minutes to some hours, in which up to a third of all requests fail."""
    count = int(rng.poisson(per_week * (end_ms - start_ms) / (7 * DAY_MS)))
    begins = rng.integers(start_ms, end_ms, count)
    lasts = np.exp(rng.normal(np.log(35), 0.7, count)) * 60_000
    shares = rng.uniform(0.03, 0.3, count)
    return tuple((int(b), int(b + d), float(s)) for b, d, s in zip(begins, lasts, shares, strict=True))
