"""Which groups are worth a look: those with a trace of control in them, and small ones on values that bind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, chain, pairwise

import numpy as np

from streamer.detection.clocks import clocks_of, marks
from streamer.detection.evidence import Lead
from streamer.detection.families import Table
from streamer.detection.group import control
from streamer.detection.link_group import Group
from streamer.detection.links import BINDING
from streamer.detection.member_table import MemberTable
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
        """Give of each group the trace of control in it, whether it could be tested, and its requests of a day.

        When an account was active is looked at once, however many of the groups it is in.
        """
        slots, ends = self._members.slots_of_each(members)
        rows = self._members.rows.take(slots)
        requests = [0, *rows["requests_24h"].cumsum(dtype=np.int64).tolist()]
        different, place = np.unique(slots, return_inverse=True)
        clocks = clocks_of(marks(self._members.rows["slots"][different])).take(place)
        for begin, end in pairwise((0, *ends)):
            tested = end - begin >= self._group.min_accounts
            table = Table(rows[begin:end], clocks.cut(begin, end)) if tested else None
            log10_p = control(table, self._group) if table is not None else 0.0
            yield log10_p, tested, requests[end] - requests[begin]


def _packed(groups: Sequence[Sequence[int]]) -> list[bytes]:
    """Give the keys of each group as bytes."""
    every = np.fromiter(chain.from_iterable(groups), dtype=np.uint64, count=sum(map(len, groups))).tobytes()
    return [every[begin:end] for begin, end in pairwise(accumulate((8 * len(keys) for keys in groups), initial=0))]
