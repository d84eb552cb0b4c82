"""Accounts that work for one operator: a scheduler hands out work, in turn, and fails over."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from streamer.simulation.asking import Asker
from streamer.simulation.catalogue import PLACES
from streamer.simulation.classes import CLASSES
from streamer.simulation.crowd import Crowd
from streamer.simulation.identity import DAY_MS, Membership, found_accounts
from streamer.simulation.requests import nothing
from streamer.simulation.rhythm import HOUR_MS, hour_of_week, week
from streamer.simulation.tokens import PAUSE_SIGMA, mean_turns
from streamer.simulation.traits import Content, Identity

if TYPE_CHECKING:
    from streamer.simulation.identity import Accounts
    from streamer.simulation.randomness import Integers
    from streamer.simulation.requests import Requests
    from streamer.simulation.scenario import Campaign
    from streamer.simulation.surroundings import Surroundings


def found_campaign(campaign: Campaign, salt: int, surroundings: Surroundings) -> Accounts:
    """Set up a campaign's accounts."""
    rng = np.random.default_rng([salt, 1])
    count = campaign.accounts

    def groups(size: int) -> Integers:
        return rng.permutation(count) // size

    shared = {
        "payment": groups(campaign.accounts_per_payment),
        "device": groups(campaign.accounts_per_device),
        "address": groups(campaign.accounts_per_address),
    }
    # An address lies in one operator's space, so who shares one shares the operator.
    shared["network"] = shared["address"]
    if campaign.accounts_per_mail_domain > 1:
        shared["mail"] = groups(campaign.accounts_per_mail_domain)
    lone = campaign.accounts_per_address == 1
    identity = Identity(
        stacks={str(kind): weight for kind, weight in campaign.stacks.items()},
        networks={str(kind): weight for kind, weight in campaign.networks.items()},
        plans={"subscription": 0.5, "payg": 0.5},
        address="own" if lone else campaign.address_sharing,
        lease_days=campaign.lease_days,
        roaming=lone,
        second_place=0.0,
        disposable_mail=campaign.disposable_mail,
        signup_spread_days=campaign.signup_spread_days,
        signup_lead_days=max(campaign.signup_lead_days, 0.01),
    )
    begins = np.full(count, surroundings.start_ms + int(campaign.start_day * DAY_MS))
    ends = np.minimum(begins + int(campaign.days * DAY_MS), surroundings.end_ms)
    members = Membership(salt, np.zeros(count, dtype=np.int64), shared)
    return found_accounts(identity, members, begins, ends, (surroundings.start_ms, surroundings.end_ms))


