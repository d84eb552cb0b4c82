"""Bursts that are told before their window closes: the alert and the limit that the close would give, at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from streamer.detection.alerts import AlertBook
from streamer.detection.claims import Claims
from streamer.detection.cluster import Suspect, suspect_of
from streamer.detection.clusters import Clusters
from streamer.detection.evidence import Burst, EarlyBurst, EvidenceItem
from streamer.detection.lead_book import LeadBook
from streamer.detection.records import Decision
from streamer.detection.settings import DetectionSettings
from streamer.detection.verdict import severity_of


class EarlyAlarms:
    """Holds what is told of a window until the one before it was decided, so that all is decided in one order.

    A repeat changes nothing that is said: to be revised early a second time, an alert must have become more severe.
    """

    def __init__(
        self, settings: DetectionSettings, clusters: Clusters, claims: Claims, alerts: AlertBook, book: LeadBook
    ) -> None:
        self._settings = settings
        self._clusters = clusters
        self._claims = claims
        self._alerts = alerts
        self._book = book
        self._waiting: dict[int, list[EarlyBurst]] = {}

    def hold(self, window: int, found: Iterable[EarlyBurst]) -> None:
        """Take in what is told of an open window."""
        self._waiting.setdefault(window, []).extend(found)

    def decide(self, window: int) -> list[Decision]:
        """Decide what was told of a window; the one before it must be decided, and it must not be itself."""
        found = sorted(self._waiting.pop(window, ()), key=lambda early: (early.burst.key, early.total_requests))
        return [decision for early in found for decision in self._decide(early, window)]

    def was_told(self, suspect: Suspect) -> bool:
        """Whether something was said of an account and a window before that window closed."""
        known = self._clusters.alone(next(iter(suspect.keys))) if suspect.kind == "account" else None
        return known is not None and known.last_window == suspect.window

    def _decide(self, early: EarlyBurst, window: int) -> list[Decision]:
        burst = early.burst
        suspect = self._claims.claim(suspect_of(burst, window), window)
        if severity_of(suspect.rate, self._settings.alert, is_alarming=False) is None:
            return []
        now_ms = (window + 1) * self._settings.window.window_ms
        placed = self._clusters.place(suspect, {burst.key: burst.account_id}, now_ms)
        if placed is None or placed.cluster.is_quiet():
            return []
        account = placed.cluster.accounts[burst.key]
        account.first_seen_ms, account.requests = early.first_seen_ms, early.total_requests
        account.output_tokens = early.total_output_tokens
        return self._alerts.revise(placed.cluster, self._book, now_ms, early=True)

    def forget(self, through: int) -> None:
        """Drop what came of windows that were decided without it."""
        self._waiting = {window: found for window, found in self._waiting.items() if window > through}

    def snapshot(self) -> list[Any]:
        """Plain data from which `restore` makes the same."""
        return [
            [window, [[[*early.burst[:3], list(early.burst.evidence)], *early[1:]] for early in found]]
            for window, found in sorted(self._waiting.items())
        ]

    def restore(self, state: list[Any]) -> None:
        """Take over what `snapshot` gave."""
        self._waiting = {window: [_early_from(plain) for plain in found] for window, found in state}


def _early_from(plain: list[Any]) -> EarlyBurst:
    (account_id, key, log10_p, item), *totals = plain
    return EarlyBurst(Burst(account_id, key, log10_p, EvidenceItem(*item)), *totals)
