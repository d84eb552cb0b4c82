"""Accounts that are active in the same ten minutes, beyond what the day of everybody brings."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from streamer.detection.account_book import DAY_HOURS, HOUR_MS
from streamer.detection.account_learning import SLOT_MS, SLOTS_PER_HOUR
from streamer.detection.clocks import marks, timeless
from streamer.detection.evidence import EvidenceItem
from streamer.detection.probability import upper_tail
from streamer.detection.profile import Rows
from streamer.detection.settings import DetectionSettings

SLOTS = DAY_HOURS * SLOTS_PER_HOUR
# Of an account that is active nearly never or nearly always nothing follows.
MIN_ACTIVE, MAX_ACTIVE = 2, SLOTS * 3 // 4
MAX_ACCOUNTS = 400
# So that sums of products are exact: they must not depend on how a matrix product is cut up.
STEPS = 1024
Floats = npt.NDArray[np.float64]


class Day:
    """How many accounts of all are active in each ten minutes of a day: learned from the past, lagged."""

    def __init__(self, settings: DetectionSettings) -> None:
        reference = settings.reference
        self._window_ms = settings.window.window_ms
        self._per_epoch = settings.window.windows(reference.epoch_s)
        self._lag, self._memory = reference.lag_epochs, reference.memory_epochs
        self._epochs: dict[int, npt.NDArray[np.int64]] = {}

    def learn(self, window: int, active: int) -> None:
        """Add how many accounts were active in a window."""
        epoch = window // self._per_epoch
        counts = self._epochs.setdefault(epoch, np.zeros((2, SLOTS), dtype=np.int64))
        start = window * self._window_ms // SLOT_MS % SLOTS
        slots = np.arange(start, start + max(1, self._window_ms // SLOT_MS)) % SLOTS
        counts[0, slots] += active
        counts[1, slots] += 1
        for known in [known for known in self._epochs if known < epoch - self._lag - self._memory]:
            del self._epochs[known]

    def shape(self, window: int) -> Floats | None:
        """Give the share of each ten minutes in a day's activity, as known at a window; None before a whole day."""
        newest = window // self._per_epoch - 1 - self._lag
        known = [counts for epoch, counts in self._epochs.items() if epoch <= newest]
        total = np.sum(known, axis=0) if known else np.zeros((2, SLOTS), dtype=np.int64)
        if not total.all():
            return None
        mean = total[0] / total[1]
        found: Floats = mean / mean.sum()
        return found

    def snapshot(self) -> list[Any]:
        """Plain data from which `restore` makes the same."""
        return [[epoch, counts.tobytes()] for epoch, counts in sorted(self._epochs.items())]

    def restore(self, state: list[Any]) -> None:
        """Take over what `snapshot` gave."""
        self._epochs = {epoch: np.frombuffer(counts, dtype="<i8").reshape(2, SLOTS).copy() for epoch, counts in state}


def active_slots(rows: Rows, window: int, settings: DetectionSettings) -> npt.NDArray[np.bool_]:
    """Give in which ten minutes of the day up to a window's end accounts were active: shape (accounts, 144)."""
    per_hour = settings.window.windows(HOUR_MS / 1000)
    now, last = window // per_hour, rows["window"].astype(np.int64)[:, np.newaxis] // per_hour
    hour = last - (last - np.arange(DAY_HOURS)) % DAY_HOURS
    return marks(np.where(hour > now - DAY_HOURS, rows["slots"], 0).astype(np.uint8))


def latest_slots(rows: Rows, window: int, settings: DetectionSettings) -> npt.NDArray[np.bool_]:
    """Give the same in the order of time: the last six are those of the hour of the window."""
    hour = window // settings.window.windows(HOUR_MS / 1000)
    return np.roll(active_slots(rows, window, settings), -SLOTS_PER_HOUR * ((hour + 1) % DAY_HOURS), axis=1)


def synchrony(rows: Rows, shape: Floats | None, window: int, settings: DetectionSettings) -> EvidenceItem | None:
    """Test whether accounts are active together more than their own volume and everybody's day bring.

    Those that keep to the clock are left out. The mean correlation of pairs, against how strangers' scatters and what a
    common cause (a lesson, a country's day) explains: up to `cause_correlation` is within two deviations.
    """
    if shape is None or len(rows) < settings.group.min_accounts:
        return None
    active = active_slots(rows, window, settings)
    active = active[timeless(active)]
    count = active.sum(axis=1)
    active = active[(count >= MIN_ACTIVE) & (count <= MAX_ACTIVE)][:MAX_ACCOUNTS]
    size = len(active)
    if size < settings.group.min_accounts:
        return None
    expected = np.minimum(0.9, active.sum(axis=1, keepdims=True) * shape)
    excess = np.rint(STEPS * (active - expected))
    together = excess @ excess.T
    own = np.diag(together)
    pairs = float(together.sum() - own.sum())
    scatter = float((together**2).sum() - (own**2).sum())
    scale = (size - 1) * max(1.0, float(own.sum()))
    correlation, deviation = pairs / scale, math.sqrt(2 * scatter) / scale
    log10_p = upper_tail(correlation / math.hypot(deviation, settings.group.cause_correlation / 2))
    statement = (
        f"{size} accounts are active in the same ten minutes of 24 h: their hours correlate by {correlation:.2f} "
        "beyond everybody's day"
    )
    return EvidenceItem("synchrony", statement, round(correlation, 3), 0.0, log10_p)
