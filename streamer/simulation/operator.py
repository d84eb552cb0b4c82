"""The operator of a campaign: a work list, the accounts that work on it, and what these do besides."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from streamer.simulation.asking import Asker
from streamer.simulation.campaign import content_of
from streamer.simulation.catalogue import PLACES
from streamer.simulation.classes import CLASSES
from streamer.simulation.crowd import Crowd
from streamer.simulation.dispatch import Dispatch
from streamer.simulation.identity import DAY_MS
from streamer.simulation.requests import nothing
from streamer.simulation.rhythm import HOUR_MS, hour_of_week, week
from streamer.simulation.tokens import mean_turns

if TYPE_CHECKING:
    from streamer.simulation.identity import Accounts
    from streamer.simulation.plan import Campaign
    from streamer.simulation.randomness import Integers
    from streamer.simulation.requests import Requests
    from streamer.simulation.surroundings import Surroundings

_MIXED_LANGUAGES: Final = ("en", "zh", "es", "pt", "de", "fr", "ja", "ru", "ko", "ar")


class Operator:
    """The scheduler of one campaign."""

    def __init__(
        self, campaign: Campaign, accounts: Accounts, salt: int, first: int, surroundings: Surroundings
    ) -> None:
        self._campaign = campaign
        self._accounts = accounts
        self._start_ms = surroundings.start_ms + int(campaign.start_day * DAY_MS)
        self._end_ms = min(self._start_ms + int(campaign.days * DAY_MS), surroundings.end_ms)
        self._week = week(campaign.rhythm, campaign.weekend)
        self._east_h = PLACES[campaign.rhythm_country][0]
        self._asker = Asker(accounts, content_of(campaign), salt, first, surroundings, people=False)
        self._mean_turns = mean_turns(campaign.turns_mu, campaign.turns_sigma)
        self._dispatch = Dispatch(campaign, accounts, salt, self._start_ms)
        self._besides = [*self._disguise(salt, first, surroundings), *self._earlier(salt, first, surroundings)]

    def requests_per_day(self) -> float:
        """How many requests a day are expected while the campaign runs at full speed."""
        return self._campaign.requests_per_account_per_day * self._campaign.accounts / self._campaign.pools

    def requests_expected(self) -> float:
        """About how many requests there will be."""
        work = self.requests_per_day() * max(self._end_ms - self._start_ms, 0) / DAY_MS
        besides = sum(crowd.requests_expected() for crowd in self._besides)
        return work * (1 - self._campaign.honest_ratio) + besides

    def requests(self, rng: np.random.Generator, start_ms: int, hours: int) -> Requests:
        """All requests of the work handed out in these hours, and of what its accounts do besides."""
        return np.concatenate(
            [
                self._worked(rng, start_ms, hours),
                *(crowd.requests(rng, start_ms, hours) for crowd in self._besides),
            ]
        )

    def _worked(self, rng: np.random.Generator, start_ms: int, hours: int) -> Requests:
        if start_ms + hours * HOUR_MS <= self._start_ms or start_ms >= self._end_ms:
            return nothing()
        when = [self._work(rng, start_ms + hour * HOUR_MS) for hour in range(hours)]
        times = np.concatenate(when)
        times = times[(times >= self._start_ms) & (times < self._end_ms)]
        times = times[~self._dispatch.changing_over(times)]
        return self._asker.requests(rng, self._dispatch.assign(rng, times), times, self._dispatch.sibling)

    def _work(self, rng: np.random.Generator, begins: int) -> Integers:
        """Start times of an hour's pieces of work."""
        campaign = self._campaign
        share = (1 - campaign.honest_ratio) * self._scale(begins)
        share *= float(self._week[hour_of_week(begins, self._east_h)])
        expected = self.requests_per_day() * share / 24 / self._mean_turns
        count = int(rng.poisson(expected))
        regular = (np.arange(count) + 0.5) / max(count, 1)
        places = np.sort((1 - campaign.jitter) * regular + campaign.jitter * rng.random(count))
        return begins + (places * HOUR_MS).astype(np.int64)

    def _scale(self, begins: int) -> float:
        """How much of the full volume is asked for in an hour: a probe first, then a ramp."""
        campaign = self._campaign
        since_days = (begins + HOUR_MS / 2 - self._start_ms) / DAY_MS
        if since_days < campaign.probe_days:
            return campaign.probe_ratio
        if not campaign.ramp_days:
            return 1.0
        return float(np.clip((since_days - campaign.probe_days) / campaign.ramp_days, 0.05, 1.0))

    def _disguise(self, salt: int, first: int, surroundings: Surroundings) -> list[Crowd]:
        """Requests that hide the work: a person's, or those of customers to whom the accounts are let."""
        campaign = self._campaign
        if not campaign.honest_ratio:
            return []
        traits = CLASSES["individual"]
        if campaign.resold:
            mixed = replace(traits.content, focus=0.0, languages=_MIXED_LANGUAGES, own_language=0.75)
            traits = replace(traits, content=mixed, weekend=0.9)
        rate = campaign.requests_per_account_per_day * campaign.honest_ratio
        traits = replace(traits, requests_per_day=rate, requests_sigma=0.5, days_off=0.1)
        return [Crowd(self._accounts, traits, salt + 1, first, surroundings)]

    def _earlier(self, salt: int, first: int, surroundings: Surroundings) -> list[Crowd]:
        """Light use of the accounts before the campaign, so that they are no newcomers."""
        rate = self._campaign.prior_use_per_day
        if not rate:
            return []
        accounts = replace(
            self._accounts,
            start_ms=np.maximum(self._accounts.created_ms + 120_000, surroundings.start_ms),
            end_ms=np.minimum(self._accounts.start_ms, surroundings.end_ms),
        )
        traits = replace(CLASSES["individual"], requests_per_day=rate, requests_sigma=0.7)
        return [Crowd(accounts, traits, salt + 2, first, surroundings)]
