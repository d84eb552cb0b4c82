"""Stage 2: windows are judged when all sources have come past them, whatever is repeated, cut or late."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from streamer.detection.evidence import ActiveAccounts, Lead, LeadReport, WindowReport
from streamer.detection.link_stage import LinkStage
from streamer.detection.population import POOLED, SURPRISE_BINS_PER_UNIT, cell_codes
from streamer.detection.profile import MISSING, PROFILE, SETTLED, Feature
from streamer.detection.report_parts import chunk, split
from streamer.detection.settings import AlertSettings, DetectionSettings, ReferenceSettings
from tests.detection.handmade import (
    START_WINDOW,
    Prompt,
    active_of,
    cells,
    default_settings,
    key_of,
    link,
    rows_of,
)

DAY = 144
# Epochs of six hours, one of lag: what is learned in the first day is known from the sixth epoch on.
START = START_WINDOW // DAY * DAY
JUDGED = START + DAY + 60
SETTINGS: DetectionSettings = replace(
    default_settings(),
    reference=ReferenceSettings(min_accounts=100, min_stratum_accounts=50),
    alert=AlertSettings(account_min_requests=200, account_excess_ratio=4.0),
)


def summary() -> bytes:
    """A population of people who use their accounts more or less, and habits without surprise."""
    found = {
        int(cell_codes(POOLED, Feature.VOLUME, SETTLED, place)[0]): round(600 * np.exp(-(((place - 60) / 12) ** 2) / 2))
        for place in range(20, 101)
    }
    found[int(cell_codes(POOLED, Feature.SURPRISE, 0, 0)[0])] = 3000
    found[int(cell_codes(POOLED, Feature.WINDOW_REQUESTS, 0, 56)[0])] = 3000  # up to 139 requests in a window
    return cells({code: count for code, count in found.items() if count})


SUMMARY = summary()


def stage(sources: int = 1, partition: int = 0, partitions: int = 1) -> LinkStage:
    one = LinkStage(SETTINGS, sources, partition, partitions)
    for source in range(sources):
        one.observe(WindowReport(source, START, summary=SUMMARY if source == 0 else b""))
        one.observe(WindowReport(source, JUDGED - 1))
    one.advance()
    return one


def driven(count: int = 40) -> ActiveAccounts:
    """Accounts behind one scheduler and on one payment instrument; each hands a request to the next."""
    names = [f"g{number:02}" for number in range(count)]
    rows = rows_of(names, requests=20)
    rows["bins"] = MISSING
    rows["bins"][:, PROFILE.index(Feature.VOLUME)] = 70 + np.arange(count) % 2
    handed = [
        prompt
        for number in range(1, count)
        for prompt in (
            Prompt(names[number - 1], number * 0x9E37_79B9_7F4A_7C15 % 2**64, 1000, 1000),
            Prompt(names[number], number * 0x9E37_79B9_7F4A_7C15 % 2**64, 4000),
        )
    ]
    return active_of(names, {name: ["card"] for name in names}, handed, rows)


def part_of(active: ActiveAccounts, at: int, parts: int) -> ActiveAccounts:
    size = -(-len(active.account_ids) // parts)
    return chunk(WindowReport(0, 0, active), size)[at].active


def report(window: int, active: ActiveAccounts | None = None, source: int = 0, *, idle: bool = False) -> WindowReport:
    if active is None:
        return WindowReport(source, window, idle=idle)
    return WindowReport(source, window, active, idle=idle)


def leads_on(found: LeadReport, value: str = "card") -> list[Lead]:
    return [lead for lead in found.leads if lead.link == link(value)]


def test_a_driven_group_is_a_lead_and_its_accounts_are_told() -> None:
    one = stage()
    one.observe(report(JUDGED, driven()))
    (found,) = one.advance()
    (lead,) = leads_on(found)
    assert lead.log10_p < -4
    assert lead.keys().tolist() == sorted(key_of(f"g{number:02}") for number in range(40))
    assert sorted(found.watched.account_ids) == [f"g{number:02}" for number in range(40)]
    rows = found.watched.table()
    assert rows["key"].tolist() == lead.keys().tolist()
    assert set(rows["window"].tolist()) == {JUDGED}
    assert {found.watched.models[number] for number in rows["model"].tolist()} == {("large",)}
    assert len(found.hand_offs) == 39
    assert (found.window, found.tests >= 1) == (JUDGED, True)
    assert (one.hub_count, one.closed_through) == (0, JUDGED)


def test_who_is_watched_is_told_of_in_every_window_in_which_it_is_active() -> None:
    one = stage()
    one.observe(report(JUDGED, driven()))
    one.advance()
    one.observe(report(JUDGED + 1, active_of(["g00", "g07", "other"])))
    (found,) = one.advance()
    assert sorted(found.watched.account_ids) == ["g00", "g07"]
    later = JUDGED + 1 + SETTINGS.window.windows(SETTINGS.link.watch_s) + DAY
    one.observe(report(later, active_of(["g00", "g07", "other"])))
    assert one.advance()[0].watched.account_ids == []


def test_nothing_is_judged_before_there_is_a_population() -> None:
    one = LinkStage(SETTINGS, 1)
    one.observe(report(START, driven()))
    (found,) = one.advance()
    assert (found.leads, found.hand_offs, found.tests, found.watched.account_ids) == ([], [], 0, [])


def test_progress_is_told_without_findings_and_once() -> None:
    one = stage()
    one.observe(report(JUDGED + 5))
    assert one.advance() == [LeadReport(0, JUDGED + 5)]
    assert one.advance() == []


def test_what_a_source_said_before_is_ignored() -> None:
    one, other = stage(), stage()
    one.observe(report(JUDGED, driven()))
    for _ in range(3):
        other.observe(report(JUDGED, driven()))
    expected = one.advance()
    assert other.advance() == expected
    other.observe(report(JUDGED, driven()))
    assert other.advance() == []
    assert other.late_rows == 0


@pytest.mark.parametrize("accounts", [7, 40])
def test_a_report_in_pieces_some_of_them_twice_is_the_report(accounts: int) -> None:
    one, other = stage(), stage()
    whole = report(JUDGED, driven(accounts))
    one.observe(whole)
    pieces = chunk(whole, 3)
    for piece in [*pieces[:2], *pieces]:
        assert other.advance() == []
        other.observe(piece)
    assert other.advance() == one.advance()
    assert other.snapshot() == one.snapshot()


def test_rows_after_their_window_was_judged_are_counted() -> None:
    two = stage(sources=2)
    two.observe(report(JUDGED, source=1, idle=True))
    two.observe(report(JUDGED + 3, source=0))
    two.advance()
    two.observe(report(JUDGED + 1, driven(5), source=1))
    two.advance()
    assert two.late_rows == 5


@pytest.mark.parametrize("order", [1, -1])
def test_a_window_waits_for_every_source_that_is_not_idle(order: int) -> None:
    one, two = stage(), stage(sources=2)
    one.observe(report(JUDGED, driven()))
    first, second = [report(JUDGED, part_of(driven(), at, 2), source=at) for at in range(2)][::order]
    two.observe(first)
    assert two.advance() == []
    two.observe(second)
    (found,) = two.advance()
    assert found == one.advance()[0]
    two.observe(report(JUDGED, source=1, idle=True))
    two.observe(report(JUDGED + 1, source=0))
    assert [(said.window, said.idle) for said in two.advance()] == [(JUDGED + 1, False)]
    two.observe(report(JUDGED + 1, source=0, idle=True))
    assert [(said.window, said.idle) for said in two.advance()] == [(JUDGED + 1, True)]
    assert two.advance() == []


@pytest.mark.parametrize("partitions", [2, 3, 5])
def test_partitions_together_tell_what_one_tells(partitions: int) -> None:
    one = stage()
    one.observe(report(JUDGED, driven()))
    (whole,) = one.advance()
    parts = []
    for partition, piece in enumerate(split(report(JUDGED, driven()), partitions, SETTINGS.link.shards)):
        other = stage(partition=partition, partitions=partitions)
        other.observe(piece)
        parts += other.advance()
    assert sorted(lead for part in parts for lead in part.leads) == sorted(whole.leads)
    assert sorted(found for part in parts for found in part.hand_offs) == sorted(whole.hand_offs)
    assert sum(part.tests for part in parts) == whole.tests
    assert {name for part in parts for name in part.watched.account_ids} == set(whole.watched.account_ids)


def hammering(requests: int, surprise: float = 50.0) -> ActiveAccounts:
    return active_of(["loud"], rows=rows_of(["loud"], requests=requests, surprise=surprise))


@pytest.mark.parametrize("requests, told", [(199, False), (550, False), (3000, True)])
def test_one_account_far_beyond_everyone_is_told_by_one_partition(requests: int, told: bool) -> None:  # noqa: FBT001
    found = []
    for partition in range(3):
        one = stage(partition=partition, partitions=3)
        one.observe(report(JUDGED, hammering(requests)))
        found += [(burst, said.watched.account_ids) for said in one.advance() for burst in said.bursts]
    assert [burst.account_id for burst, _ in found] == ["loud"] * told
    if told:
        burst, watched = found[0]
        assert burst.log10_p < -2
        assert (burst.key, burst.evidence.observed, watched) == (key_of("loud"), 3000, ["loud"])


def test_an_account_that_is_always_loud_is_less_of_a_finding() -> None:
    claims = []
    for surprise in (0.0, 50.0):
        one = stage()
        one.observe(report(JUDGED, hammering(3000, surprise)))
        claims += [burst.log10_p for said in one.advance() for burst in said.bursts]
    usual, unusual = claims
    assert unusual < usual - surprise / SURPRISE_BINS_PER_UNIT


def test_refused_requests_of_everybody_are_told() -> None:
    one = stage()
    refused = int(cell_codes(POOLED, Feature.REFUSED, 0, 0)[0])
    for source_window in (JUDGED, JUDGED + 1):
        one.observe(report(source_window, active_of(["a"]))._replace(summary=cells({refused: 3, refused + 1: 2})))
    assert [said.refused for said in one.advance()] == [(3, 2), (3, 2)]


def test_kinds_of_link_that_are_disabled_bind_nobody() -> None:
    prompts = [Prompt(name, 0x1234_5678_9ABC_DEF0) for name in "abcdefgh"]
    groups = []
    for disabled in ((), ("template",)):
        one = LinkStage(replace(SETTINGS, link=replace(SETTINGS.link, disabled_kinds=disabled)), 1)
        one.observe(report(JUDGED, active_of("abcdefgh", prompts=prompts)))
        one.advance()
        groups.append(one.group_count)
    assert groups == [6, 0]


def test_a_restored_stage_says_the_same() -> None:
    one = stage(sources=2)
    halves = [part_of(driven(), at, 2) for at in range(2)]
    one.observe(report(JUDGED, halves[0], source=0))
    one.advance()
    again = LinkStage(SETTINGS, 2)
    again.restore(msgspec.msgpack.decode(msgspec.msgpack.encode(one.snapshot())))
    said = []
    for each in (one, again):
        each.observe(report(JUDGED, halves[0], source=0))  # a repeat
        each.observe(report(JUDGED, halves[1], source=1))
        said.append(each.advance())
        each.observe(report(JUDGED + 80, driven(50), source=0))
        each.observe(report(JUDGED + 80, source=1))
        said.append(each.advance())
    assert said[0] == said[2]
    assert said[1] == said[3]
    assert leads_on(said[0][0])
    assert leads_on(said[1][0])
    assert again.snapshot() == one.snapshot()


def test_a_snapshot_of_another_format_is_refused() -> None:
    one = stage()
    state = one.snapshot()
    state["format"] += 1
    with pytest.raises(ValueError, match="format"):
        one.restore(state)
