"""Stage 2: active accounts of all input partitions in, leads out: groups worth a look, hand-offs, lone bursts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from streamer.detection.bursts import Bursts
from streamer.detection.evidence import CELL, ActiveAccounts, Behaviours, LeadReport, WatchedAccounts, WindowReport
from streamer.detection.gathering import Gathering
from streamer.detection.hand_offs import HandOffs
from streamer.detection.launches import LaunchWatch
from streamer.detection.leads import LeadFinder
from streamer.detection.link_index import LinkIndex
from streamer.detection.member_table import UNKNOWN, MemberTable, members_of
from streamer.detection.names import TEMPLATE
from streamer.detection.plain_reports import active_from
from streamer.detection.population import POOLED, Population, Reference
from streamer.detection.profile import BINS, BUCKETS, Feature, Rows
from streamer.detection.report_parts import partition_of
from streamer.detection.settings import HOUR_S, DetectionSettings
from streamer.detection.sightings import Flags
from streamer.detection.watch import Watch
from streamer.detection.window import Barrier

FORMAT = 6
SWEEP_S = 6 * HOUR_S
_REFUSED = ((POOLED * Feature.COUNT + Feature.REFUSED) * BUCKETS) * BINS


class LinkStage:
    """Judges the groups of this partition's shards when every source partition has told of a window.

    `sources` is the number of input partitions, `partitions` that of link partitions, this being number `partition`.
    """

    def __init__(self, settings: DetectionSettings, sources: int, partition: int = 0, partitions: int = 1) -> None:
        self.settings = settings
        self.partition = partition
        self.partitions = partitions
        self.late_rows = 0
        self._index = LinkIndex(settings, partition, partitions)
        self._hand_offs = HandOffs(settings, partition, partitions)
        self._bursts = Bursts(settings, partition, partitions)
        self._launches = LaunchWatch(settings, partition, partitions)
        self._members = MemberTable()
        self._leads = LeadFinder(settings, self._members)
        self._watch = Watch(settings, self._members)
        self._barrier: Barrier[ActiveAccounts] = Barrier(sources)
        self._summaries: dict[int, list[bytes]] = {}
        self._population = Population(settings.reference, settings.window)
        self._reported = -1
        self._idle = False
        self._swept = -1

    @property
    def group_count(self) -> int:
        """How many link values are held because more than one account is on them."""
        return len(self._index.groups)

    @property
    def hub_count(self) -> int:
        """How many link values are too popular to bind anybody."""
        return self._index.hub_count

    @property
    def closed_through(self) -> int:
        """The newest window that was judged."""
        return self._barrier.closed_through

    @property
    def judged_from(self) -> int | None:
        """The first window whose population was known; None if nobody was judged since this object was made."""
        return self._population.known_from

    def observe(self, report: WindowReport) -> None:
        """Take in what one source partition has to say; what it said before is ignored."""
        repeated = self._barrier.passed(report.partition, report.window)
        if not repeated:
            count = len(report.active.account_ids)
            late = self._barrier.add(report.window, [report.active] if count else [])
            self.late_rows += count if late else 0
            if report.summary and report.window > self._barrier.closed_through:
                self._summaries.setdefault(report.window, []).append(report.summary)
            if report.early and report.window > self._barrier.closed_through:
                self._bursts.hear(report.window, report.early)
        if report.last:
            self._barrier.report(report.partition, report.window, idle=report.idle)

    def advance(self) -> list[LeadReport]:
        """Judge every window that all sources have passed, and who is loud in the one after them."""
        released = self._barrier.release()
        through = self._barrier.closed_through
        refused: dict[int, tuple[int, int]] = {}
        for window in sorted(known for known in self._summaries if known <= through):
            summary = b"".join(self._summaries.pop(window))
            refused[window] = _refused_in(summary)
            self._population.learn(window, summary)
        reports = []
        for window, parts in released:
            reports += [*self._early(window), self._close(window, parts, refused.get(window, (0, 0)))]
        self._bursts.forget(through)
        idle = self._barrier.idle
        if through > self._reported and (not reports or reports[-1].window < through):
            reports.append(LeadReport(self.partition, through))
        if reports:
            self._reported = through
            reports[-1] = reports[-1]._replace(idle=idle)
        elif idle != self._idle:
            reports.append(LeadReport(self.partition, through, idle=idle))
        self._idle = idle
        return [*reports, *self._early(through + 1)]

    def _early(self, window: int) -> list[LeadReport]:
        """Judge what is told of a window before it closes; those before it are closed, so its reference is known."""
        if not self._bursts.awaits(window):
            return []
        found = self._bursts.early(window, self._population.reference(window))
        return [LeadReport(self.partition, window, last=False, early=found)] if found else []

    def _close(self, window: int, parts: Sequence[ActiveAccounts], refused: tuple[int, int]) -> LeadReport:
        self._sweep(window)
        reference = self._population.reference(window)
        gathered = Gathering(parts, templates=TEMPLATE not in self.settings.link.disabled_kinds)
        hand_offs = self._hand_offs.see(gathered, window)
        grouped = self._index.see(gathered, window)
        loud = gathered.rows["requests"] >= self.settings.alert.account_min_requests
        wanted = grouped | loud
        if hand_offs:
            passing = np.array([key for found in hand_offs for key in (found.giver, found.taker)], dtype=np.uint64)
            wanted |= np.isin(gathered.account_keys, passing)
        self._remember(gathered, wanted, reference, window)
        judged = (
            self._bursts.at_close(self._members.name(int(row["key"])), row, reference) for row in gathered.rows[loud]
        )
        bursts = [found for found in judged if found is not None]
        leads, tests = self._leads.among(list(self._index.due(window, reference)), window)
        shown = self._watch.shown(leads, hand_offs, gathered, window)
        watched = self._watch.accounts(shown | {burst.key for burst in bursts})
        told = self._mine(gathered.behaviour)
        return LeadReport(
            self.partition,
            window,
            leads,
            hand_offs if reference.ready else [],
            watched if reference.ready else WatchedAccounts([], b"", []),
            bursts,
            tests,
            refused,
            reference.accounts,
            behaviours=self._behaviours(gathered, told),
            moves=self._launches.see(gathered, window, ready=reference.ready),
            active=len(gathered.rows),
            newcomers=self._newcomers(gathered, told, reference, window),
        )

    def _remember(self, gathered: Gathering, wanted: Flags, reference: Reference, window: int) -> None:
        """Keep how accounts are: those wanted and those kept already. Who shares nothing costs nothing."""
        slots = self._members.find(gathered.account_keys)
        places = np.flatnonzero(wanted | (slots != UNKNOWN))
        rows = gathered.rows.take(places)
        members = members_of(rows, window, reference.usual_variance(rows), reference.scores(rows))
        at = places.tolist()
        ids, models = list(map(gathered.account_ids.__getitem__, at)), list(map(gathered.models.__getitem__, at))
        self._members.put(members, ids, models, slots[places])

    @staticmethod
    def _behaviours(gathered: Gathering, rows: Rows) -> Behaviours:
        """Pass on how accounts of this partition's shards behave."""
        places = np.searchsorted(gathered.account_keys, rows["key"])
        return Behaviours([gathered.account_ids[at] for at in places.tolist()], rows.tobytes())

    def _mine(self, rows: Rows) -> Rows:
        found: Rows = rows[partition_of(rows["key"], self.settings.link.shards, self.partitions) == self.partition]
        return found

    def _newcomers(self, gathered: Gathering, told: Rows, reference: Reference, window: int) -> WatchedAccounts:
        """Show those whose behaviour is told and who were first seen of late, whatever they share."""
        cells = self.settings.cells
        since_ms = (window + 1) * self.settings.window.window_ms - cells.new_s * 1000
        keys = told["key"][told["first_seen_ms"] >= since_ms]
        if not (cells.enabled and reference.ready and len(keys)):
            return WatchedAccounts([], b"", [])
        places = np.searchsorted(gathered.account_keys, keys)
        rows = gathered.rows.take(places)
        members = members_of(rows, window, reference.usual_variance(rows), reference.scores(rows))
        models: dict[tuple[str, ...], int] = {}
        members["model"] = [models.setdefault(gathered.models[at], len(models)) for at in places.tolist()]
        return WatchedAccounts([gathered.account_ids[at] for at in places.tolist()], members.tobytes(), list(models))

    def _sweep(self, window: int) -> None:
        """Forget accounts that were idle for longer than any group remembers them."""
        stretch = window // self.settings.window.windows(SWEEP_S)
        if stretch == self._swept:
            return
        self._swept = stretch
        begin = stretch * self.settings.window.windows(SWEEP_S)
        self._members.forget(begin - self.settings.window.windows(self.settings.link.idle_s))
        self._watch.forget(begin)

    def snapshot(self) -> dict[str, Any]:
        """Plain data from which `restore` makes the same stage."""
        return {
            "format": FORMAT,
            "late_rows": self.late_rows,
            "reported": self._reported,
            "idle": self._idle,
            "swept": self._swept,
            "barrier": self._barrier.snapshot(),
            "summaries": sorted(self._summaries.items()),
            "population": self._population.snapshot(),
            "index": self._index.snapshot(),
            "hand_offs": self._hand_offs.snapshot(),
            "launches": self._launches.snapshot(),
            "members": self._members.snapshot(),
            "watched": self._watch.snapshot(),
            "bursts": self._bursts.snapshot(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over a snapshot; ValueError if another format wrote it."""
        if state["format"] != FORMAT:
            message = f"link stage snapshot of format {state['format']}, expected {FORMAT}"
            raise ValueError(message)
        self.late_rows, self._reported, self._idle = state["late_rows"], state["reported"], state["idle"]
        self._swept = state["swept"]
        self._barrier.restore(state["barrier"], active_from)
        self._summaries = {window: list(parts) for window, parts in state["summaries"]}
        self._population.restore(state["population"])
        self._index.restore(state["index"])
        self._hand_offs.restore(state["hand_offs"])
        self._launches.restore(state["launches"])
        self._members.restore(state["members"])
        self._watch.restore(state["watched"])
        self._bursts.restore(state.get("bursts", ([], [])))


def _refused_in(summary: bytes) -> tuple[int, int]:
    cells = np.frombuffer(summary, dtype=CELL)
    codes, counts = cells["code"], cells["count"]
    with_hash, without = (int(counts[codes == _REFUSED + kind].sum()) for kind in (0, 1))
    return with_hash, without
