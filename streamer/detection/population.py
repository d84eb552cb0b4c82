"""The population that accounts are judged against: exact histograms that add up in any order, lagged and frozen.

Every partition counts its closed windows into `Count`s; whoever judges adds them up. Integers add exactly, so the
reference is the same whether the input had one partition or sixty. It is cut into epochs; a window is judged by the
epochs that ended at least one epoch before its own.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
from scipy import special

from streamer.detection.evidence import MISSING, Count, Profile
from streamer.detection.settings import ReferenceSettings, WindowSettings

POOLED = "*"
Cell = tuple[str, int, int, int]


class Feature:
    """What is counted: the first five of accounts (see `census`), the others of every active account and window.

    Plain numbers, for they are part of keys that are looked up for every account and window.
    """

    VOLUME: Final = 0
    HOURS: Final = 1
    RHYTHM: Final = 2
    OUTPUT: Final = 3
    AGE: Final = 4
    SURPRISE: Final = 5
    WINDOW_REQUESTS: Final = 6


PROFILE_FEATURES = (Feature.VOLUME, Feature.HOURS, Feature.RHYTHM, Feature.OUTPUT, Feature.AGE)
SURPRISE_BINS_PER_UNIT = 4
YOUNG_MS, SETTLED_MS = 2 * 3_600_000, 12 * 3_600_000
SETTLED = 2


def span_class(window_end_ms: int, first_seen_ms: int) -> int:
    """Give how long an account has been seen: under two hours, under twelve, or longer.

    What looks regular in an account's first session looks so in anybody's: like is compared with like.
    """
    span_ms = window_end_ms - first_seen_ms
    return 0 if span_ms < YOUNG_MS else 1 if span_ms < SETTLED_MS else SETTLED


def habit_bucket(profile: Profile) -> int:
    """Give the class within which habits of time are compared: time seen, and the octave of the requests of a day."""
    return profile.span_class * 16 + min(profile.requests_24h.bit_length(), 12)


def places(profile: Profile) -> tuple[tuple[int, int, int], ...]:
    """Give where an account stands in each histogram, in the order of `PROFILE_FEATURES`: (feature, bucket, bin)."""
    habit = habit_bucket(profile)
    return (
        (Feature.VOLUME, profile.span_class, profile.volume_bin),
        (Feature.HOURS, habit, profile.hours_bin),
        (Feature.RHYTHM, habit, profile.rhythm_bin),
        (Feature.OUTPUT, 0, profile.output_bin),
        (Feature.AGE, 0, profile.age_bin),
    )


def census(profile: Profile, *, daily: bool) -> list[Cell]:
    """Give the histogram cells that an account falls into: (stratum, feature, bucket, bin).

    A settled account is counted once a day, a young one in every window in which it is active, and only for habits.
    """
    if not daily:
        return [] if profile.span_class == SETTLED else _habits(profile)
    return [
        (stratum, feature, bucket, found)
        for feature, bucket, found in places(profile)
        if found != MISSING
        for stratum in (POOLED, profile.stratum)
    ]


def _habits(profile: Profile) -> list[Cell]:
    bucket = habit_bucket(profile)
    found = []
    for stratum in (POOLED, profile.stratum):
        found.append((stratum, Feature.VOLUME, profile.span_class, profile.volume_bin))
        if profile.hours_bin != MISSING:
            found.append((stratum, Feature.HOURS, bucket, profile.hours_bin))
        if profile.rhythm_bin != MISSING:
            found.append((stratum, Feature.RHYTHM, bucket, profile.rhythm_bin))
    return found


class Histogram:
    """A frozen histogram of one feature: normal scores by mid-rank, quantiles, and the variance of the bins."""

    __slots__ = ("_scores", "_sums", "_top", "total", "variance")

    def __init__(self, counts: dict[int, int]) -> None:
        width = max(counts) + 1
        values = np.zeros(width)
        for place, count in counts.items():
            values[place] = count
        self.total = int(values.sum())
        self._sums = values.cumsum()
        middle = (self._sums - values / 2 + 0.5) / (self.total + 1)
        scores = special.ndtri(middle)
        bins = np.arange(width)
        mean = float((bins * values).sum() / self.total)
        self.variance = float(((bins - mean) ** 2 * values).sum() / self.total)
        self._scores: list[float] = scores.tolist()
        self._top = width - 1

    def score(self, place: int) -> float:
        """Give the normal score of a bin: how many standard deviations above the population's middle it stands."""
        return self._scores[min(self._top, place)]

    def quantile(self, share: float) -> int:
        """Give the first bin up to which at least a share of the population lies."""
        return int(np.searchsorted(self._sums, share * self.total))

    def tail_log10(self, place: int, bins_per_unit: int) -> float:
        """Give log10 of the share at or above a bin; past the 98% quantile by an exponential fitted to the excess."""
        knee = self.quantile(0.98)
        if place <= knee:
            below = self._sums[place - 1] if place > 0 else 0.0
            return math.log10(max((self.total - below + 1) / (self.total + 1), 1e-300))
        counts = np.diff(self._sums, prepend=0.0)[knee + 1 :]
        excess = float((counts * np.arange(1, len(counts) + 1)).sum() + 1) / float(counts.sum() + 1)
        return math.log10(0.02) - (place - knee) / max(excess, bins_per_unit * 0.25) / math.log(10)


