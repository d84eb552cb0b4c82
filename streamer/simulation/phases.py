"""A population that changes what it asks from one moment to the next: its tool has a new release."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from streamer.simulation.crowd import Crowd

if TYPE_CHECKING:
    from streamer.simulation.identity import Accounts
    from streamer.simulation.requests import Requests
    from streamer.simulation.surroundings import Surroundings
    from streamer.simulation.traits import HonestTraits


def split_at(accounts: Accounts, moment_ms: int) -> tuple[Accounts, Accounts]:
    """The same accounts until a moment, and from then on."""
    before = replace(accounts, end_ms=np.minimum(accounts.end_ms, moment_ms))
    return before, replace(accounts, start_ms=np.maximum(accounts.start_ms, moment_ms))


class Phases:
    """The same people before and after."""

    def __init__(
        self,
        accounts: Accounts,
        traits: HonestTraits,
        salt: int,
        first: int,
        surroundings: Surroundings,
        *,
        changed_ms: int,
    ) -> None:
        old, new = split_at(accounts, changed_ms)
        revised = replace(traits, content=traits.revised or traits.content)
        self._before = Crowd(old, traits, salt, first, surroundings)
        self._after = Crowd(new, revised, salt, first, surroundings)

    def requests_per_day(self) -> float:
        """How many requests a day are expected, all accounts together."""
        return self._before.requests_per_day()

    def requests_expected(self) -> float:
        """About how many requests there will be, all accounts and days together."""
        return self._before.requests_expected() + self._after.requests_expected()

    def requests(self, rng: np.random.Generator, start_ms: int, hours: int) -> Requests:
        """All requests of the sessions that start in these hours."""
        drawn = [crowd.requests(rng, start_ms, hours) for crowd in (self._before, self._after)]
        return np.concatenate(drawn)