def _content(campaign: Campaign) -> Content:
    system = {
        "none": {"none": 1.0},
        "own": {"own": 1.0},
        "tool": {"tool": 1.0},
        "campaign": {"group": 1.0},
        "mixed": {"web": 0.6, "own": 0.2, "none": 0.2},
    }[campaign.system]
    return Content(
        turns_mu=campaign.turns_mu,
        turns_sigma=campaign.turns_sigma,
        pause_mu=campaign.pause_mu,
        pause_sigma=PAUSE_SIGMA,
        lengths={str(kind): weight for kind, weight in campaign.lengths.items()},
        output_shift=campaign.output_shift,
        capabilities=tuple(campaign.capabilities),
        focus=0.1,
        models=tuple(campaign.models),
        adoption_days=campaign.adoption_days,
        template_ratio=campaign.template_ratio,
        templates=campaign.templates,
        template_flips=campaign.template_flips,
        shared_templates=True,
        common_ratio=0.01,
        repeat_ratio=0.05,
        system=system,
        max_tokens={-1: 0.2, 4096: 0.15, 8192: 0.3, 16384: 0.2, 32000: 0.15},
        streaming=0.75,
        languages=tuple(campaign.languages),
        limited_ratio=campaign.limited_ratio,
        retries=3,
        retry_s=campaign.failover_s,
    )


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
        self._asker = Asker(accounts, _content(campaign), salt, first, surroundings)
        self._mean_turns = mean_turns(campaign.turns_mu, campaign.turns_sigma)
        self._turn = 0
        self._order: list[Integers] = []
        ordinary = CLASSES["individual"]
        honest = replace(
            ordinary,
            requests_per_day=max(campaign.requests_per_account_per_day * campaign.honest_ratio, 1e-9),
            requests_sigma=0.5,
            days_off=0.1,
        )
        self._disguise = Crowd(accounts, honest, salt + 1, first, surroundings) if campaign.honest_ratio else None

    def requests_per_day(self) -> float:
        """How many requests a day are expected while the campaign runs at full speed."""
        return self._campaign.requests_per_account_per_day * self._campaign.accounts / self._campaign.pools

    def requests_expected(self) -> float:
        """About how many requests there will be."""
        return self.requests_per_day() * max(self._end_ms - self._start_ms, 0) / DAY_MS

    def requests(self, rng: np.random.Generator, start_ms: int, hours: int) -> Requests:
        """All requests of the work handed out in these hours."""
        if start_ms + hours * HOUR_MS <= self._start_ms or start_ms >= self._end_ms:
            return nothing()
        when = [self._work(rng, start_ms + hour * HOUR_MS) for hour in range(hours)]
        times = np.concatenate(when)
        times = times[(times >= self._start_ms) & (times < self._end_ms)]
        rows = self._asker.requests(rng, self._assign(rng, times), times, self._sibling)
        if self._disguise is not None:
            rows = np.concatenate([rows, self._disguise.requests(rng, start_ms, hours)])
        return rows

    def _work(self, rng: np.random.Generator, begins: int) -> Integers:
        """Start times of an hour's pieces of work."""
        campaign = self._campaign
        ramp = 1.0
        if campaign.ramp_days:
            ramp = float(np.clip((begins + HOUR_MS / 2 - self._start_ms) / (campaign.ramp_days * DAY_MS), 0.05, 1.0))
        share = (1 - campaign.honest_ratio) * ramp * float(self._week[hour_of_week(begins, self._east_h)])
        expected = self.requests_per_day() * share / 24 / self._mean_turns
        count = int(rng.poisson(expected))
        regular = (np.arange(count) + 0.5) / max(count, 1)
        places = np.sort((1 - campaign.jitter) * regular + campaign.jitter * rng.random(count))
        return begins + (places * HOUR_MS).astype(np.int64)

    def _pool(self, time_ms: Integers) -> Integers:
        campaign = self._campaign
        turn = (time_ms - self._start_ms) // int(campaign.pool_days * DAY_MS)
        return turn % campaign.pools if campaign.pools_return else np.minimum(turn, campaign.pools - 1)

    def _size(self, pool: Integers) -> Integers:
        """Accounts of a pool: every account whose index leaves that remainder."""
        pools = self._campaign.pools
        return (len(self._accounts) - pool + pools - 1) // pools

    def _assign(self, rng: np.random.Generator, times: Integers) -> Integers:
        """The account for each piece of work: in turn, in an order that changes from round to round."""
        pool = self._pool(times)
        size = self._size(pool)
        within = np.empty(len(times), dtype=np.int64)
        for at in np.unique(pool):
            chosen = pool == at
            within[chosen] = self._rounds(rng, int(chosen.sum()), int(size[chosen][0]))
        astray = rng.random(len(times)) > self._campaign.evenness
        within = np.where(astray, (rng.random(len(times)) * size).astype(np.int64), np.minimum(within, size - 1))
        return within * self._campaign.pools + pool

    def _rounds(self, rng: np.random.Generator, count: int, size: int) -> Integers:
        """The next `count` turns of a round-robin over `size` accounts, going on where the last call stopped."""
        left = self._order[0] if self._order else np.empty(0, dtype=np.int64)
        missing = max(0, count - len(left))
        rounds = [rng.permutation(size) for _ in range(-(-missing // size))]
        queue = np.concatenate([left, *rounds])
        self._order = [queue[count:]]
        return queue[:count]

    def _sibling(self, rng: np.random.Generator, who: Integers, time_ms: Integers) -> Integers:
        pool = self._pool(time_ms)
        other = (rng.random(len(who)) * self._size(pool)).astype(np.int64) * self._campaign.pools + pool
        return np.where(rng.random(len(who)) < self._campaign.failover_ratio, other, who)
