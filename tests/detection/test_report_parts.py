"""What a link partition says is cut into messages without loss, and decided as if it had come whole."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as trials
from hypothesis import strategies as st

from streamer.detection.cluster_stage import ClusterStage
from streamer.detection.evidence import Behaviours, Burst, EvidenceItem, HandOff, LeadReport
from streamer.detection.records import Decision
from streamer.detection.report_parts import chunk_leads
from tests.detection.crowds import driven, honest, named, told_of
from tests.detection.handmade import default_settings, key_of, lead, leads, watched

WINDOW = 20_002 * 144


def behaviours(names: list[str], values: Any = None) -> Behaviours:
    told = np.arange(len(names), dtype=np.float16)[:, np.newaxis] if values is None else values
    return Behaviours(names, told_of(names, told).tobytes())


def report(groups: int, accounts: int, told: int) -> LeadReport:
    """All that a partition can say at once."""
    names = named("w", accounts)
    item = EvidenceItem("burst", "many", 160.0, 10.0, -9.0)
    return leads(
        WINDOW,
        *(lead(named("w", 8 + number), f"card{number}") for number in range(groups)),
        partition=3,
        watched=watched(names, WINDOW, total_requests=np.arange(len(names)))._replace(models=[("large",), ("s", "t")]),
        behaviours=behaviours(named("b", told)),
        hand_offs=[HandOff(1, 2, 3, 4, by_shape=True)],
        bursts=[Burst("w0", 7, -9.0, item)],
        tests=5,
        refused=(6, 7),
        accounts=accounts,
        idle=True,
    )


def rows_in(parts: list[LeadReport], what: str) -> list[tuple[str, bytes]]:
    """The rows of all parts, each with its account."""
    return [
        (name, row.tobytes())
        for part in parts
        for name, row in zip(getattr(part, what).account_ids, getattr(part, what).table(), strict=True)
    ]


@trials(max_examples=80)
@given(st.integers(0, 9), st.integers(0, 60), st.integers(0, 60), st.integers(1, 70))
def test_nothing_is_lost_nothing_is_told_twice_and_only_the_last_part_is_last(
    groups: int, accounts: int, told: int, max_rows: int
) -> None:
    whole = report(groups, accounts, told)
    parts = [
        msgspec.msgpack.decode(msgspec.msgpack.encode(part), type=LeadReport) for part in chunk_leads(whole, max_rows)
    ]
    assert [one for part in parts for one in part.leads] == whole.leads
    for what in ("watched", "behaviours"):
        assert rows_in(parts, what) == rows_in([whole], what)
    for part in parts:
        assert len(part.watched.account_ids) + len(part.behaviours.account_ids) <= max_rows
        assert len(part.leads) <= 1 or sum(16 + len(one.keys()) for one in part.leads) <= max_rows
        assert (part.partition, part.window, part.sayings) == (3, WINDOW, [])
        assert not part.watched.account_ids or part.watched.models == whole.watched.models
    assert [part.last for part in parts] == [False] * (len(parts) - 1) + [True]
    assert not any(part.idle for part in parts[:-1])
    last = parts[-1]
    assert (last.hand_offs, last.bursts, last.tests) == (whole.hand_offs, whole.bursts, 5)
    assert (last.refused, last.accounts, last.idle) == ((6, 7), accounts, True)
    assert not any(part.hand_offs or part.bursts or part.tests or any(part.refused) for part in parts[:-1])


def test_what_is_small_goes_in_one_piece() -> None:
    whole = report(1, 20, 14)  # a link with eight members counts as 24
    assert chunk_leads(whole, 58) == [whole]
    assert len(chunk_leads(whole, 57)) > 1
    assert chunk_leads(leads(WINDOW), 1) == [leads(WINDOW)]
    unfinished = whole._replace(last=False)
    assert not any(part.last for part in chunk_leads(unfinished, 5))


def test_leads_of_many_members_do_not_go_in_one_message() -> None:
    large = [lead(named(f"{number}-", 900), f"card{number}") for number in range(5)]
    parts = chunk_leads(leads(WINDOW, *large), 2000)
    assert [len(part.leads) for part in parts] == [2, 2, 1, 0]


def group(window: int, names: list[str], value: str, program: int) -> LeadReport:
    """A group that is used alike, and how it behaves."""
    seen = watched(names, window, requests=40, bins=90)
    rows = seen.table().copy()
    rows["scores"] = 2.5
    rows["scores"][:, 2] = -2.5
    return leads(
        window,
        lead(names, value),
        watched=seen._replace(rows=rows.tobytes()),
        behaviours=behaviours(names, driven(len(names), program)),
        tests=1,
    )


@pytest.mark.parametrize("max_rows", [1, 7, 40, 300])
@pytest.mark.parametrize("times", [1, 2])
def test_the_cluster_stage_decides_the_same_from_the_parts_as_from_the_whole(max_rows: int, times: int) -> None:
    crowd = behaviours(named("past", 600), honest(600))
    like = behaviours(named("like", 20), driven(20, 1, 5))
    reports = [leads(WINDOW - 432, behaviours=behaviours(["first"], honest(1)))]  # a day to begin with
    reports += [leads(WINDOW - 288, behaviours=crowd)]
    reports += [group(WINDOW + 6 * turn, named("m", 20 + 5 * turn), "card", 1) for turn in range(2)]
    reports += [leads(WINDOW + 7, behaviours=like), leads(WINDOW + 100)]
    reports += [group(WINDOW + 110 + 40 * turn, named("m", 30), "card", 1) for turn in range(2)]
    whole, parts = ClusterStage(default_settings(), 1), ClusterStage(default_settings(), 1)
    decided: list[list[Decision]] = [[], []]
    for one in reports:
        whole.observe(one)
        decided[0] += whole.advance()
        for part in chunk_leads(one, max_rows):
            for _ in range(times):  # a part that is sent again changes nothing
                parts.observe(part)
            if not part.last:
                assert parts.advance() == []
        decided[1] += parts.advance()
    assert decided[1] == decided[0]
    assert any(account.by_likeness for account in next(iter(whole.clusters.by_id.values())).accounts.values())
    assert whole.clusters.snapshot() == parts.clusters.snapshot()
    assert key_of("m0000") in whole.clusters.of_account
