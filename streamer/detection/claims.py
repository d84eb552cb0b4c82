"""What an alert claims: how many groups a day score as much on honest traffic."""

from __future__ import annotations

from typing import Any

from streamer.detection.calibration import Calibration
from streamer.detection.cluster import Suspect
from streamer.detection.clusters import Clusters
from streamer.detection.settings import DAY_S, DetectionSettings

MIN_TESTS_PER_DAY = 100.0


class Claims:
    """Counts the groups that were judged, and says of each suspect how often honest traffic brings such a one."""

    def __init__(self, settings: DetectionSettings, clusters: Clusters) -> None:
        self._warning_per_day = settings.alert.warning_per_day
        self._day = settings.window.windows(DAY_S)
        self._clusters = clusters
        # Those who are excused could not have been an alarm, whatever they score: they say nothing of what is one.
        self._every = Calibration(settings.calibration, settings.window)
        self._not_excused = Calibration(settings.calibration, settings.window)
        self._tests: list[tuple[int, int]] = []

    def count(self, window: int, leads: int, unions: int) -> None:
        """Note how many groups were judged in a window: for leads, and as unions."""
        self._tests = [(at, count) for at, count in self._tests if at > window - self._day]
        if leads + unions:
            self._tests.append((window, leads + unions))
        for calibration in (self._every, self._not_excused):
            if leads:
                calibration.begin(window)
            calibration.forget(window)

    def claim(self, suspect: Suspect, window: int) -> Suspect:
        """Say how often honest traffic brings such a group: as counted, or by its probability while little is known."""
        assumed = 10.0 ** max(-300.0, suspect.log10_p) * self._tests_per_day()
        if suspect.kind == "account":
            return suspect._replace(rate=assumed)
        calibration = self._not_excused if suspect.is_alarming else self._every
        counted = calibration.rate(window, -suspect.log10_p)
        rate = assumed if counted is None else counted
        alarm = suspect.is_alarming and rate <= self._warning_per_day
        if not alarm and not self._clusters.overlap(suspect.keys):
            self._every.learn(window, -suspect.log10_p, suspect.keys)
            if not suspect.is_excused:
                self._not_excused.learn(window, -suspect.log10_p, suspect.keys)
        return suspect._replace(rate=rate)

    def _tests_per_day(self) -> float:
        # On a quiet first day few groups have been judged yet; the claim should not gain from that.
        return max(MIN_TESTS_PER_DAY, sum(count for _, count in self._tests))

    def snapshot(self) -> dict[str, Any]:
        """Plain data from which `restore` makes the same."""
        return {
            "calibration": self._every.snapshot(),
            "not_excused": self._not_excused.snapshot(),
            "tests": self._tests,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `snapshot` gave."""
        self._every.restore(state["calibration"])
        self._not_excused.restore(state["not_excused"])
        self._tests = [(window, count) for window, count in state["tests"]]
