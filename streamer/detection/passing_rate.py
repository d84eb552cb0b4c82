"""How often a refused request goes on at another account by chance: learned from the past, lagged."""

from __future__ import annotations

from typing import Any

from streamer.detection.settings import DetectionSettings

PRIOR_SEEN, PRIOR_REFUSED = 1.0, 30.0


class PassingRate:
    """Counts refused requests and hand-offs by epoch; hand-offs of accounts that were alerted on are not told to it."""

    def __init__(self, settings: DetectionSettings) -> None:
        reference = settings.reference
        self._per_epoch = settings.window.windows(reference.epoch_s)
        self._lag, self._memory = reference.lag_epochs, reference.memory_epochs
        self._recent = settings.window.windows(settings.group.hand_off_memory_s)
        self._epochs: dict[int, list[int]] = {}

    def learn(self, window: int, refused: int, seen: int) -> None:
        """Add what happened in a window."""
        if refused or seen:
            counts = self._epochs.setdefault(window // self._per_epoch, [0, 0])
            counts[0] += refused
            counts[1] += seen
            oldest = window // self._per_epoch - self._memory - self._lag - 1
            for epoch in [epoch for epoch in self._epochs if epoch < oldest]:
                del self._epochs[epoch]

    def at(self, window: int) -> float:
        """Give the hand-offs to be expected of each refused request, as known at a window."""
        newest = window // self._per_epoch - 1 - self._lag
        known = [counts for epoch, counts in self._epochs.items() if epoch <= newest]
        refused, seen = (sum(counts[part] for counts in known) for part in (0, 1))
        return (seen + PRIOR_SEEN) / (refused + PRIOR_REFUSED)

    def recently_refused(self, window: int) -> float:
        """Give how many requests of everybody were refused while hand-offs are remembered."""
        oldest = (window - self._recent) // self._per_epoch
        return float(max(1, sum(counts[0] for epoch, counts in self._epochs.items() if epoch >= oldest)))

    def snapshot(self) -> list[Any]:
        """Plain data from which `restore` makes the same."""
        return [[epoch, *counts] for epoch, counts in sorted(self._epochs.items())]

    def restore(self, state: list[Any]) -> None:
        """Take over what `snapshot` gave."""
        self._epochs = {epoch: [refused, seen] for epoch, refused, seen in state}
