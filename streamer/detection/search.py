"""Which groups are looked at in a window: new leads and hand-offs, grown into unions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from streamer.detection.cluster import Suspect
from streamer.detection.clusters import Clusters
from streamer.detection.evidence import HandOff, Lead
from streamer.detection.judging import HANDED, Judging, Seed
from streamer.detection.lead_book import LeadBook
from streamer.detection.links import BINDING, Link
from streamer.detection.naming import Naming
from streamer.detection.settings import HOUR_S, DetectionSettings
from streamer.detection.union import Grower

SEEDS_PER_WINDOW = 8
REST_S = HOUR_S
# What has more than half as much again to show is looked at before it has rested.
NEWS_RATIO = 1.5
AGAIN = "again"


class Look(NamedTuple):
    """When an account was last looked at, and how many requests of a day it had made by then."""

    window: int
    requests: int


class Search:
    """Chooses seeds and judges what grows from them; an account that was just looked at rests.

    It rests for an hour, or until there is much more to see: a group that has just begun should not have to wait.
    """

    def __init__(self, settings: DetectionSettings, naming: Naming, judging: Judging) -> None:
        self._group = settings.widened()
        self._naming = naming
        self._judging = judging
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
                    found.append(Seed(name, kind, (), -1.0, urgent=True, is_pool=True))
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
            suspect = self._judging.of_union(seed, union, grower, window)
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

    @staticmethod
    def _with_cluster(seed: Seed, clusters: Clusters) -> tuple[frozenset[int], list[Link]]:
        """Start from the whole cluster instead where most of a seed is in one."""
        overlap = clusters.overlap(seed.keys)
        name = max(overlap, key=lambda name: (overlap[name], name), default=None)
        if name is None or 2 * overlap[name] < len(seed.keys):
            return seed.keys, list(seed.links)
        cluster = clusters.by_id[name]
        return cluster.held() | (seed.keys & cluster.accounts.keys()), list(cluster.links.values())

    def snapshot(self) -> list[Any]:
        """Plain data from which `restore` makes the same."""
        return sorted([key, *look] for key, look in self.looked.items())

    def restore(self, state: list[Any]) -> None:
        """Take over what `snapshot` gave."""
        self.looked = {key: Look(*look) for key, *look in state}
