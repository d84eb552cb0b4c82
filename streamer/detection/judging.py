"""What a group that was looked at is: what does not belong to it is left out, and the rest is judged."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from streamer.detection.bonds import PASSER_SUPPORT
from streamer.detection.circumstances import Circumstances
from streamer.detection.cluster import Suspect
from streamer.detection.crowding import Crowding
from streamer.detection.group import CELL, enough, judge, typicality
from streamer.detection.links import Link
from streamer.detection.naming import Naming
from streamer.detection.opinion import Opinion
from streamer.detection.settings import GroupSettings
from streamer.detection.union import Grower, Union

HANDED = "hand_off"
# An account is in doubt beyond twice the distance within which one is named: naming should not swing.
FAR = -1.0
# Of what seeds have brought into a union, a part with a smaller share of them is of another subject, if it looks so.
MIN_SEEDS = 0.25
# Those who passed requests on to different others are in one seed without anything that joins them.
MIN_SEEDS_OF_POOL = 0.34


class Seed(NamedTuple):
    """Where a union begins; what is `urgent` waits for no rest; `is_whole` if its cluster is in it.

    It `is_pool` if it is of those who passed requests on, not all to one another.
    """

    name: str
    keys: frozenset[int]
    links: tuple[Link, ...]
    log10_p: float
    urgent: bool
    is_whole: bool = False
    is_pool: bool = False


class Judging:
    """Makes suspects of unions, and of crowds that only behaviour formed."""

    def __init__(self, settings: GroupSettings, opinion: Opinion, naming: Naming, circumstances: Circumstances) -> None:
        self._group = settings
        self._opinion = opinion
        self._naming = naming
        self._circumstances = circumstances

    def of_union(self, seed: Seed, union: Union, grower: Grower, window: int) -> Suspect | None:
        """Judge what grew from a seed, but for strays and accounts of another kind."""
        union = self._without_strays(seed, union, grower, window)
        return self._judge(seed, self._of_one_kind(seed, union, grower, window), window)

    def of_crowds(self, crowds: Iterable[Crowding], grower: Grower, window: int) -> list[Suspect]:
        """Judge accounts that share nothing but how they behave."""
        judged = (self._judge_crowd(crowd, grower.gather(crowd.keys), window) for crowd in crowds)
        return [suspect for suspect in judged if suspect is not None]

    def _judge_crowd(self, crowd: Crowding, union: Union, window: int) -> Suspect | None:
        others = [crowd.evidence, *self._circumstances.evidence(union, window)]
        found = judge(union.table, union.passing, (CELL,), self._group, self._opinion.weight, others)
        if found is None:
            return None
        keys = union.table.rows["key"].tolist()
        fit = zip(keys, typicality(union.table).tolist(), strict=True)
        candidates = {key: round(score, 4) for key, score in fit if score > 0}
        if len(candidates) < self._group.min_accounts:
            return None
        return Suspect(
            "cluster",
            f"{CELL}|{min(keys):016x}",
            window,
            candidates,
            frozenset(),
            frozenset(keys),
            frozenset(),
            (),
            found.evidence,
            found.log10_p,
            is_alarming=found.is_alarming and crowd.is_told,
            enough=self._group.min_accounts,
            by_likeness=True,
        )

    def _without_strays(self, seed: Seed, union: Union, grower: Grower, window: int) -> Union:
        """Leave out what a few of a seed brought with them, and nothing joins to the others, unless it behaves as they.

        Two campaigns of which some accounts pass requests on in the same days would else be one subject.
        """
        keys = frozenset(union.table.rows["key"].tolist())
        least = MIN_SEEDS_OF_POOL if seed.is_pool else MIN_SEEDS
        strays: list[frozenset[int]] = []
        for part in union.parts:
            brought = len(part) >= self._group.min_accounts and least * len(part) > len(part & seed.keys)
            if brought and self._naming.are_strange(part, keys - part, window):
                strays.append(part)
        others = keys.difference(*strays)
        # Where most of the seed brought others, it is they who are the subject.
        if strays and 2 * len(others & seed.keys) > len(seed.keys & keys):
            return grower.keep(union, others)
        if strays and seed.is_pool:
            return grower.keep(union, max(strays, key=lambda part: len(part & seed.keys)))
        return union

    def _of_one_kind(self, seed: Seed, union: Union, grower: Grower, window: int) -> Union:
        """Leave out what behaves otherwise than the kind that has most of the seed; its doings are its own."""
        keys = frozenset(union.table.rows["key"].tolist())
        sorts = self._naming.sort_out(keys, union.pairs, window) if keys else []
        if len(sorts) < 2:  # noqa: PLR2004 - two kinds
            return union
        kind = max(sorts, key=lambda kind: (len(kind & seed.keys), len(kind), min(kind)))
        others = frozenset[int]().union(*sorts) - kind
        return grower.keep(union, keys - others)

    def _judge(self, seed: Seed, union: Union, window: int) -> Suspect | None:
        settings = self._group
        kinds = union.kinds or {HANDED}
        table = union.table
        others = self._circumstances.evidence(union, window)
        found = judge(table, union.passing, kinds, settings, self._opinion.weight, others)
        if found is None:
            return None
        fit = typicality(table, union.core).tolist()
        keys = table.rows["key"].tolist()
        held = [union.support.get(key, 0) for key in keys]
        loosely = [
            key for key, ties in zip(keys, held, strict=True) if ties < PASSER_SUPPORT and key not in union.banded
        ]
        unlike = self._naming.unlike(loosely, frozenset(keys).difference(loosely), window)
        bystanders = self._naming.bystanders(keys, window)
        # Who has one attribute in common with a union that has more in common is a bystander.
        needed = min(PASSER_SUPPORT, sorted(held)[len(held) // 2])
        candidates = {
            key: round(score, 4)
            for key, score, ties in zip(keys, fit, held, strict=True)
            if score > 0 and ties >= needed and key not in unlike and key not in bystanders
        }
        if len(candidates) < enough(union.passing, settings):
            return None
        # Whom more than two things hold stays, however it is used now: a scheduler changes what it gives out.
        doubtful = frozenset(
            key for key, score, ties in zip(keys, fit, held, strict=True) if score < FAR and ties <= PASSER_SUPPORT
        )
        log10_p = min(0.0, found.log10_p + math.log10(1 + union.trials))
        return Suspect(
            "cluster",
            seed.name,
            window,
            candidates,
            doubtful,
            frozenset(keys),
            frozenset(
                key
                for key, ties in zip(keys, held, strict=True)
                if (ties >= PASSER_SUPPORT and key not in unlike) or (key in union.banded and key in candidates)
            ),
            tuple(union.links),
            found.evidence,
            log10_p,
            is_alarming=found.is_alarming,
            enough=enough(union.passing, settings),
            is_excused=found.is_excused,
        )
