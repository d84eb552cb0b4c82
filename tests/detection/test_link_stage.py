"""Stage 2: windows are judged when all sources have come past them, whatever is repeated, cut or late."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import msgspec
import pytest

from streamer.detection.evidence import Count, Profile, Row, SuspectReport, WindowReport, chunk
from streamer.detection.link_stage import LinkStage
from streamer.detection.population import POOLED, SURPRISE_BINS_PER_UNIT, Feature, census
from streamer.detection.settings import AlertSettings, DetectionSettings, ReferenceSettings
from tests.detection.handmade import START_WINDOW, default_settings, profile, row
from tests.detection.test_group import ALL_DAY, EVEN, PEOPLE, REGULAR, group
from tests.detection.test_group import SETTINGS as GROUP_SETTINGS

DAY = 144
# Epochs of six hours, one of lag: what is learned in the first day is known from the sixth epoch on.
START = START_WINDOW // DAY * DAY
JUDGED = START + DAY + 60
SETTINGS: DetectionSettings = replace(
    default_settings(),
    group=GROUP_SETTINGS,
    reference=ReferenceSettings(min_accounts=100, min_stratum_accounts=50),
    alert=AlertSettings(account_min_requests=200, account_excess_ratio=4.0),
)


def summary() -> list[Count]:
    """A population that the group tests' people belong to, and habits without surprise."""
    cells = Counter(cell for one in PEOPLE for cell in census(one, daily=True))
    cells[POOLED, Feature.SURPRISE, 0, 0] = 3000
    cells[POOLED, Feature.WINDOW_REQUESTS, 0, 56] = 3000  # up to 139 requests in a window
    return [Count(*cell, total) for cell, total in sorted(cells.items())]


SUMMARY = summary()


def stage(sources: int = 1, partition: int = 0, partitions: int = 1) -> LinkStage:
    one = LinkStage(SETTINGS, sources, partition, partitions)
    for source in range(sources):
        one.observe(WindowReport(source, START, [], SUMMARY if source == 0 else []))
        one.observe(WindowReport(source, JUDGED - 1, [], []))
    one.advance()
    return one


def driven(window: int, count: int = 40) -> list[Row]:
    """Accounts behind one scheduler and on one payment instrument."""
    members = group(count, **EVEN, **REGULAR, **ALL_DAY)
    return [row(one.account_id, window, ["card"])._replace(profile=one._replace(window=window)) for one in members]


def report(window: int, rows: list[Row], source: int = 0, *, idle: bool = False) -> WindowReport:
    return WindowReport(source, window, rows, [], idle=idle)


def test_a_driven_group_is_suspect_and_its_accounts_are_named() -> None:
    one = stage()
    one.observe(report(JUDGED, driven(JUDGED)))
    (found,) = one.advance()
    (suspect,) = found.suspects
    assert (found.window, found.tests, found.population) == (JUDGED, 1, 3000)
    assert (suspect.kind, suspect.link_kind, suspect.link_value) == ("cluster", "payment", "card")
    assert (suspect.account_count, suspect.window) == (40, JUDGED)
    assert {name.account_id for name in suspect.candidates} <= {f"g{number}" for number in range(40)}
    assert len(suspect.candidates) >= 30
    assert (one.group_count, one.hub_count, one.closed_through) == (1, 0, JUDGED)


def test_nothing_is_judged_before_there_is_a_population() -> None:
    one = LinkStage(SETTINGS, 1)
    one.observe(report(START, driven(START)))
    assert [(found.suspects, found.tests) for found in one.advance()] == [([], 0)]


def test_progress_is_told_without_findings_and_once() -> None:
    one = stage()
    one.observe(report(JUDGED + 5, []))
    assert one.advance() == [SuspectReport(0, JUDGED + 5, [], 0, 0)]
    assert one.advance() == []


def test_what_a_source_said_before_is_ignored() -> None:
    one, other = stage(), stage()
    one.observe(report(JUDGED, driven(JUDGED)))
    for _ in range(3):
        other.observe(report(JUDGED, driven(JUDGED)))
    expected = one.advance()
    assert other.advance() == expected
    other.observe(report(JUDGED, driven(JUDGED)))
    assert other.advance() == []
    assert other.late_rows == 0


