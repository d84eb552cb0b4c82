"""What the events themselves say about campaigns: when they began, how much they got, who was at work in which hour."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from streamer.evaluation.truth import Truth

_FIRST_ERROR: Final = 400
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000


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


class Plan(NamedTuple):
    """What is known of a campaign beyond the events: how long it really lasts, and when it begins.

    What its accounts did before it begins (aged accounts live like anybody) is not the campaign's.
    """

    days: float | None = None
    start_ms: int | None = None


class Hour(NamedTuple):
    """An hour of a campaign: its requests, and the accounts that made them."""

    requests: int
    accounts: int


class Traffic:
    """Requests of campaigns, and the span of all requests."""

    def __init__(self, requests: Iterable[SeenRequest], truth: Truth, plans: Mapping[str, Plan]) -> None:
        self.first_ms: int | None = None
        self.last_ms: int | None = None
        self.account_first_ms: dict[str, int] = {}
        self._plans = plans
        self._served: dict[str, array[int]] = {}
        self._hours: dict[str, dict[int, list[str]]] = {}
        for request in requests:
            self._see(request, truth)
        self._ordered = {name: sorted(times) for name, times in self._served.items()}
        self._begins: dict[str, int] = {}
        for account, when in self.account_first_ms.items():
            campaign = truth.campaign_of(account) or ""
            self._begins[campaign] = min(when, self._begins.get(campaign, when))

    def _see(self, request: SeenRequest, truth: Truth) -> None:
        when = request.timestamp_ms
        self.first_ms = when if self.first_ms is None else min(when, self.first_ms)
        self.last_ms = when if self.last_ms is None else max(when, self.last_ms)
        account = request.account_id
        campaign = truth.campaign_of(account)
        if campaign is None or when < (self._plans.get(campaign, Plan()).start_ms or 0):
            return
        self.account_first_ms[account] = min(when, self.account_first_ms.get(account, when))
        self._hours.setdefault(campaign, {}).setdefault(when // HOUR_MS, []).append(account)
        if request.status is None or request.status < _FIRST_ERROR:
            self._served.setdefault(campaign, array("q")).append(when)

    def begins_ms(self, campaign: str) -> int | None:
        """A campaign's first request, whether answered or not."""
        return self._begins.get(campaign)

    def answered(self, campaign: str) -> int:
        """How many of a campaign's requests were answered."""
        return len(self._ordered.get(campaign, ()))

    def days_seen(self, campaign: str) -> float | None:
        """For how long the events show a campaign: to their end, or to its own if that is known to come before."""
        begins, days = self._begins.get(campaign), self._plans.get(campaign, Plan()).days
        if begins is None or self.last_ms is None:
            return None
        seen = (self.last_ms - begins) / DAY_MS
        return seen if days is None else min(seen, days)

    def share_before(self, campaign: str, when_ms: int) -> float | None:
        """Share of a campaign's answered requests that came before this time; None if none was answered."""
        times = self._ordered.get(campaign)
        return bisect_left(times, when_ms) / len(times) if times else None

    def real_share(self, campaign: str, share: float | None) -> float | None:
        """A share of what the events hold as a share of the campaign's real length, at its mean rate."""
        days, seen = self._plans.get(campaign, Plan()).days, self.days_seen(campaign)
        if share is None or days is None or not seen:
            return None
        return share * seen / days

    def hours(self, campaign: str) -> dict[int, Hour]:
        """Requests and active accounts by hour since 1970."""
        return {
            hour: Hour(len(accounts), len(set(accounts)))
            for hour, accounts in sorted(self._hours.get(campaign, {}).items())
        }
