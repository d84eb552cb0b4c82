"""From a class of a scenario to its accounts: groups, and when each group is there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from streamer.simulation.identity import DAY_MS, IS_HOME, IS_MOBILE, Membership, found_accounts
from streamer.simulation.randomness import mix, uniform
from streamer.simulation.rhythm import HOUR_MS

if TYPE_CHECKING:
    from streamer.simulation.identity import Accounts
    from streamer.simulation.randomness import Integers
    from streamer.simulation.scenario import HonestClass
    from streamer.simulation.surroundings import Surroundings
    from streamer.simulation.traits import HonestTraits

# Share of homes whose operator gives them a new address each night.
_NIGHTLY: Final = 0.35
_ADDRESS_ATTRIBUTES: Final = frozenset({"block", "shared"})


def found_class(
    traits: HonestTraits, name: str, wanted: HonestClass, salt: int, surroundings: Surroundings
) -> tuple[Accounts, HonestTraits]:
    """Set up the accounts of an honest class; the traits come back with what the scenario overrides."""
    identity = traits.identity
    if wanted.second_place is not None:
        identity = replace(identity, second_place=wanted.second_place)
    traits = replace(
        traits,
        identity=identity,
        requests_per_day=wanted.requests_per_account_per_day or traits.requests_per_day,
        requests_sigma=traits.requests_sigma if wanted.requests_sigma is None else wanted.requests_sigma,
        group_size=wanted.group_size or traits.group_size,
        group_days=wanted.days or traits.group_days,
    )
    count = wanted.accounts
    group = _groups(count, traits.group_size, salt)
    shared = dict.fromkeys(identity.shared, group)
    if identity.address in _ADDRESS_ATTRIBUTES and traits.group_size > 1:
        shared["address"] = group
        shared["network"] = group
    begins = _begins(traits, name, wanted, group, salt, surroundings)
    if traits.stagger_days:
        begins += (-np.log(uniform(mix(salt, 63, np.arange(count)))) * traits.stagger_days * DAY_MS).astype(np.int64)
    lasts = (traits.group_days or 1000.0) * DAY_MS
    ends = np.minimum(begins + int(lasts), surroundings.end_ms)
    begins = np.minimum(begins, ends)
    if traits.relieved:
        _relieve(begins, ends, group, salt, surroundings)
    world = (surroundings.start_ms, surroundings.end_ms)
    accounts = found_accounts(identity, Membership(salt, group, shared), begins, ends, world)
    if surroundings.variety:
        _renew_addresses(accounts, salt)
    return accounts, traits


def _renew_addresses(accounts: Accounts, salt: int) -> None:
    """Let phones' addresses change with every walk, and those of some homes every night, unless tied to a block."""
    drawn = uniform(mix(salt, 65, np.arange(len(accounts))))
    lasting = accounts.lease_ms > DAY_MS
    nightly = IS_HOME[accounts.network[:, 0]] & lasting & (drawn < _NIGHTLY)
    accounts.lease_ms[nightly] = DAY_MS
    phones = IS_MOBILE[accounts.network[:, 0]] & lasting
    accounts.lease_ms[phones] = DAY_MS // 6
    accounts.roaming[phones] = 1


def revision_ms(traits: HonestTraits, wanted: HonestClass, salt: int, surroundings: Surroundings) -> int | None:
    """When a class changes what it asks; on some day between a third and three quarters of the world."""
    if traits.revised is None:
        return None
    days = (surroundings.end_ms - surroundings.start_ms) / DAY_MS
    drawn = days * (0.33 + 0.42 * float(uniform(mix(salt, 64))[0]))
    return surroundings.start_ms + int((drawn if wanted.start_day is None else wanted.start_day) * DAY_MS)


def _relieve(begins: Integers, ends: Integers, group: Integers, salt: int, surroundings: Surroundings) -> None:
    """Let each second account of a group stop at some moment of its own, and the others start within the hour."""
    days = (surroundings.end_ms - surroundings.start_ms) / DAY_MS
    drawn = 0.25 + 0.6 * uniform(mix(salt, 66, group))
    moment = surroundings.start_ms + (drawn * days * DAY_MS).astype(np.int64)
    fresh = np.arange(len(group)) % 2 == 1
    pause_ms = (uniform(mix(salt, 67, group)) * HOUR_MS / 2).astype(np.int64)
    begins[fresh] = (moment + pause_ms)[fresh]
    ends[~fresh] = moment[~fresh]


def _groups(count: int, size: int, salt: int) -> Integers:
    """Group of each account; groups are between half and one and a half times the usual size."""
    if size == 1:
        return np.arange(count)
    sizes = np.maximum(2, (size * (0.5 + uniform(mix(salt, 61, np.arange(2 * count // size + 2))))).astype(np.int64))
    return np.repeat(np.arange(len(sizes)), sizes)[:count]


def _begins(
    traits: HonestTraits,
    name: str,
    wanted: HonestClass,
    group: Integers,
    salt: int,
    surroundings: Surroundings,
) -> Integers:
    if wanted.start_day is not None and traits.revised is None:
        return np.full(len(group), surroundings.start_ms + int(wanted.start_day * DAY_MS))
    if name == "launch_day" and surroundings.launches:
        return np.full(len(group), surroundings.launches[0][0])
    sudden = traits.identity.signup_spread_days is not None and not traits.identity.signup_lead_days
    if not (sudden or traits.event):
        return np.full(len(group), surroundings.start_ms)
    # Events of a few days fall anywhere, in the morning unless the class says otherwise.
    days = (surroundings.end_ms - surroundings.start_ms) / DAY_MS
    day = np.floor(uniform(mix(salt, 62, group)) * max(days - 1, 1))
    return surroundings.start_ms + ((day + traits.event_hour / 24) * DAY_MS).astype(np.int64)
