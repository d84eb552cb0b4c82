"""Which groups are worth a look: those with a trace of control in them, and small ones on values that bind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import accumulate, chain, pairwise

import numpy as np

from streamer.detection.clocks import Clocks, clocks_of, marks
from streamer.detection.evidence import Lead
from streamer.detection.families import Table
from streamer.detection.group import control
from streamer.detection.link_group import Group
from streamer.detection.links import BINDING
from streamer.detection.member_table import MemberTable, Slots
from streamer.detection.profile import Rows
from streamer.detection.settings import DetectionSettings


class LeadFinder:
    """Tests groups of the accounts in a table.

    One prompt has several values, and often the same accounts are on them: of groups with the same accounts, one is
    tested.
    """

    def __init__(self, settings: DetectionSettings, members: MemberTable) -> None:
        self._group = settings.group
        self._tie_accounts = settings.link.tie_accounts
        self._members = members

    def among(self, groups: Sequence[Group], window: int) -> tuple[list[Lead], int]:
        """Give the leads among groups, and how many of them could be tested; all of them count as judged."""
        members = [sorted(group.members) for group in groups]
        packed = _packed(members)
        different = dict(zip(packed, members, strict=True))
        found = dict(zip(different, self._look(list(different.values())), strict=True))
        leads: list[Lead] = []
        tests = 0
        for group, keys in zip(groups, packed, strict=True):
            log10_p, tested, requests = found[keys]
            group.judged(window, requests)
            group.suspect = log10_p <= self._group.lead_log10_p
            tests += tested
            small = len(group.members) <= self._tie_accounts
            if group.link.kind in BINDING and (group.suspect or small):
                leads.append(Lead(group.link, keys, log10_p))
        return leads, tests

    def _look(self, members: Sequence[Sequence[int]]) -> Iterator[tuple[float, bool, int]]:
        """Give of each group the trace of control in it, whether it could be tested, and its requests of a day."""
        slots, ends = self._members.slots_of_each(members)
        rows = self._members.rows
        requests = [0, *rows["requests_24h"][slots].cumsum(dtype=np.int64).tolist()]
        clocks = _Clocks(rows["slots"], slots)
        for begin, end in pairwise((0, *ends)):
            tested = end - begin >= self._group.min_accounts
            log10_p = 0.0
            if tested:
                table = Table(rows.take(slots[begin:end]), partial(clocks.cut, begin, end))
                log10_p = control(table, self._group)
            yield log10_p, tested, requests[end] - requests[begin]


class _Clocks:
    """When the accounts of all groups were active: looked at once, however many they are in, and only if need be."""

    def __init__(self, marked: Rows, slots: Slots) -> None:
        self._marked, self._slots = marked, slots
        self._found: Clocks | None = None

    def cut(self, begin: int, end: int) -> Clocks:
        """Give what is known of one group."""
        if self._found is None:
            different, place = np.unique(self._slots, return_inverse=True)
            self._found = clocks_of(marks(self._marked[different])).take(place)
        return self._found.cut(begin, end)


def _packed(groups: Sequence[Sequence[int]]) -> list[bytes]:
    """Give the keys of each group as bytes."""
    every = np.fromiter(chain.from_iterable(groups), dtype=np.uint64, count=sum(map(len, groups))).tobytes()
    return [every[begin:end] for begin, end in pairwise(accumulate((8 * len(keys) for keys in groups), initial=0))]
