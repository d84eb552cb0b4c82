"""One account far beyond everybody: what is said of it early is what the close would say of as many requests."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from streamer.detection.evidence import EarlyBurst, EarlyCount, LeadReport, WindowReport
from streamer.detection.link_stage import LinkStage
from streamer.detection.report_parts import chunk, chunk_leads, split
from tests.detection.handmade import active_of, key_of, rows_of
from tests.detection.test_link_stage import JUDGED, SETTINGS, report, stage


def count(requests: int, account_id: str = "loud", surprise: float = 50.0) -> EarlyCount:
    return EarlyCount(account_id, key_of(account_id), requests, surprise, 5, 1000 + requests, 77)


def early(window: int, *counts: EarlyCount, source: int = 0) -> WindowReport:
    return WindowReport(source, window, early=list(counts), last=False)


def bursts(reports: list[LeadReport]) -> list[EarlyBurst]:
    assert not [said for said in reports if said.early and said.last]
    return [found for said in reports for found in said.early]


def test_it_is_judged_before_its_window_closes_and_as_the_close_would() -> None:
    one = stage()
    one.observe(early(JUDGED, count(3000)))
    reports = one.advance()
    (found,) = bursts(reports)
    assert [(said.window, said.last) for said in reports] == [(JUDGED, False)]
    assert one.closed_through == JUDGED - 1
    assert (found.first_seen_ms, found.total_requests, found.total_output_tokens) == (5, 4000, 77)
    one.observe(report(JUDGED, active_of(["loud"], rows=rows_of(["loud"], requests=3000, surprise=50.0))))
    (closed,) = one.advance()
    (burst,) = closed.bursts
    assert found.burst._replace(evidence=burst.evidence) == burst
    assert found.burst.evidence._replace(statement="") == burst.evidence._replace(statement="")
    facts = "; nobody made more than 140 in a window before"
    assert found.burst.evidence.statement == f"at least 3000 requests so far in these 10 minutes{facts}"
    assert burst.evidence.statement == f"3000 requests in 10 minutes{facts}"


def test_who_is_not_far_beyond_everybody_is_not_told() -> None:
    one = stage()
    one.observe(early(JUDGED, count(550)))
    assert one.advance() == []
    one.observe(early(JUDGED, count(560)))
    assert [found.burst.evidence.observed for found in bursts(one.advance())] == [560]


def test_what_was_heard_before_is_ignored() -> None:
    one = stage()
    one.observe(early(JUDGED, count(800), count(1600)))
    assert len(bursts(one.advance())) == 2
    for again in (early(JUDGED, count(800)), early(JUDGED, count(800), count(1600)), early(JUDGED - 1, count(900))):
        one.observe(again)
        assert one.advance() == []
    one.observe(early(JUDGED, count(800), count(1600), count(3200), count(800, "other")))
    assert [(found.burst.account_id, found.burst.evidence.observed) for found in bursts(one.advance())] == [
        ("loud", 3200),
        ("other", 800),
    ]
    one.observe(report(JUDGED, active_of(["loud"])))
    one.advance()
    one.observe(early(JUDGED, count(6400)))
    assert one.advance() == []


def test_it_waits_for_the_windows_before_it_and_comes_before_its_own() -> None:
    two = stage(sources=2)
    two.observe(early(JUDGED + 1, count(800)))
    two.observe(report(JUDGED, active_of(["loud"])))
    assert two.advance() == []
    two.observe(report(JUDGED, source=1))
    assert [(said.window, len(said.early)) for said in two.advance()] == [(JUDGED, 0), (JUDGED + 1, 1)]
    two.observe(early(JUDGED + 2, count(800), source=1))
    for source in range(2):
        two.observe(report(JUDGED + 2, active_of(["loud"]), source=source))
    assert [(said.window, len(said.early)) for said in two.advance()] == [(JUDGED + 2, 1), (JUDGED + 2, 0)]


def test_nobody_is_told_before_there_is_a_population() -> None:
    one = LinkStage(SETTINGS, 1)
    one.observe(report(JUDGED - 1))
    one.observe(early(JUDGED, count(3000)))
    assert [said for said in one.advance() if said.early] == []


@pytest.mark.parametrize("owner", range(3))
def test_one_partition_tells(owner: int) -> None:
    found = []
    for partition in range(3):
        one = stage(partition=partition, partitions=3)
        one.observe(early(JUDGED, count(3000, f"loud{owner}")))
        found += bursts(one.advance())
    assert len(found) == 1


def test_a_restored_stage_neither_repeats_nor_loses_it() -> None:
    one = stage()
    one.observe(early(JUDGED, count(800)))
    one.advance()
    one.observe(early(JUDGED + 1, count(900, "next")))
    again = LinkStage(SETTINGS, 1)
    again.restore(msgspec.msgpack.decode(msgspec.msgpack.encode(one.snapshot())))
    assert again.snapshot() == one.snapshot()
    again.observe(early(JUDGED, count(800)))
    assert again.advance() == []
    again.observe(report(JUDGED, active_of(["loud"])))
    assert [found.burst.account_id for found in bursts(again.advance())] == ["next"]


def test_a_state_that_does_not_know_of_it_is_read() -> None:
    one = stage()
    state = one.snapshot()
    del state["bursts"]
    again = LinkStage(replace(SETTINGS), 1)
    again.restore(state)
    assert again.snapshot() == one.snapshot()


@pytest.mark.parametrize("partitions", [1, 3])
@pytest.mark.parametrize("max_rows", [1, 4, 100])
def test_each_count_reaches_the_partition_that_judges_it_and_no_other(partitions: int, max_rows: int) -> None:
    whole = early(JUDGED, *(count(800 + number, f"loud{number}") for number in range(20)))
    reached = []
    for target, part in enumerate(split(whole, partitions, SETTINGS.link.shards)):
        pieces = chunk(part, max_rows) if part.early else []
        assert all(len(piece.early) <= max_rows and not piece.last and not piece.summary for piece in pieces)
        mine = [found for piece in pieces for found in piece.early]
        assert {found.key % SETTINGS.link.shards % partitions for found in mine} <= {target}
        reached += mine
    assert sorted(reached) == sorted(whole.early)


def test_what_is_found_early_is_cut_like_everything_else() -> None:
    one = stage()
    one.observe(early(JUDGED, *(count(800, f"loud{number}") for number in range(7))))
    (said,) = one.advance()
    pieces = chunk_leads(said, 3)
    assert [len(piece.early) for piece in pieces] == [3, 3, 1]
    assert [found for piece in pieces for found in piece.early] == said.early
    assert not any(piece.last for piece in pieces)
