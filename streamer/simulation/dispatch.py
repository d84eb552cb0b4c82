"""Who gets which piece of a campaign's work: in turn, evenly, and by whoever can take over when one is turned away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from streamer.simulation.identity import DAY_MS
from streamer.simulation.randomness import mix, normal, pick, uniform
from streamer.simulation.rhythm import HOUR_MS, hour_of_week, week

if TYPE_CHECKING:
    from streamer.simulation.identity import Accounts
    from streamer.simulation.plan import Campaign
    from streamer.simulation.randomness import Flags, Integers, Reals


class Dispatch:
    """Hands out the work of one campaign that starts at `start_ms`."""

    def __init__(self, campaign: Campaign, accounts: Accounts, salt: int, start_ms: int) -> None:
        self._campaign = campaign
        self._accounts = accounts
        self._salt = salt
        self._start_ms = start_ms
        self._order: list[Integers] = []
        self._index = np.arange(len(accounts))
        self._quota: Reals = np.exp(campaign.quota_sigma * normal(mix(salt, 71, self._index)))
        self._week = week("human", 0.8)
        self._uneven = campaign.local_days or campaign.quota_sigma > 0 or campaign.days_off > 0

    def assign(self, rng: np.random.Generator, times: Integers) -> Integers:
        """The account for each piece of work: in turn, in an order that changes from round to round."""
        pool = self._pool(times)
        size = self._size(pool)
        within = np.empty(len(times), dtype=np.int64)
        for at in np.unique(pool):
            chosen = pool == at
            within[chosen] = self._rounds(rng, int(chosen.sum()), int(size[chosen][0]))
        astray = rng.random(len(times)) > self._campaign.evenness
        within = np.where(astray, (rng.random(len(times)) * size).astype(np.int64), np.minimum(within, size - 1))
        within = np.where(self.probing(times), within % self._probe_size(size), within)
        return self._leave_resting(rng, within * self._campaign.pools + pool, times)

    def sibling(self, rng: np.random.Generator, who: Integers, time_ms: Integers) -> Integers:
        """Who sends again what was turned away."""
        pool = self._pool(time_ms)
        size = self._size(pool)
        within = (rng.random(len(who)) * size).astype(np.int64)
        within = np.where(self.probing(time_ms), within % self._probe_size(size), within)
        other = self._leave_resting(rng, within * self._campaign.pools + pool, time_ms)
        return np.where(rng.random(len(who)) < self._campaign.failover_ratio, other, who)

    def probing(self, times: Integers) -> Flags:
        """Whether the campaign still only tries."""
        return np.asarray(times < self._start_ms + int(self._campaign.probe_days * DAY_MS))

    def changing_over(self, times: Integers) -> Flags:
        """Whether one pool is gone and the next has not begun."""
        campaign = self._campaign
        if campaign.pools == 1 or not campaign.pool_gap_h:
            return np.zeros(len(times), dtype=np.bool_)
        turn, since = np.divmod(times - self._start_ms, int(campaign.pool_days * DAY_MS))
        changed = (turn > 0) & ((turn < campaign.pools) | campaign.pools_return)
        gap_h = campaign.pool_gap_h * (0.5 + uniform(mix(self._salt, 72, turn)))
        return np.asarray(changed & (since < gap_h * HOUR_MS))

    def _pool(self, time_ms: Integers) -> Integers:
        campaign = self._campaign
        turn = (time_ms - self._start_ms) // int(campaign.pool_days * DAY_MS)
        return turn % campaign.pools if campaign.pools_return else np.minimum(turn, campaign.pools - 1)

    def _size(self, pool: Integers) -> Integers:
        """Accounts of a pool: every account whose index leaves that remainder."""
        pools = self._campaign.pools
        return (len(self._accounts) - pool + pools - 1) // pools

    def _probe_size(self, size: Integers) -> Integers:
        return np.maximum((size * self._campaign.probe_accounts).astype(np.int64), 1)

    def _rounds(self, rng: np.random.Generator, count: int, size: int) -> Integers:
        """The next `count` turns of a round-robin over `size` accounts, going on where the last call stopped."""
        left = self._order[0] if self._order else np.empty(0, dtype=np.int64)
        missing = max(0, count - len(left))
        rounds = [rng.permutation(size) for _ in range(-(-missing // size))]
        queue = np.concatenate([left, *rounds])
        self._order = [queue[count:]]
        return queue[:count]

    def _leave_resting(self, rng: np.random.Generator, who: Integers, times: Integers) -> Integers:
        """Give work to others where an account sleeps, has a day off or has used up its share."""
        if not self._uneven:
            return who
        chosen = who.copy()
        pool, hours = self._pool(times), times // HOUR_MS
        for hour, at in {*zip(hours.tolist(), pool.tolist(), strict=True)}:
            here = np.flatnonzero((hours == hour) & (pool == at))
            weights = self._readiness(hour * HOUR_MS) * (self._index % self._campaign.pools == at)
            if not weights.any():
                continue
            resting = here[rng.random(len(here)) * weights.max() > weights[chosen[here]]]
            chosen[resting] = pick(weights, rng.random(len(resting)))
        return chosen

    def _readiness(self, hour_ms: int) -> Reals:
        """How much of an hour's work each account is made to take, with a person's day where asked."""
        east_h = self._accounts.east_h
        ready = self._quota.copy()
        if self._campaign.local_days:
            ready *= self._week[hour_of_week(hour_ms, east_h)]
        local_day = ((hour_ms + east_h * HOUR_MS) // DAY_MS).astype(np.int64)
        ready *= uniform(mix(self._salt, 73, self._index, local_day)) >= self._campaign.days_off
        return ready
