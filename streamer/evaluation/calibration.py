"""Whether the rate of false alarms that alerts claim is the one that is counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from scipy.stats import chi2

from streamer.evaluation.result import Calibration

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from streamer.evaluation.result import FalseAlert

CLAIMS_PER_DAY: Final = (3.0, 1.0, 0.3)
_ENOUGH: Final = 10
_CONFIDENCE: Final = 0.95


def calibration(alerts: Iterable[FalseAlert], days: float | None) -> tuple[Calibration, ...]:
    """For each claimed rate: how many false alerts claimed that or less, against how many there should have been."""
    if not days:
        return ()
    claims = [alert.claimed_per_day for alert in alerts if alert.claimed_per_day is not None]
    return tuple(_one(threshold, claims, days) for threshold in CLAIMS_PER_DAY)


def _one(threshold: float, every: Sequence[float], days: float) -> Calibration:
    claims = [claim for claim in every if claim <= threshold]
    counted = len(claims)
    expected = threshold * days
    tail = (1 - _CONFIDENCE) / 2
    low = float(chi2.ppf(tail, 2 * counted)) / 2 if counted else 0.0
    high = float(chi2.ppf(1 - tail, 2 * counted + 2)) / 2
    return Calibration(
        claimed_per_day=threshold,
        counted=counted,
        expected=expected,
        counted_per_day=counted / days,
        low_per_day=low / days,
        high_per_day=high / days,
        ratio=counted / expected,
        enough=max(counted, expected) >= _ENOUGH,
        highest_per_day=max(claims, default=None),
    )