@pytest.mark.parametrize("accounts", [7, 40])
def test_a_report_in_pieces_some_of_them_twice_is_the_report(accounts: int) -> None:
    one, other = stage(), stage()
    whole = report(JUDGED, driven(JUDGED, accounts))
    one.observe(whole)
    pieces = chunk(whole, 3)
    for piece in [*pieces[:2], *pieces]:
        assert other.advance() == []
        other.observe(piece)
    assert other.advance() == one.advance()
    assert other.snapshot() == one.snapshot()


def test_rows_after_their_window_was_judged_are_counted() -> None:
    two = stage(sources=2)
    two.observe(report(JUDGED, [], source=1, idle=True))
    two.observe(report(JUDGED + 3, [], source=0))
    two.advance()
    two.observe(report(JUDGED + 1, driven(JUDGED + 1, 5), source=1))
    two.advance()
    assert two.late_rows == 5


def test_a_window_waits_for_every_source_that_is_not_idle() -> None:
    two = stage(sources=2)
    rows = driven(JUDGED)
    two.observe(report(JUDGED, rows[:20], source=0))
    assert two.advance() == []
    two.observe(report(JUDGED, rows[20:], source=1))
    (found,) = two.advance()
    assert found.suspects[0].account_count == 40
    two.observe(report(JUDGED, [], source=1, idle=True))
    two.observe(report(JUDGED + 1, [], source=0))
    assert [(said.window, said.idle) for said in two.advance()] == [(JUDGED + 1, False)]
    two.observe(report(JUDGED + 1, [], source=0, idle=True))
    assert [(said.window, said.idle) for said in two.advance()] == [(JUDGED + 1, True)]
    assert two.advance() == []


def test_only_the_owner_of_a_value_judges_it() -> None:
    found = []
    for partition in range(3):
        one = stage(partition=partition, partitions=3)
        one.observe(report(JUDGED, driven(JUDGED)))
        found += [suspect for said in one.advance() for suspect in said.suspects]
    assert len(found) == 1


def hammering(requests: int, surprise: float = 50.0) -> Profile:
    return profile("loud", JUDGED, requests=requests)._replace(surprise=surprise)


@pytest.mark.parametrize("requests, told", [(199, False), (550, False), (3000, True)])
def test_one_account_far_beyond_everyone_is_told_by_one_partition(requests: int, told: bool) -> None:  # noqa: FBT001
    found = []
    for partition in range(3):
        one = stage(partition=partition, partitions=3)
        one.observe(report(JUDGED, [Row(hammering(requests), [], [])]))
        found += [suspect for said in one.advance() for suspect in said.suspects]
    assert [suspect.kind for suspect in found] == ["account"] * told
    if told:
        assert found[0].log10_p < -2
        assert found[0].evidence[0].observed == 3000


def test_an_account_that_is_always_loud_is_less_of_a_finding() -> None:
    claims = []
    for surprise in (0.0, 50.0):
        one = stage()
        one.observe(report(JUDGED, [Row(hammering(3000, surprise), [], [])]))
        claims += [suspect.log10_p for said in one.advance() for suspect in said.suspects]
    usual, unusual = claims
    assert unusual < usual - surprise / SURPRISE_BINS_PER_UNIT


def test_a_restored_stage_says_the_same() -> None:
    rows = driven(JUDGED)
    one = stage(sources=2)
    one.observe(report(JUDGED, rows[:20], source=0))
    one.advance()
    again = LinkStage(SETTINGS, 2)
    again.restore(msgspec.msgpack.decode(msgspec.msgpack.encode(one.snapshot())))
    said = []
    for each in (one, again):
        each.observe(report(JUDGED, rows[:20], source=0))  # a repeat
        each.observe(report(JUDGED, rows[20:], source=1))
        said.append(each.advance())
        each.observe(report(JUDGED + 30, driven(JUDGED + 30, 50), source=0))
        each.observe(report(JUDGED + 30, [], source=1))
        said.append(each.advance())
    assert said[0] == said[2]
    assert said[1] == said[3]
    assert said[1][0].suspects
    assert again.snapshot() == one.snapshot()


def test_a_snapshot_of_another_format_is_refused() -> None:
    one = stage()
    state = one.snapshot()
    state["format"] += 1
    with pytest.raises(ValueError, match="format"):
        one.restore(state)
