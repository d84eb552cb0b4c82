"""Which groups are looked at in a window: new leads and hand-offs, grown into unions, judged."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from streamer.detection.cluster import Suspect
from streamer.detection.clusters import Clusters
from streamer.detection.evidence import HandOff, Lead
from streamer.detection.group import judge, strangers, typicality
from streamer.detection.lead_book import LeadBook
from streamer.detection.links import BINDING, Link
from streamer.detection.opinion import Opinion
from streamer.detection.settings import HOUR_S, DetectionSettings
from streamer.detection.union import PASSER_SUPPORT, Grower, Union

SEEDS_PER_WINDOW = 8
REST_S = HOUR_S
HANDED = "hand_off"
AGAIN = "again"
# An account is in doubt beyond twice the distance within which one is named: naming should not swing.
FAR = -1.0


class Seed(NamedTuple):
    """Where a union begins; what is `urgent` waits for no rest."""

    name: str
    keys: frozenset[int]
    links: tuple[Link, ...]
    log10_p: float
    urgent: bool


class Search:
    """Chooses seeds and judges what grows from them; an account that was just looked at rests for an hour."""

    def __init__(self, settings: DetectionSettings, opinion: Opinion) -> None:
        self._settings = settings
        self._opinion = opinion
        self._rest_windows = settings.window.windows(REST_S)
        self.looked: dict[int, int] = {}

    def seeds(
        self, leads: Iterable[Lead], hand_offs: Iterable[HandOff], book: LeadBook, clusters: Clusters
    ) -> list[Seed]:
        """Give the seeds of a window, the least probable first."""
        settings = self._settings.group
        found = [
            Seed(
                f"{lead.link.kind}|{lead.link.value}",
                frozenset(lead.keys().tolist()),
                (lead.link,),
                lead.log10_p,
                urgent=False,
            )
            for lead in leads
            if lead.log10_p <= settings.lead_log10_p and lead.link.kind in BINDING
        ]
        passed = list(hand_offs)
        if passed:
            loose = frozenset(book.untied_passers(but=clusters.of_account))
            if len(loose) >= settings.min_accounts:
                found.append(Seed(HANDED, loose, (), -1.0, urgent=True))
            pairs = sorted({(min(p.giver, p.taker), max(p.giver, p.taker)) for p in passed})
            found += [
                Seed(f"{HANDED}|{one:016x}|{other:016x}", frozenset((one, other)), (), -2.0, urgent=True)
                for one, other in pairs
            ]
        found += [
            Seed(f"{AGAIN}|{cluster.cluster_id}", frozenset(cluster.accounts), (), 0.0, urgent=False)
            for cluster in clusters.by_id.values()
            if cluster.kind == "cluster" and cluster.strongest().is_alarming
        ]
        return sorted(found, key=lambda seed: (seed.log10_p, seed.name, sorted(seed.keys)))

    def look(self, seeds: Iterable[Seed], clusters: Clusters, grower: Grower, window: int) -> tuple[list[Suspect], int]:
        """Grow seeds and judge what they become; also how many were judged."""
        for key in [key for key, at in self.looked.items() if at + self._rest_windows <= window]:
            del self.looked[key]
        suspects: list[Suspect] = []
        tests = 0
        for seed in seeds:
            rests = 2 * len(seed.keys & self.looked.keys()) > len(seed.keys)
            if tests >= SEEDS_PER_WINDOW or (rests and not seed.urgent):
                continue
            keys, links = self._with_cluster(seed, clusters)
            if rests and keys is not seed.keys:
                continue
            union = grower.grow(keys, links)
            tests += 1
            self.looked.update(dict.fromkeys(union.table.rows["key"].tolist(), window))
            self.looked.update(dict.fromkeys(seed.keys, window))
            suspect = self._judge(seed, union, window)
            if suspect is not None:
                suspects.append(suspect)
        return suspects, tests

    @staticmethod
    def _with_cluster(seed: Seed, clusters: Clusters) -> tuple[frozenset[int], list[Link]]:
        """Start from the whole cluster instead where most of a seed is in one."""
        overlap = clusters.overlap(seed.keys)
        name = max(overlap, key=lambda name: (overlap[name], name), default=None)
        if name is None or 2 * overlap[name] < len(seed.keys):
            return seed.keys, list(seed.links)
        cluster = clusters.by_id[name]
        return frozenset(cluster.accounts), list(cluster.links.values())

    def _judge(self, seed: Seed, union: Union, window: int) -> Suspect | None:
        settings = self._settings.group
        kinds = {link.kind for link in union.links} or {HANDED}
        table = strangers(union.table)
        found = judge(table, union.passing, kinds, settings, self._opinion.weight)
        if found is None:
            return None
        fit = typicality(table, union.core).tolist()
        keys = table.rows["key"].tolist()
        held = [union.support.get(key, 0) for key in keys]
        # Who has one attribute in common with a union that has more in common is a bystander.
        needed = min(PASSER_SUPPORT, sorted(held)[len(held) // 2])
        candidates = {
            key: round(score, 4)
            for key, score, ties in zip(keys, fit, held, strict=True)
            if score > 0 and ties >= needed
        }
        if len(candidates) < settings.min_accounts:
            return None
        doubtful = frozenset(key for key, score in zip(keys, fit, strict=True) if score < FAR)
        log10_p = min(0.0, found.log10_p + math.log10(1 + union.trials))
        return Suspect(
            "cluster",
            seed.name,
            window,
            candidates,
            doubtful,
            frozenset(keys),
            frozenset(key for key, ties in zip(keys, held, strict=True) if ties >= PASSER_SUPPORT),
            tuple(union.links),
            found.evidence,
            log10_p,
            is_alarming=found.is_alarming,
        )
