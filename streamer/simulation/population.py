"""From a class of a scenario to its accounts: groups, and when each group is there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from streamer.simulation.identity import DAY_MS, Membership, found_accounts
from streamer.simulation.randomness import mix, uniform

if TYPE_CHECKING:
    from streamer.simulation.identity import Accounts
    from streamer.simulation.scenario import HonestClass
    from streamer.simulation.surroundings import Surroundings
    from streamer.simulation.traits import HonestTraits

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
    lasts = (traits.group_days or 1000.0) * DAY_MS
    ends = np.minimum(begins + int(lasts), surroundings.end_ms)
    world = (surroundings.start_ms, surroundings.end_ms)
    return found_accounts(identity, Membership(salt, group, shared), begins, ends, world), traits


def _groups(count: int, size: int, salt: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Group of each account; groups are between half and one and a half times the usual size."""
    if size == 1:
        return np.arange(count)
    sizes = np.maximum(2, (size * (0.5 + uniform(mix(salt, 61, np.arange(2 * count // size + 2))))).astype(np.int64))
    return np.repeat(np.arange(len(sizes)), sizes)[:count]


def _begins(
    traits: HonestTraits,
    name: str,
    wanted: HonestClass,
    group: np.ndarray[tuple[int], np.dtype[np.int64]],
    salt: int,
    surroundings: Surroundings,
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    if wanted.start_day is not None:
        return np.full(len(group), surroundings.start_ms + int(wanted.start_day * DAY_MS))
    if name == "launch_day" and surroundings.launches:
        return np.full(len(group), surroundings.launches[0][0])
    if traits.identity.signup_spread_days is None or traits.identity.signup_lead_days:
        return np.full(len(group), surroundings.start_ms)
    # Events of a few days fall anywhere, in the morning.
    days = (surroundings.end_ms - surroundings.start_ms) / DAY_MS
    day = np.floor(uniform(mix(salt, 62, group)) * max(days - 1, 1))
    return surroundings.start_ms + ((day + 0.3) * DAY_MS).astype(np.int64)
