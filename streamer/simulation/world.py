"""A world: everybody who lives in it, and what they send, in time order."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import numpy as np

from streamer.simulation.campaign import found_bystanders, found_campaign
from streamer.simulation.catalogue import MODEL_NAMES
from streamer.simulation.classes import CLASSES
from streamer.simulation.crowd import Crowd
from streamer.simulation.encode import Encoder, account_id
from streamer.simulation.identity import DAY_MS, join
from streamer.simulation.operator import Operator
from streamer.simulation.phases import Phases
from streamer.simulation.population import found_class, revision_ms
from streamer.simulation.presence import ABSENT
from streamer.simulation.randomness import generator, mix, salt
from streamer.simulation.requests import by_time, nothing
from streamer.simulation.rhythm import HOUR_MS
from streamer.simulation.scenario import HonestClass
from streamer.simulation.surroundings import Surroundings, draw_incidents

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamer.simulation.identity import Accounts
    from streamer.simulation.plan import Campaign
    from streamer.simulation.requests import Requests
    from streamer.simulation.scenario import ClassName, Scenario

_PER_SLICE: Final = 20_000
_HOURS: Final = (1, 2, 3, 4, 6, 8, 12, 24)
_CHUNK: Final = 20_000


class Actor(Protocol):
    """A part of the population that sends requests."""

    def requests_per_day(self) -> float:
        """How many requests a day are expected at most."""

    def requests_expected(self) -> float:
        """About how many requests there will be."""

    def requests(self, rng: np.random.Generator, start_ms: int, hours: int) -> Requests:
        """All requests of what begins in these hours; they may last beyond them."""


class _Part(NamedTuple):
    name: str
    actor: Actor
    rng: np.random.Generator
    size: int


class World:
    """One seeded world of a scenario. The same scenario and seed give the same bytes.

    A part of the population draws from a generator of its own, so adding one leaves the others as they were.
    """

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self.scenario = scenario
        self._seed = seed
        midnight = dt.datetime.combine(scenario.start, dt.time(), tzinfo=dt.UTC)
        self.start_ms = int(midnight.timestamp() * 1000)
        self.end_ms = self.start_ms + int(scenario.days * DAY_MS)
        incidents = draw_incidents(
            generator(seed, "incidents"), self.start_ms, self.end_ms, scenario.incidents_per_week
        )
        launches = tuple(
            (self.start_ms + int(launch.day * DAY_MS), MODEL_NAMES.index(launch.model)) for launch in scenario.launches
        )
        self.surroundings = Surroundings(self.start_ms, self.end_ms, launches, incidents, scenario.variety)
        self._accounts: Accounts | None = None
        self._parts: list[_Part] = []
        self._everyone: list[Accounts] = []
        self._populate()

    @property
    def account_count(self) -> int:
        """How many accounts there are, whether they send anything or not."""
        return sum(part.size for part in self._parts)

    def expected_events(self) -> int:
        """About how many events there will be; for progress bars."""
        return int(sum(part.actor.requests_expected() for part in self._parts))

    def truth(self) -> Iterator[dict[str, str]]:
        """One record per account: whose it is."""
        first = 0
        for part in self._parts:
            if self._accounts is not None:
                for key in self._accounts.key[first : first + part.size].tolist():
                    yield {"account_id": account_id(key), "actor": part.name}
            first += part.size

    def events(self) -> Iterator[list[bytes]]:
        """All events in time order, as lists of JSON objects (bytes, without line ends). Can be run once."""
        if self._accounts is None:
            return
        encoder = Encoder(self._accounts, ABSENT[self.scenario.fields])
        told = 0
        for requests in self._slices():
            for first in range(0, len(requests), _CHUNK):
                chunk = requests[first : first + _CHUNK]
                numbers = mix(self._seed, 99, np.arange(told, told + len(chunk)))
                told += len(chunk)
                yield encoder.lines(chunk, numbers.tolist())

    def _slices(self) -> Iterator[Requests]:
        hours = self._slice_hours()
        pending = nothing()
        for begins in range(self.start_ms, self.end_ms, hours * HOUR_MS):
            drawn = [part.actor.requests(part.rng, begins, hours) for part in self._parts]
            every = by_time(np.concatenate([pending, *drawn]))
            done = int(np.searchsorted(every["time_ms"], min(begins + hours * HOUR_MS, self.end_ms)))
            yield every[:done]
            pending = every[done:].copy()

    def _slice_hours(self) -> int:
        per_hour = sum(part.actor.requests_per_day() for part in self._parts) / 24
        fitting = [hours for hours in _HOURS if hours * per_hour <= _PER_SLICE]
        return fitting[-1] if fitting else 1

    def _populate(self) -> None:
        for name, wanted in self.scenario.honest.items():
            if wanted.accounts:
                self._settle(name, wanted)
        for campaign in self.scenario.campaigns:
            self._recruit(campaign)
        if self._everyone:
            self._accounts = join(self._everyone)
            self._everyone.clear()

    def _settle(self, name: ClassName, wanted: HonestClass) -> None:
        """Add an honest class."""
        number = salt(self._seed, "honest", name)
        accounts, traits = found_class(CLASSES[name], name, wanted, number, self.surroundings)
        changed_ms = revision_ms(traits, wanted, number, self.surroundings)
        actor: Actor
        if changed_ms is None:
            actor = Crowd(accounts, traits, number, self.account_count, self.surroundings)
        else:
            actor = Phases(accounts, traits, number, self.account_count, self.surroundings, changed_ms=changed_ms)
        self._add(f"benign:{name}", actor, generator(self._seed, "honest", name), accounts)

    def _recruit(self, campaign: Campaign) -> None:
        """Add a campaign, and who is near its accounts by accident."""
        number = salt(self._seed, "campaign", campaign.name)
        accounts = found_campaign(campaign, number, self.surroundings)
        operator = Operator(campaign, accounts, number, self.account_count, self.surroundings)
        self._add(f"campaign:{campaign.name}", operator, generator(self._seed, "campaign", campaign.name), accounts)
        if not campaign.bystanders:
            return
        number = salt(self._seed, "bystanders", campaign.name)
        wanted = HonestClass(accounts=campaign.bystanders)
        strangers, traits = found_class(CLASSES["individual"], "individual", wanted, number, self.surroundings)
        strangers = found_bystanders(accounts, strangers)
        crowd = Crowd(strangers, traits, number, self.account_count, self.surroundings)
        self._add("benign:bystander", crowd, generator(self._seed, "bystanders", campaign.name), strangers)

    def _add(self, name: str, actor: Actor, rng: np.random.Generator, accounts: Accounts) -> None:
        self._parts.append(_Part(name, actor, rng, len(accounts)))
        self._everyone.append(accounts)
