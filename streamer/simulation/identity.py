"""Who the accounts are: one column per attribute, so that a million of them fit in memory."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

import numpy as np

from streamer.simulation.catalogue import LANGUAGES, MAIL_DOMAINS, NETWORK_KINDS, NETWORKS, PLACES, PLANS, STACKS
from streamer.simulation.randomness import Integers, Reals, Words, mix, pick, uniform

if TYPE_CHECKING:
    from streamer.simulation.traits import Identity

DAY_MS: Final = 86_400_000
_NETWORK_COUNTRY: Final = np.array([network.country for network in NETWORKS])
_NETWORK_KIND: Final = np.array([network.kind for network in NETWORKS])
IS_HOME: Final = _NETWORK_KIND == "home"
IS_MOBILE: Final = _NETWORK_KIND == "mobile"
_NETWORK_WEIGHT: Final = np.array([network.weight for network in NETWORKS])
_STACK_KIND: Final = np.array([stack.kind for stack in STACKS])
_STACK_WEIGHT: Final = np.array([stack.weight for stack in STACKS])
_DISPOSABLE: Final = 3


@dataclass
class Accounts:
    """Columns of accounts. Zero in a hash column, or -1 in `mail`, means that there is none (of the public ones).

    `network`, `stack`, `device`, `block` and `host` have two columns: the usual place and a second one.
    """

    key: Words
    api_key: Words
    created_ms: Integers
    start_ms: Integers
    end_ms: Integers
    group: Integers
    plan: Integers
    mail: Integers
    mail_own: Words
    organization: Words
    payment: Words
    language: Integers
    east_h: Reals
    second_share: Reals
    lease_ms: Integers
    roaming: Integers
    network: Integers
    stack: Integers
    device: Words
    block: Words
    host: Words

    def __len__(self) -> int:
        return len(self.key)


def join(parts: list[Accounts]) -> Accounts:
    """All accounts of a world behind one another."""
    return Accounts(**{c.name: np.concatenate([getattr(part, c.name) for part in parts]) for c in fields(Accounts)})


@dataclass(frozen=True)
class Membership:
    """Which accounts have what in common: per attribute an id per account; equal ids share one value."""

    salt: int
    group: Integers
    shared: dict[str, Integers]

    def draw(self, attribute: str) -> Words:
        """Random words, equal for accounts that share the attribute."""
        ids = self.shared.get(attribute)
        number = sum(ord(letter) << (5 * at) for at, letter in enumerate(attribute))
        if ids is None:
            return mix(self.salt, number, 0, np.arange(len(self.group)))
        return mix(self.salt, number, 1, ids)


def found_accounts(
    traits: Identity, members: Membership, begins_ms: Integers, ends_ms: Integers, world_ms: tuple[int, int]
) -> Accounts:
    """Set up accounts that are active from `begins_ms` (or their creation, if later) to `ends_ms`."""
    count = len(members.group)
    created = _creation(traits, members, begins_ms, world_ms)
    network, country = _networks(traits, members)
    stack = _stacks(traits, members)
    plan = pick([traits.plans.get(name, 0.0) for name in PLANS], uniform(members.draw("plan")))
    mail, mail_own = _mail(traits, members)
    east, language = _places(_homes(traits, members, country), members)
    second = uniform(members.draw("second"))
    place_two = mix(members.salt, 77, np.arange(count))
    pays = (plan != PLANS.index("free")) | ("payment" in members.shared)
    organized = ("organization" in members.shared) | (plan == PLANS.index("enterprise")) | (second < 0.1)  # noqa: PLR2004
    has_device = np.isin(_STACK_KIND[stack], ("web", "mobile", "tool"))
    devices = np.stack([members.draw("device"), mix(place_two, 5)], axis=1)
    return Accounts(
        key=mix(members.salt, 1, np.arange(count)),
        api_key=mix(members.salt, 2, np.arange(count)),
        created_ms=created,
        start_ms=np.maximum(begins_ms, created + 120_000),
        end_ms=ends_ms,
        group=members.group,
        plan=plan,
        mail=mail,
        mail_own=mail_own,
        organization=np.where(organized, members.draw("organization"), np.uint64(0)),
        payment=np.where(pays, members.draw("payment"), np.uint64(0)),
        language=language,
        east_h=east,
        second_share=np.where(second < traits.second_place, 0.05 + 0.6 * second, 0.0),
        lease_ms=_leases(traits, members),
        roaming=np.full(count, int(traits.roaming)),
        network=network,
        stack=stack,
        device=np.where(has_device, devices, np.uint64(0)),
        block=np.stack([_block(traits, members), mix(place_two, 2)], axis=1),
        host=np.stack([_host(traits, members), mix(place_two, 3)], axis=1),
    )


def _creation(traits: Identity, members: Membership, begins_ms: Integers, world_ms: tuple[int, int]) -> Integers:
    age = uniform(members.draw("age"))
    joined = begins_ms - (0.1 * DAY_MS * uniform(members.draw("joined"))).astype(np.int64)
    just_joined = uniform(members.draw("just joined")) < traits.just_joined
    if traits.signup_spread_days is not None:
        ahead = 1.0 if traits.signup_lead_days else 0.0
        return begins_ms + (
            (age - ahead) * traits.signup_spread_days * DAY_MS - traits.signup_lead_days * DAY_MS
        ).astype(np.int64)
    old = world_ms[0] - (-np.log(age) * traits.age_days * DAY_MS).astype(np.int64)
    new = world_ms[0] + (age * (world_ms[1] - world_ms[0])).astype(np.int64)
    return np.where(just_joined, joined, np.where(uniform(members.draw("newcomer")) < traits.newcomers, new, old))


def _networks(traits: Identity, members: Membership) -> tuple[Integers, np.ndarray[tuple[int], np.dtype[np.str_]]]:
    weights = np.zeros(len(NETWORKS))
    for kind in NETWORK_KINDS:
        of_kind = (kind == _NETWORK_KIND) & (np.isin(_NETWORK_COUNTRY, traits.countries) if traits.countries else True)
        total = _NETWORK_WEIGHT[of_kind].sum()
        if total:
            weights[of_kind] = _NETWORK_WEIGHT[of_kind] / total * traits.networks.get(kind, 0.0)
    first = pick(weights, uniform(members.draw("network")))
    country = _NETWORK_COUNTRY[first]
    second = first.copy()
    draws = uniform(mix(members.salt, 78, np.arange(len(first))))
    for name in np.unique(country):
        local = np.flatnonzero((name == _NETWORK_COUNTRY) & np.isin(_NETWORK_KIND, ("home", "mobile")))
        if len(local):
            here = country == name
            second[here] = local[pick(_NETWORK_WEIGHT[local], draws[here])]
    return np.stack([first, second], axis=1), country


def _stacks(traits: Identity, members: Membership) -> Integers:
    weights = _STACK_WEIGHT * np.array([traits.stacks.get(kind, 0.0) for kind in _STACK_KIND])
    first = pick(weights, uniform(members.draw("stack")))
    draws = uniform(mix(members.salt, 79, np.arange(len(first))))
    away = pick(_STACK_WEIGHT * (_STACK_KIND == "mobile"), draws)
    # Who works with a web page has a phone as well; a program runs in two places with one stack.
    return np.stack([first, np.where(_STACK_KIND[first] == "web", away, first)], axis=1)


def _mail(traits: Identity, members: Membership) -> tuple[Integers, Words]:
    weights = np.array([weight for _, weight in MAIL_DOMAINS])
    weights[-_DISPOSABLE:] *= traits.disposable_mail
    public = pick(weights, uniform(members.draw("public mail")))
    own = members.draw("mail")
    grouped = "mail" in members.shared
    is_own = np.full(len(public), fill_value=True) if grouped else uniform(mix(own, 9)) < traits.own_mail_domain
    return np.where(is_own, -1, public), own


def _homes(
    traits: Identity, members: Membership, country: np.ndarray[tuple[int], np.dtype[np.str_]]
) -> np.ndarray[tuple[int], np.dtype[np.str_]]:
    """Countries whose clock and language people live by."""
    if not traits.anywhere:
        return country
    homes = pick(_NETWORK_WEIGHT * (_NETWORK_KIND == "home"), uniform(members.draw("home")))
    return _NETWORK_COUNTRY[homes]


def _places(country: np.ndarray[tuple[int], np.dtype[np.str_]], members: Membership) -> tuple[Reals, Integers]:
    east = np.zeros(len(country))
    language = np.zeros(len(country), dtype=np.int64)
    for name, (hours, first_language) in PLACES.items():
        east[country == name] = hours
        language[country == name] = LANGUAGES.index(first_language)
    migrant = pick(
        [6, 2, 1, 1, 1, 0.5, 0.4, 0.4, 1, 0.6, 0.6, 0.5, 0.5, 1.5, 1.2, 1, 0.8], uniform(members.draw("migrant"))
    )
    return east, np.where(uniform(members.draw("language")) < 0.2, migrant, language)  # noqa: PLR2004


def _leases(traits: Identity, members: Membership) -> Integers:
    spread = np.exp(0.7 * (uniform(members.draw("lease")) - 0.5)) if traits.address == "own" else 1.0
    return np.broadcast_to(np.maximum(60_000, traits.lease_days * DAY_MS * spread), members.group.shape).astype(
        np.int64
    )


def _block(traits: Identity, members: Membership) -> Words:
    return members.draw("own block" if traits.address == "own" else "address")


def _host(traits: Identity, members: Membership) -> Words:
    return mix(members.draw("address"), 4) if traits.address == "shared" else members.draw("host")
