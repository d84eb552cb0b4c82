"""Who the accounts of a window say they are: plan, organization, models, what they may share, what they asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from streamer.detection.account_learning import Origins
from streamer.detection.evidence import PROMPT, USE
from streamer.detection.identity_facts import NO_LINK, Facts
from streamer.detection.links import Link
from streamer.detection.names import KINDS
from streamer.detection.open_window import BY_SHAPE, NO_PROMPT, Columns, Ints
from streamer.detection.profile import Rows
from streamer.detection.segments import Segments

MAX_PROMPTS = 256
MAX_IDENTITIES = 32
_NEVER_MS = np.iinfo(np.int64).max


class Who(NamedTuple):
    """What is known of each account of a window, side by side, and who uses which of the `links`.

    `place` has the keys of a device, an address and a card, 0 where there is none: shape (accounts, 3). `model` says
    which of the tuples in `models` an account used.
    """

    stratum: Ints
    organization: Ints
    place: Ints
    created_ms: Ints
    links: list[Link]
    uses: Rows
    origins: Origins
    model: Ints
    models: list[tuple[str, ...]]


class Identities:
    """Puts together what the identities of each account say."""

    def __init__(self, strata: Sequence[str], disabled_kinds: Sequence[str] = ()) -> None:
        self._facts = Facts(strata, disabled_kinds)

    def of(self, seen: Columns) -> Who:
        """Put together what the requests of each account say; where they differ, the same is taken in any order."""
        facts = self._facts
        facts.read(seen.identities)
        count = len(seen.identities)
        owner, said = np.divmod(each_once(seen.account.astype(np.int64) * count + seen.identity), count)
        sizes = np.bincount(owner)
        starts = np.cumsum(sizes) - sizes
        created = facts["created_ms"][said]
        earliest = np.minimum.reduceat(np.where(created > 0, created, _NEVER_MS), starts)
        # A plan that is named goes before one that is not.
        stratum = facts["stratum"][said]
        plan = np.maximum.reduceat(np.where(stratum == facts.other_stratum, 0, stratum), starts)
        address = facts["address"][said]
        places = (facts["device"][said], address, facts["payment"][said])
        model, models = self._models(said, starts, sizes)
        links, uses = self._uses(owner, said, starts, sizes)
        return Who(
            np.where(plan == 0, facts.other_stratum, plan),
            np.maximum.reduceat(facts["organization"][said], starts),
            np.stack([np.maximum.reduceat(place, starts) for place in places], axis=1),
            np.where(earliest == _NEVER_MS, 0, earliest),
            links,
            uses,
            _origins(owner, address, facts),
            model,
            models,
        )

    def _uses(self, owner: Ints, said: Ints, starts: Ints, sizes: Ints) -> tuple[list[Link], Rows]:
        """Give who is on which link, each once, and the links; of many identities some are enough."""
        facts = self._facts
        if sizes.max() > MAX_IDENTITIES:
            by_order = np.lexsort((facts.order(said), owner))
            owner, said = owner[by_order], said[by_order]
            kept = np.arange(len(owner)) - starts[owner] < MAX_IDENTITIES
            owner, said = owner[kept], said[kept]
        numbers = facts["links"].take(said, axis=0).ravel()
        known = np.flatnonzero(numbers != NO_LINK)
        numbers, owner = numbers[known], owner[known // len(KINDS)]
        used, place = distinct(numbers, len(facts.links))
        pairs = each_once(owner * max(1, len(used)) + place)
        uses = np.empty(len(pairs), dtype=USE)
        uses["owner"], uses["link"] = np.divmod(pairs, max(1, len(used)))
        return list(map(facts.links.__getitem__, used.tolist())), uses

    def _models(self, said: Ints, starts: Ints, sizes: Ints) -> tuple[Ints, list[tuple[str, ...]]]:
        """Give the distinct models of each account, in order: places in a list of tuples, and that list."""
        facts = self._facts
        used, model = distinct(facts.ranks[facts["model"][said]], len(facts.names))
        names = [facts.names[rank] for rank in used.tolist()]
        lowest, highest = np.minimum.reduceat(model, starts), np.maximum.reduceat(model, starts)
        found = lowest
        told: list[tuple[str, ...]] = [(name,) for name in names]
        number = {names: at for at, names in enumerate(told)}
        for at in np.flatnonzero(lowest != highest).tolist():
            several = tuple(names[place] for place in sorted(set(model[starts[at] : starts[at] + sizes[at]].tolist())))
            found[at] = number.setdefault(several, len(told))
            if found[at] == len(told):
                told.append(several)
        return found, told


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


def distinct(numbers: Ints, count: int) -> tuple[Ints, Ints]:
    """Give the different ones of some numbers below `count`, in order, and the place of each number among them.

    >>> [found.tolist() for found in distinct(np.array([5, 2, 5]), 9)]
    [[2, 5], [1, 0, 1]]
    """
    there = np.zeros(count, dtype=np.bool_)
    there[numbers] = True
    used = np.flatnonzero(there)
    places = np.empty(count, dtype=np.int64)
    places[used] = np.arange(len(used))
    return used, places[numbers]


def _origins(owner: Ints, address: Ints, facts: Facts) -> Origins:
    told = np.flatnonzero(address)
    owner, address = owner[told], address[told]
    by_address = np.lexsort((address, owner))
    owner, address = owner[by_address], address[by_address]
    fresh = np.ones(len(owner), dtype=np.bool_)
    fresh[1:] = (owner[1:] != owner[:-1]) | (address[1:] != address[:-1])
    return Origins(owner[fresh], address[fresh], facts["system"], facts["model_code"])


def prompts_of(seen: Columns, cut: Segments, start_ms: int) -> Rows:
    """Give the prompts of each account, each once: when it was first sent and when it was first refused."""
    asked = np.flatnonzero(seen.prompt_kind != NO_PROMPT)
    owner = seen.account[asked]
    value, refused = seen.prompt[asked], seen.refused[asked].astype(np.bool_)
    offset = (seen.time_ms[asked] - start_ms).astype(np.int64)
    order = np.lexsort((value, owner))  # which keeps the order by time
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
    if cut.counts.max() <= MAX_PROMPTS:
        return prompts
    first_of_owner = np.searchsorted(prompts["owner"], prompts["owner"])
    return prompts.compress(np.arange(len(prompts)) - first_of_owner < MAX_PROMPTS)


def refused_in(prompts: Rows) -> tuple[int, int]:
    """Count the refused prompts with a hash, and those known by their shape only."""
    refused = prompts["refused_ms"] >= 0
    by_shape = int((refused & (prompts["kind"] == BY_SHAPE)).sum())
    return int(refused.sum()) - by_shape, by_shape
