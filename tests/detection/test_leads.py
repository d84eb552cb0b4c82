"""Which groups become leads, and how much is looked at to find them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pytest

from streamer.detection import leads
from streamer.detection.clocks import Clocks, Marks, clocks_of
from streamer.detection.evidence import Lead
from streamer.detection.leads import LeadFinder
from streamer.detection.link_group import Group
from streamer.detection.member_table import MemberTable, members_of
from streamer.detection.profile import PROFILE, Feature
from tests.detection.handmade import START_WINDOW, default_settings, key_of, link, rows_of

NAMES = [f"a{number}" for number in range(12)]
USUAL = 100.0


class Found(NamedTuple):
    """The leads among some groups, and how many accounts' times were looked at each time."""

    leads: list[Lead]
    tests: int
    looked: list[int]


def among(groups: Sequence[Sequence[str]], monkeypatch: pytest.MonkeyPatch, *, apart: int = 0) -> Found:
    """Look for leads among groups of `NAMES`, each of which asks so many bins more often than the one before."""
    looked: list[int] = []

    def look(active: Marks) -> Clocks:
        looked.append(len(active))
        return clocks_of(active)

    monkeypatch.setattr(leads, "clocks_of", look)
    rows = rows_of(NAMES)
    rows["bins"][:, PROFILE.index(Feature.VOLUME)] = [5 + apart * number for number in range(len(NAMES))]
    table = MemberTable()
    table.put(members_of(rows, START_WINDOW, USUAL, 0.0), NAMES, [()] * len(NAMES))
    held = [Group(link(str(number)), START_WINDOW) for number in range(len(groups))]
    for group, names in zip(held, groups, strict=True):
        group.members = dict.fromkeys(map(key_of, names), START_WINDOW)
    return Found(*LeadFinder(default_settings(), table).among(held, START_WINDOW), looked)


def test_a_small_group_is_a_lead_without_a_test(monkeypatch: pytest.MonkeyPatch) -> None:
    found = among([NAMES[:3]], monkeypatch)
    assert [(lead.link, lead.log10_p) for lead in found.leads] == [(link("0"), 0.0)]
    assert found.leads[0].accounts() == sorted(map(key_of, NAMES[:3]))
    assert found.leads[0].accounts() == found.leads[0].keys().tolist()
    assert (found.tests, found.looked) == (0, [])


def test_when_accounts_were_active_is_looked_at_once_for_all_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    found = among([NAMES[:10], NAMES[2:], NAMES[:3]], monkeypatch)
    assert [lead.log10_p < -3 for lead in found.leads] == [True, True, False]
    assert (found.tests, found.looked) == (2, [len(NAMES)])


def test_where_no_group_is_used_evenly_it_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    found = among([NAMES[:10], NAMES[2:]], monkeypatch, apart=8)
    assert min(lead.log10_p for lead in found.leads) > -0.3
    assert (found.tests, found.looked) == (2, [])
