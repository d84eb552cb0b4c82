"""Who the accounts of a window say they are: plan, organization, models, what they may share, what they asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from streamer.detection.account_learning import Origins, Segments
from streamer.detection.evidence import PROMPT, USE
from streamer.detection.links import KINDS, Identity, Link, links_of, stable_key
from streamer.detection.open_window import BY_SHAPE, NO_PROMPT, Columns, Ints
from streamer.detection.profile import Rows

MAX_PROMPTS = 256
MAX_IDENTITIES = 32
CACHE = 16_384
ADDRESS = 1


# What one identity says; `links` are numbers, NO_LINK where there are fewer.
FACTS = np.dtype(
    [
        ("order", "<u8"),
        ("stratum", "<i8"),
        ("organization", "<u8"),
        ("created_ms", "<i8"),
        ("place", "<u8", (3,)),
        ("prompted", "?"),
        ("links", "<i4", (len(KINDS),)),
    ]
)
NO_LINK = -1
_FIRST_SIZE = 1024


class Who(NamedTuple):
    """What is known of each account of a window, side by side, and who uses which of the `links`.

    `place` has the keys of a device, an address and a card, 0 where there is none: shape (accounts, 3).
    """

    stratum: Ints
    organization: Ints
    place: Ints
    created_ms: Ints
    links: list[Link]
    uses: Rows
    origins: Origins


class Identities:
    """Reads identities; remembers those seen lately, for nearly all come again."""

    def __init__(self, strata: Sequence[str], disabled_kinds: Sequence[str] = ()) -> None:
        self._strata = {name: number for number, name in enumerate(strata, 1)}
        self._other = len(strata) + 1
        self._disabled = frozenset(disabled_kinds)
        self._known: dict[tuple[Any, ...], int] = {}
        self._facts: Rows = np.zeros(_FIRST_SIZE, dtype=FACTS)
        self._links: list[Link] = []
        self._numbers: dict[int, int] = {}

    def _learn(self, said: tuple[Any, ...]) -> int:
        """Read an identity; give where what it says is kept."""
        identity = Identity._make(said[:-1])
        links = [self._number(link) for link in links_of(identity, self._disabled)]
        at = self._known[said] = len(self._known)
        if at == len(self._facts):
            self._facts = np.concatenate((self._facts, np.zeros_like(self._facts)))
        self._facts[at] = (
            stable_key("identity", repr(said)),
            self._other if identity.plan is None else self._strata.get(identity.plan, self._other),
            stable_key("organization", identity.organization_id) if identity.organization_id else 0,
            identity.account_created_ms or 0,
            (
                stable_key("device", identity.device_id) if identity.device_id else 0,
                stable_key("address", identity.client_ip) if identity.client_ip else 0,
                stable_key("payment", identity.payment_fingerprint) if identity.payment_fingerprint else 0,
            ),
            bool(identity.system_prompt_hash),
            (*links, *[NO_LINK] * (len(KINDS) - len(links))),
        )
        return at

    def _forget(self) -> None:
        self._known, self._links, self._numbers = {}, [], {}
        self._facts = np.zeros(_FIRST_SIZE, dtype=FACTS)

    def _number(self, link: Link) -> int:
        number = self._numbers.setdefault(link.key, len(self._links))
        if number == len(self._links):
            self._links.append(link)
        return number

    def of(self, seen: Columns, cut: Segments) -> Who:
        """Put together what the requests of each account say; where they differ, the same is taken in any order."""
        known = list(map(self._known.get, seen.identities))
        at = [self._learn(seen.identities[n]) if number is None else number for n, number in enumerate(known)]
        facts = self._facts[at]
        order = facts["order"]
        places = np.empty(len(seen.account_ids), dtype=np.int64)
        places[cut.accounts] = np.arange(len(cut.accounts))
        pairs = each_once(places[seen.account] * len(facts) + seen.identity)
        owner, said = pairs // len(facts), pairs % len(facts)
        by_order = np.lexsort((order[said], owner))
        owner, said = owner[by_order], said[by_order]
        starts = np.searchsorted(owner, np.arange(len(cut.accounts)))
        stratum, organization, created, place = (
            facts[name][said] for name in ("stratum", "organization", "created_ms", "place")
        )
        created = np.where(created > 0, created, np.iinfo(np.int64).max)
        earliest = np.minimum.reduceat(created, starts)
        # A plan that is named goes before one that is not.
        plan = np.maximum.reduceat(np.where(stratum == self._other, 0, stratum), starts)
        kept = np.arange(len(owner)) - starts[owner] < MAX_IDENTITIES
        links, uses = self._uses(owner[kept], facts["links"][said[kept]])
        if len(self._known) > CACHE:
            self._forget()
        return Who(
            np.where(plan == 0, self._other, plan),
            np.maximum.reduceat(organization, starts),
            np.maximum.reduceat(place, starts, axis=0),
            np.where(earliest == np.iinfo(np.int64).max, 0, earliest),
            links,
            uses,
            _origins(owner, place[:, ADDRESS], facts),
        )

    def _uses(self, owner: Ints, links: Ints) -> tuple[list[Link], Rows]:
        """Give who is on which link, each once, and the links."""
        row, column = np.nonzero(links != NO_LINK)
        used, place = np.unique(links[row, column], return_inverse=True)
        pairs = each_once(owner[row] * max(1, len(used)) + place)
        uses = np.empty(len(pairs), dtype=USE)
        uses["owner"], uses["link"] = np.divmod(pairs, max(1, len(used)))
        return list(map(self._links.__getitem__, used.tolist())), uses


def each_once(values: Ints) -> Ints:
    """Give values in order, each once: by sorting, which for few takes a tenth of the time of `np.unique`.

    >>> each_once(np.array([3, 1, 3])).tolist()
    [1, 3]
    """
    ordered = np.sort(values)
    fresh = np.ones(len(ordered), dtype=np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=fresh[1:])
    found: Ints = ordered[fresh]
    return found


def _origins(owner: Ints, address: Ints, facts: Rows) -> Origins:
    told = np.flatnonzero(address)
    by_address = told[np.lexsort((address[told], owner[told]))]
    owner, address = owner[by_address], address[by_address]
    fresh = np.ones(len(owner), dtype=np.bool_)
    fresh[1:] = (owner[1:] != owner[:-1]) | (address[1:] != address[:-1])
    return Origins(owner[fresh], address[fresh], facts["prompted"].astype(np.int64))


def models_of(seen: Columns, cut: Segments) -> tuple[Ints, list[tuple[str, ...]]]:
    """Give the distinct models of each account, in order: places in a list of tuples, and that list."""
    names = sorted({said[-1] for said in seen.identities})
    places = {name: at for at, name in enumerate(names)}
    model = np.array([places[said[-1]] for said in seen.identities], dtype=np.int64)[seen.identity]
    lowest, highest = np.minimum.reduceat(model, cut.starts), np.maximum.reduceat(model, cut.starts)
    found = lowest
    told: list[tuple[str, ...]] = [(name,) for name in names]
    number = {names: at for at, names in enumerate(told)}
    for at in np.flatnonzero(lowest != highest).tolist():
        used = sorted(set(model[cut.starts[at] : cut.starts[at] + cut.counts[at]].tolist()))
        several = tuple(names[place] for place in used)
        found[at] = number.setdefault(several, len(told))
        if found[at] == len(told):
            told.append(several)
    return found, told


def prompts_of(seen: Columns, cut: Segments, start_ms: int) -> Rows:
    """Give the prompts of each account, each once: when it was first sent and when it was first refused."""
    asked = np.flatnonzero(seen.prompt_kind != NO_PROMPT)
    owner = np.repeat(np.arange(len(cut.starts)), cut.counts)[asked]
    value, refused = seen.prompt[asked], seen.refused[asked].astype(np.bool_)
    offset = (seen.time_ms[asked] - start_ms).astype(np.int64)
    order = np.lexsort((offset, value, owner))
    owner, value, refused, offset = owner[order], value[order], refused[order], offset[order]
    begins = np.concatenate(([True], (owner[1:] != owner[:-1]) | (value[1:] != value[:-1])))[: len(owner)]
    starts = np.flatnonzero(begins)
    prompts = np.zeros(len(starts), dtype=PROMPT)
    if not len(starts):
        return prompts
    never = np.iinfo(np.int32).max
    earliest = np.minimum.reduceat(np.where(refused, offset, never), starts)
    prompts["value"], prompts["owner"], prompts["first_ms"] = value[starts], owner[starts], offset[starts]
    prompts["refused_ms"] = np.where(earliest == never, -1, earliest)
    prompts["kind"] = seen.prompt_kind[asked][order][starts]
    first_of_owner = np.searchsorted(prompts["owner"], prompts["owner"])
    kept: Rows = prompts[np.arange(len(prompts)) - first_of_owner < MAX_PROMPTS]
    return kept


def refused_in(prompts: Rows) -> tuple[int, int]:
    """Count the refused prompts with a hash, and those known by their shape only."""
    refused = prompts["refused_ms"] >= 0
    by_shape = int((refused & (prompts["kind"] == BY_SHAPE)).sum())
    return int(refused.sum()) - by_shape, by_shape