class Reference:
    """What the population was like, up to a lag ago; frozen until the next epoch begins."""

    __slots__ = ("_chosen", "_histograms", "_min_stratum", "accounts", "epoch", "ready", "rows_per_day")

    def __init__(self, epoch: int, cells: Counter[Cell], days: float, settings: ReferenceSettings) -> None:
        grouped: dict[tuple[str, int, int], dict[int, int]] = {}
        for (stratum, feature, bucket, place), count in cells.items():
            grouped.setdefault((stratum, feature, bucket), {})[place] = count
        self.epoch = epoch
        self._histograms = {key: Histogram(counts) for key, counts in grouped.items()}
        self._chosen: dict[tuple[str, int], list[Histogram | None]] = {}
        self._min_stratum = settings.min_stratum_accounts
        volume = self._histograms.get((POOLED, Feature.VOLUME, SETTLED))
        self.accounts = round(volume.total / days) if volume and days else 0
        self.rows_per_day = self.total(Feature.SURPRISE) / days if days else 0.0
        self.ready = days * 86_400 >= settings.warm_up_s and self.accounts >= settings.min_accounts

    def histogram(self, feature: int, stratum: str = POOLED, bucket: int = 0) -> Histogram | None:
        """Give the histogram of a stratum, or of everyone where the stratum is too small to judge by."""
        for name in (stratum, POOLED):
            found = self._histograms.get((name, feature, bucket))
            if found is not None and found.total >= self._min_stratum:
                return found
        return None

    def total(self, feature: int) -> int:
        """Count what a pooled feature was learned from."""
        found = self._histograms.get((POOLED, feature, 0))
        return found.total if found else 0

    def scores(self, profile: Profile) -> tuple[float, ...]:
        """Give the normal scores of an account's features in the order of `PROFILE_FEATURES`; NaN where unknown."""
        habit = habit_bucket(profile)
        key = (profile.stratum, habit)
        chosen = self._chosen.get(key)
        if chosen is None:
            chosen = self._chosen[key] = self._choose(profile)
        return tuple(
            [
                math.nan if found is None or place == MISSING else found.score(place)
                for found, (_, _, place) in zip(chosen, places(profile), strict=True)
            ]
        )

    def _choose(self, profile: Profile) -> list[Histogram | None]:
        return [self.histogram(feature, profile.stratum, bucket) for feature, bucket, _ in places(profile)]


class Population:
    """Adds up what all partitions counted, and gives the reference for a window."""

    def __init__(self, settings: ReferenceSettings, window: WindowSettings) -> None:
        self._settings = settings
        self._per_epoch = window.windows(settings.epoch_s)
        self._epochs: dict[int, Counter[Cell]] = {}
        self._first_window: int | None = None
        self._reference: Reference | None = None
        self._summed: Counter[Cell] = Counter()
        self._summed_through = -1

    def learn(self, window: int, summary: Iterable[Count]) -> None:
        """Add what one partition counted in one window; any order, each exactly once."""
        if self._first_window is None or window < self._first_window:
            self._first_window = window
        epoch = window // self._per_epoch
        if epoch <= self._summed_through:
            self._summed, self._summed_through = Counter(), -1
        cells = self._epochs.setdefault(epoch, Counter())
        for stratum, feature, bucket, place, count in summary:
            cells[stratum, feature, bucket, place] += count

    def reference(self, window: int) -> Reference:
        """Give what a window is judged by: the epochs before its own, less the lag."""
        epoch = window // self._per_epoch
        if self._reference is None or self._reference.epoch != epoch:
            self._reference = self._freeze(epoch)
        return self._reference

    def _freeze(self, epoch: int) -> Reference:
        settings = self._settings
        newest = epoch - 1 - settings.lag_epochs
        oldest = newest - settings.memory_epochs + 1
        cells = self._sum(oldest, newest)
        days = 0.0
        if self._first_window is not None:
            start = max(self._first_window, oldest * self._per_epoch)
            windows = (newest + 1) * self._per_epoch - start
            days = max(0.0, windows / self._per_epoch * settings.epoch_s / 86_400)
        return Reference(epoch, cells, days, settings)

    def _sum(self, oldest: int, newest: int) -> Counter[Cell]:
        """Add up the epochs from `oldest` to `newest`: to the last sum what is new, less what is forgotten."""
        if newest < self._summed_through:
            self._summed, self._summed_through = Counter(), -1
        for epoch in sorted(self._epochs):
            if epoch < oldest:
                cells = self._epochs.pop(epoch)
                if epoch <= self._summed_through:
                    self._summed.subtract(cells)
            elif self._summed_through < epoch <= newest:
                self._summed.update(self._epochs[epoch])
        self._summed_through = newest
        self._summed = +self._summed
        return self._summed

    def snapshot(self) -> dict[str, Any]:
        """Plain data from which `restore` makes the same population."""
        return {
            "first_window": self._first_window,
            "epochs": [
                [epoch, [[*cell, n] for cell, n in sorted(c.items())]] for epoch, c in sorted(self._epochs.items())
            ],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `snapshot` gave."""
        self._first_window = state["first_window"]
        self._epochs = {
            epoch: Counter({(cell[0], cell[1], cell[2], cell[3]): cell[4] for cell in cells})
            for epoch, cells in state["epochs"]
        }
        self._reference = None
        self._summed, self._summed_through = Counter(), -1
