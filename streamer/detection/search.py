"""Which groups are looked at in a window: new leads and hand-offs, grown into unions, judged."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from streamer.detection.bonds import PASSER_SUPPORT
from streamer.detection.circumstances import Circumstances
from streamer.detection.cluster import Suspect
from streamer.detection.clusters import Clusters
from streamer.detection.crowding import Crowding
from streamer.detection.evidence import HandOff, Lead
from streamer.detection.group import CELL, enough, judge, typicality
from streamer.detection.lead_book import LeadBook
from streamer.detection.links import BINDING, Link
from streamer.detection.naming import Naming
from streamer.detection.opinion import Opinion
from streamer.detection.settings import HOUR_S, DetectionSettings
from streamer.detection.union import Grower, Union

SEEDS_PER_WINDOW = 8
REST_S = HOUR_S
# What has more than half as much again to show is looked at before it has rested.
NEWS_RATIO = 1.5
HANDED = "hand_off"
AGAIN = "again"
# An account is in doubt beyond twice the distance within which one is named: naming should not swing.
FAR = -1.0
# Of what seeds have brought into a union, a part with a smaller share of them is of another subject, if it looks so.
MIN_SEEDS = 0.25


class Seed(NamedTuple):
    """Where a union begins; what is `urgent` waits for no rest; `is_whole` if its cluster is in it."""

    name: str
    keys: frozenset[int]
    links: tuple[Link, ...]
    log10_p: float
    urgent: bool
    is_whole: bool = False


class Look(NamedTuple):
    """When an account was last looked at, and how many requests of a day it had made by then."""

    window: int
    requests: int


class Search:
    """Chooses seeds and judges what grows from them; an account that was just looked at rests.

    It rests for an hour, or until there is much more to see: a group that has just begun should not have to wait.
    """

    def __init__(
        self, settings: DetectionSettings, opinion: Opinion, naming: Naming, circumstances: Circumstances
    ) -> None:
        self._group = settings.widened()
        self._opinion = opinion
        self._naming = naming
        self._circumstances = circumstances
        self._rest_windows = settings.window.windows(REST_S)
        self.looked: dict[int, Look] = {}

    def seeds(
        self, leads: Iterable[Lead], hand_offs: Iterable[HandOff], book: LeadBook, clusters: Clusters, window: int
    ) -> list[Seed]:
        """Give the seeds of a window, the least probable first."""
        settings = self._group
        found = [
            Seed(
                f"{lead.link.kind}|{lead.link.value}",
                frozenset(lead.accounts()),
                (lead.link,),
                lead.log10_p,
                urgent=False,
            )
            for lead in leads
            if lead.log10_p <= settings.lead_log10_p and lead.link.kind in BINDING
        ]
        passed = list(hand_offs)
        if passed:
            loose = frozenset(book.free_passers(but=clusters.alarming_accounts()))
            kinds = self._naming.sort_out(loose, book.pairs_within(loose), window) if loose else []
            for kind in kinds:
                name = f"{HANDED}|{min(kind):016x}" if len(kinds) > 1 else HANDED
                kin = self._naming.kin_of(kind, window) if not kind <= self.looked.keys() else None
                if kin is not None:
                    links = tuple(kin.links.values())
                    found.append(Seed(name, kin.held() | kind, links, -1.0, urgent=True, is_whole=True))
                elif len(kind) >= settings.min_passers:
                    found.append(Seed(name, kind, (), -1.0, urgent=True))
            pairs = sorted({(min(p.giver, p.taker), max(p.giver, p.taker)) for p in passed})
            found += [
                Seed(f"{HANDED}|{one:016x}|{other:016x}", frozenset((one, other)), (), -2.0, urgent=True)
                for one, other in pairs
            ]
        found += [
            Seed(f"{AGAIN}|{cluster.cluster_id}", cluster.held(), (), 0.0, urgent=False)
            for cluster in clusters.by_id.values()
            if cluster.kind == "cluster" and cluster.strongest().is_alarming and cluster.held()
        ]
        return sorted(found, key=lambda seed: (seed.log10_p, seed.name))

    def look(self, seeds: Iterable[Seed], clusters: Clusters, grower: Grower, window: int) -> tuple[list[Suspect], int]:
        """Grow seeds and judge what they become; also how many were judged."""
        for key in [key for key, look in self.looked.items() if look.window + self._rest_windows <= window]:
            del self.looked[key]
        suspects: list[Suspect] = []
        tests = 0
        for seed in seeds:
            rests = self._rests(seed.keys, grower)
            if tests >= SEEDS_PER_WINDOW or (rests and not seed.urgent):
                continue
            keys, links = (seed.keys, list(seed.links)) if seed.is_whole else self._with_cluster(seed, clusters)
            if rests and keys is not seed.keys:
                continue
            union = grower.grow(keys, links)
            tests += 1
            looked_at = seed.keys.union(union.table.rows["key"].tolist())
            requests = grower.requests(looked_at)
            self.looked.update((key, Look(window, requests.get(key, 0))) for key in looked_at)
            union = self._without_strays(seed, union, grower, window)
            suspect = self._judge(seed, self._of_one_kind(seed, union, grower, window), window)
            if suspect is not None:
                suspects.append(suspect)
        return suspects, tests

    def _rests(self, keys: frozenset[int], grower: Grower) -> bool:
        """Whether most of some accounts were looked at, and have done little since."""
        seen = keys & self.looked.keys()
        if 2 * len(seen) <= len(keys):
            return False
        then = sum(self.looked[key].requests for key in seen)
        return grower.total_requests(seen) <= NEWS_RATIO * then

    def look_at(self, crowds: Iterable[Crowding], grower: Grower, window: int) -> list[Suspect]:
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

    @staticmethod
    def _with_cluster(seed: Seed, clusters: Clusters) -> tuple[frozenset[int], list[Link]]:
        """Start from the whole cluster instead where most of a seed is in one."""
        overlap = clusters.overlap(seed.keys)
        name = max(overlap, key=lambda name: (overlap[name], name), default=None)
        if name is None or 2 * overlap[name] < len(seed.keys):
            return seed.keys, list(seed.links)
        cluster = clusters.by_id[name]
        return cluster.held() | (seed.keys & cluster.accounts.keys()), list(cluster.links.values())

    def _without_strays(self, seed: Seed, union: Union, grower: Grower, window: int) -> Union:
        """Leave out what a few of a seed brought with them, and nothing joins to the others, unless it behaves as they.

        Two campaigns of which some accounts pass requests on in the same days would else be one subject.
        """
        keys = frozenset(union.table.rows["key"].tolist())
        strays: set[int] = set()
        for part in union.parts:
            brought = len(part) >= self._group.min_accounts and MIN_SEEDS * len(part) > len(part & seed.keys)
            if brought and self._naming.are_strange(part, keys - part, window):
                strays |= part
        # Where most of the seed brought others, it is they who are the subject.
        few = 2 * len(strays & seed.keys) < len(seed.keys & keys)
        return grower.keep(union, keys - strays) if strays and few else union

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
        kinds = {link.kind for link in union.links} or {HANDED}
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
