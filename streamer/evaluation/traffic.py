"""What the events themselves say about campaigns: when they began, and how much they got."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streamer.evaluation.truth import Truth

_FIRST_ERROR: Final = 400


class SeenRequest(Protocol):
    """What is read of a request."""

    @property
    def timestamp_ms(self) -> int:
        """When it arrived."""

    @property
    def account_id(self) -> str:
        """Who sent it."""

    @property
    def status(self) -> int | None:
        """How it was answered; None if the gateway does not say, which counts as answered well."""


class Traffic:
    """Requests of campaigns, and the span of all requests."""

    def __init__(self, requests: Iterable[SeenRequest], truth: Truth) -> None:
        self.first_ms: int | None = None
        self.last_ms: int | None = None
        self._begins: dict[str, int] = {}
        self._served: dict[str, array[int]] = {}
        for request in requests:
            self._see(request, truth)
        self._ordered = {name: sorted(times) for name, times in self._served.items()}

    def _see(self, request: SeenRequest, truth: Truth) -> None:
        when = request.timestamp_ms
        self.first_ms = when if self.first_ms is None else min(when, self.first_ms)
        self.last_ms = when if self.last_ms is None else max(when, self.last_ms)
        campaign = truth.campaign_of(request.account_id)
        if campaign is None:
            return
        self._begins[campaign] = min(when, self._begins.get(campaign, when))
        if request.status is None or request.status < _FIRST_ERROR:
            self._served.setdefault(campaign, array("q")).append(when)

    def begins_ms(self, campaign: str) -> int | None:
        """A campaign's first request, whether answered or not."""
        return self._begins.get(campaign)

    def share_before(self, campaign: str, when_ms: int) -> float | None:
        """Share of a campaign's answered requests that came before this time; None if none was answered."""
        times = self._ordered.get(campaign)
        return bisect_left(times, when_ms) / len(times) if times else None
