"""Stage 1: every request is accounted for, and neither packing, forgetting nor a restart changes what is said."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.detection.account import AccountState
from streamer.detection.account_stage import AccountStage
from streamer.detection.evidence import WindowReport
from streamer.detection.request import RequestRecord
from streamer.detection.settings import AccountSettings, DetectionSettings
from tests.detection.handmade import (
    DAY_MS,
    HOUR_MS,
    LATENESS_MS,
    START_MS,
    START_WINDOW,
    WINDOW_MS,
    at,
    begun,
    default_settings,
)

SETTINGS = default_settings()
FIELDS: tuple[dict[str, Any], ...] = (
    {},
    {"payment_fingerprint": "p1", "plan": "free", "output_tokens": 7},
    {"payment_fingerprint": "p2", "organization_id": "org", "model": "small"},
    {"prompt_simhash": "00000000000000ff", "output_tokens": 0, "account_created_ms": START_MS - DAY_MS},
    {"prompt_simhash": "0123456789abcdef", "client_ip": "192.0.2.1", "device_id": "d"},
)


def total(stage: AccountStage) -> int:
    counts = stage.counts
    return counts.used + counts.duplicates + counts.late + counts.ahead


def rows(reports: list[WindowReport]) -> dict[tuple[str, int], int]:
    return {(row.profile.account_id, report.window): row.profile.requests for report in reports for row in report.rows}


def run(requests: list[RequestRecord], how: DetectionSettings = SETTINGS, batch: int = 10) -> list[WindowReport]:
    stage = AccountStage(how)
    reports = []
    for start in range(0, len(requests), batch):
        for request in requests[start : start + batch]:
            stage.observe(request)
        reports += stage.advance(stage.watermark_ms)
    return reports + stage.drain()


def said(reports: list[WindowReport]) -> list[tuple[object, ...]]:
    """What reports say, without how they were cut: rows in order of account, no empty windows."""
    return [(r.window, sorted(r.rows, key=lambda row: row.profile.account_id), r.summary) for r in reports if r.rows]


def exactly(stage: AccountStage) -> dict[str, int]:
    records = {name: stage.record(name) for name in stage.account_ids()}
    return {name: AccountState.peek(record)[1] for name, record in records.items() if record is not None}


offsets = st.integers(-2 * LATENESS_MS, 4 * HOUR_MS) | st.sampled_from([10**9, 10**10, 10**11])
observed = st.lists(st.tuples(offsets, st.sampled_from("abc"), st.integers(0, 20)), max_size=60)


@given(observed, st.integers(1, 20))
def test_every_request_is_accounted_for(seen: list[tuple[int, str, int]], batch: int) -> None:
    forever = AccountSettings(retention_s=10**9, one_off_retention_s=10**9)
    stage = AccountStage(replace(SETTINGS, account=forever))
    count = begun(stage)
    reports = []
    for position, (offset_ms, account_id, event) in enumerate(seen):
        stage.observe(at(offset_ms, account_id, f"e{event}"))
        if position % batch == 0:
            reports += stage.advance(stage.watermark_ms)
    assert total(stage) <= count + len(seen)
    reports += stage.drain()
    assert total(stage) == count + len(seen)
    assert sum(rows(reports).values()) == stage.counts.used == sum(exactly(stage).values())


def test_a_request_counts_once_however_often_it_comes() -> None:
    stage = AccountStage(SETTINGS)
    begun(stage)
    for _ in range(3):
        stage.observe(at(5, "a", "same"))
    stage.observe(at(5, "b", "same"))
    assert (stage.counts.used, stage.counts.duplicates) == (8 + 2, 2)


def test_a_repeat_of_what_waited_for_confirmation_is_a_duplicate() -> None:
    stage = AccountStage(SETTINGS)
    begun(stage)
    for _ in range(2):
        stage.observe(at(2 * LATENESS_MS, "a", "same"))
    stage.observe(at(LATENESS_MS, "a"))
    assert (stage.counts.used, stage.counts.duplicates) == (8 + 2, 1)


@pytest.mark.parametrize("behind_ms, late", [(LATENESS_MS, 0), (LATENESS_MS + 1, 1)])
def test_the_bound_itself_is_not_late(behind_ms: int, late: int) -> None:
    stage = AccountStage(SETTINGS)
    begun(stage)
    stage.observe(at(-behind_ms))
    assert stage.counts.late == late


def test_what_comes_after_its_window_was_closed_is_late() -> None:
    stage = AccountStage(SETTINGS)
    begun(stage)
    stage.drain()
    stage.observe(at(1))
    stage.observe(at(WINDOW_MS))
    assert stage.counts.late == 1
    assert stage.newest_ms == START_MS + 1
    assert rows(stage.drain()) == {("a", START_WINDOW + 1): 1}


def test_one_wrong_future_time_costs_nothing_else() -> None:
    requests = [at(minute * 60_000, f"a{minute % 3}") for minute in range(600)]
    stage = AccountStage(SETTINGS)
    for position, request in enumerate(requests):
        stage.observe(request)
        if position in (0, 7, 100, 599):
            stage.observe(at(300 * DAY_MS, "wrong"))
    reports = stage.drain()
    assert (stage.counts.used, stage.counts.late, stage.counts.ahead) == (600, 0, 4)
    assert said(reports) == said(run(requests))


def test_a_real_gap_in_the_stream_costs_nothing() -> None:
    stage = AccountStage(SETTINGS)
    begun(stage)
    for number in range(20):
        stage.observe(at(30 * DAY_MS + number))
    stage.drain()
    assert (stage.counts.used, stage.counts.ahead) == (28, 0)


def test_a_window_closes_when_the_watermark_comes_to_its_end_and_not_before() -> None:
    stage = AccountStage(SETTINGS)
    begun(stage)
    for offset_ms in (LATENESS_MS, WINDOW_MS, WINDOW_MS + LATENESS_MS - 1):
        stage.observe(at(offset_ms))
    assert rows(stage.advance(stage.watermark_ms)) == {}
    assert stage.closed_through == START_WINDOW - 1
    stage.observe(at(WINDOW_MS + LATENESS_MS))
    (report,) = stage.advance(stage.watermark_ms)
    assert report.window == START_WINDOW
    assert stage.closed_through == START_WINDOW
    assert stage.advance(stage.watermark_ms) == []


def test_windows_without_requests_are_told_by_the_progress_alone() -> None:
    stage = AccountStage(SETTINGS)
    begun(stage)
    begun(stage, 10 * WINDOW_MS + LATENESS_MS)
    assert [(r.window - START_WINDOW, len(r.rows)) for r in stage.advance(stage.watermark_ms)] == [(0, 1), (9, 0)]


def test_only_the_last_report_of_a_silent_partition_says_that_it_is_idle() -> None:
    stage = AccountStage(SETTINGS, partition=4)
    assert stage.drain() == [WindowReport(4, -1, [], [], idle=True)]
    begun(stage)
    begun(stage, WINDOW_MS)
    assert [r.idle for r in stage.drain()] == [False, True]
    assert [(r.rows, r.idle) for r in stage.drain()] == [([], True)]


def test_a_partition_that_speaks_again_says_that_it_is_not_idle_any_more() -> None:
    stage = AccountStage(SETTINGS)
    begun(stage, WINDOW_MS - 1)
    stage.drain()
    stage.observe(at(WINDOW_MS))
    assert [(r.window, r.rows, r.idle) for r in stage.advance(stage.watermark_ms)] == [(START_WINDOW, [], False)]
    assert stage.advance(stage.watermark_ms) == []


def test_rows_tell_what_an_account_shares_and_how_it_is() -> None:
    stage = AccountStage(SETTINGS)
    begun(stage)
    stage.observe(at(0, payment_fingerprint="p1", plan="free", prompt_simhash="00000000000000ff", output_tokens=3))
    stage.observe(at(1, payment_fingerprint="p2", plan="free", prompt_simhash="0000000000000001", output_tokens=4))
    (row,) = [row for row in stage.drain()[0].rows if row.profile.account_id == "a"]
    assert sorted(link.value for link in row.links) == ["p1", "p2"]
    assert row.templates == [1, 255]
    assert (row.profile.stratum, row.profile.total_output_tokens, row.profile.models) == ("free", 7, ("large",))


@given(st.permutations(range(12)))
def test_the_order_in_which_a_window_is_observed_does_not_matter(order: list[int]) -> None:
    requests = [at(n * 1000, "ab"[n % 2], f"e{n}")._replace(**FIELDS[n % len(FIELDS)]) for n in range(12)]
    assert said(run([requests[n] for n in order])) == said(run(requests))


def test_what_one_account_can_share_is_bounded() -> None:
    stage = AccountStage(SETTINGS)
    begun(stage)
    for number in range(3000):
        stage.observe(at(0, payment_fingerprint=f"p{number}", prompt_simhash=f"{number:016x}"))
    (row,) = [row for row in stage.drain()[0].rows if row.profile.account_id == "a"]
    assert len(row.links) <= 40
    assert len(row.templates) <= 256
    assert row.profile.requests == 3000


def test_a_plan_that_nobody_knows_is_one_stratum_with_the_unknown() -> None:
    stage = AccountStage(SETTINGS)
    begun(stage)
    stage.observe(at(0, "odd", plan="invented-7"))
    strata = {row.profile.account_id: row.profile.stratum for row in stage.drain()[0].rows}
    assert strata == {"starter": "other", "odd": "other"}


def test_the_summary_counts_each_account_and_feature_once_for_all_and_once_for_its_plan() -> None:
    stage = AccountStage(SETTINGS)
    begun(stage)
    for number in range(5):
        stage.observe(at(number, f"a{number}", plan="free"))
    (report,) = stage.drain()
    volume: Counter[str] = Counter()
    for count in report.summary:
        if count.feature == 0:
            volume[count.stratum] += count.total
    assert volume == {"*": 6, "free": 5, "other": 1}


def random_life(seed: int, days: int) -> list[RequestRecord]:
    rng = random.Random(seed)
    times = sorted(rng.randrange(days * DAY_MS) for _ in range(40 * days))
    return [
        at(time_ms, f"a{min(int(rng.expovariate(0.3)), 30)}", output_tokens=rng.randrange(1000)) for time_ms in times
    ]


def test_packing_idle_accounts_changes_nothing() -> None:
    requests = random_life(1, days=12)
    for pack_after_s in (0, 10**9):
        how = replace(SETTINGS, account=AccountSettings(pack_after_s=pack_after_s))
        assert said(run(requests, how)) == said(run(requests))


def test_how_often_the_windows_are_closed_does_not_change_when_an_account_is_forgotten() -> None:
    how = replace(SETTINGS, account=AccountSettings(retention_s=3 * 86_400, one_off_retention_s=86_400))
    requests = random_life(2, days=12)
    assert said(run(requests, how, batch=1)) == said(run(requests, how, batch=10_000))


def test_an_account_that_was_silent_for_too_long_is_new_when_it_comes_again() -> None:
    how = replace(
        SETTINGS, account=AccountSettings(retention_s=10 * 86_400, one_off_retention_s=86_400, one_off_requests=3)
    )
    stage = AccountStage(how)
    begun(stage)
    for _ in range(3):
        stage.observe(at(0, "regular"))
    stage.observe(at(0, "one-off"))
    stage.drain()
    for offset_ms in (2 * DAY_MS, 13 * DAY_MS):
        stage.observe(at(offset_ms, "regular"))
        stage.observe(at(offset_ms, "one-off"))
        begun(stage, offset_ms)
        stage.drain()
        if offset_ms == 2 * DAY_MS:
            assert exactly(stage) == {"regular": 4, "one-off": 1, "starter": 16}
    assert exactly(stage) == {"regular": 1, "one-off": 1, "starter": 8}


def test_accounts_that_do_not_come_again_leave_memory() -> None:
    stage = AccountStage(SETTINGS)
    begun(stage)
    for number in range(200):
        stage.observe(at(0, f"once{number}"))
    stage.drain()
    assert stage.account_count == 201
    begun(stage, 4 * DAY_MS)
    stage.drain()
    assert set(stage.account_ids()) == {"starter"}


def test_invented_accounts_cost_a_record_each_and_no_more() -> None:
    stage = AccountStage(SETTINGS, track_changes=True)
    begun(stage)
    for number in range(5000):
        stage.observe(at(number, f"invented{number}"))
    stage.drain()
    records = stage.take_changed()
    assert len(records) == 5001
    assert max(map(len, records.values())) <= 200
    begun(stage, 5 * HOUR_MS)
    stage.drain()
    assert stage._book.packed_count >= stage.account_count - 1  # the others are packed by now
    assert len(stage._recent) == len(stage._recent_by_window) == len(stage._open) == 0


def test_take_changed_gives_each_change_once() -> None:
    stage = AccountStage(SETTINGS, track_changes=True)
    begun(stage)
    stage.observe(at(0, "a"))
    assert stage.take_changed() == {}
    stage.drain()
    assert set(stage.take_changed()) == {"a", "starter"}
    assert stage.take_changed() == {}
    stage.observe(at(WINDOW_MS, "a"))
    stage.drain()
    assert list(stage.take_changed()) == ["a"]


@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 3 * HOUR_MS // 60) | st.just(3 * LATENESS_MS), st.sampled_from("abcd"), st.integers(0, 40)
        ),
        min_size=1,
        max_size=60,
    ),
    st.sets(st.integers(0, 60)),
)
def test_a_stage_restored_at_any_place_says_and_counts_the_same(
    seen: list[tuple[int, str, int]], crashes: set[int]
) -> None:
    steady, shaky = AccountStage(SETTINGS), AccountStage(SETTINGS, track_changes=True)
    stored: dict[str, bytes] = {}
    expected: list[WindowReport] = []
    found: list[WindowReport] = []
    clock_ms = 0
    for position, (step_ms, account_id, event) in enumerate(seen):
        clock_ms += step_ms
        request = at(clock_ms, account_id, f"e{event}")._replace(**FIELDS[event % len(FIELDS)])
        for stage, said_so_far in ((steady, expected), (shaky, found)):
            stage.observe(request)
            said_so_far.extend(stage.advance(stage.watermark_ms))
        if position in crashes:
            stored.update(shaky.take_changed())
            head = msgspec.msgpack.decode(msgspec.msgpack.encode(shaky.snapshot()))
            shaky = AccountStage(SETTINGS, track_changes=True)
            shaky.restore(head, stored.items())
    expected += steady.drain()
    found += shaky.drain()
    assert said(found) == said(expected)
    assert exactly(shaky) == exactly(steady)
    assert shaky.counts == steady.counts
    assert shaky.account_count == steady.account_count


def test_a_snapshot_of_another_format_is_refused() -> None:
    stage = AccountStage(SETTINGS)
    head = stage.snapshot()
    head["format"] += 1
    with pytest.raises(ValueError, match="format"):
        stage.restore(head, [])


def test_what_one_request_leaves_out_another_tells() -> None:
    stage = AccountStage(SETTINGS)
    begun(stage)
    stage.observe(at(1, "firm", client_ip="192.0.2.1", organization_id="org", plan="enterprise"))
    stage.observe(at(2, "firm", client_ip="192.0.2.9"))
    (report,) = [report for report in stage.drain() if report.rows]
    (found,) = [row.profile for row in report.rows if row.profile.account_id == "firm"]
    assert (found.organization, found.stratum) == ("org", "enterprise")


def test_a_stage_that_was_not_asked_to_track_changes_tracks_none() -> None:
    stage = AccountStage(SETTINGS)
    begun(stage)
    stage.drain()
    assert stage.take_changed() == {}
    begun(stage, 5 * HOUR_MS)
    stage.drain()
    assert stage.take_changed() == {}
