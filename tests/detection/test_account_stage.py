"""Stage 1: every request is accounted for, and neither packing, forgetting nor a restart changes what is said."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.detection.account_book import requests_of
from streamer.detection.account_stage import AccountStage
from streamer.detection.evidence import NOBODY, WindowReport
from streamer.detection.identities import MAX_IDENTITIES, MAX_PROMPTS
from streamer.detection.links import stable_key
from streamer.detection.open_window import BY_HASH, BY_SHAPE
from streamer.detection.population import cell_codes
from streamer.detection.profile import BINS, BUCKETS, Feature
from streamer.detection.request import RequestRecord
from streamer.detection.settings import AccountSettings, DetectionSettings, LinkSettings
from tests.detection.handmade import (
    DAY_MS,
    ENTERPRISE,
    FREE,
    HOUR_MS,
    LATENESS_MS,
    OTHER,
    START_MS,
    START_WINDOW,
    WINDOW_MS,
    at,
    begun,
    counts_in,
    default_settings,
    said,
    told,
)

SETTINGS = default_settings()
FIELDS: tuple[dict[str, Any], ...] = (
    {},
    {"payment_fingerprint": "p1", "plan": "free", "output_tokens": 7},
    {"payment_fingerprint": "p2", "organization_id": "org", "model": "small"},
    {"prompt_simhash": "00000000000000ff", "output_tokens": 0, "account_created_ms": START_MS - DAY_MS},
    {"prompt_simhash": "0123456789abcdef", "client_ip": "192.0.2.1", "device_id": "d", "status": 429},
    {"prompt_simhash": "0" * 16, "session_id": "s", "language": "en", "input_tokens": 5},
    {"input_tokens": 900, "max_tokens": 100, "capability": "code", "language": "de", "session_id": "s"},
)


def total(stage: AccountStage) -> int:
    counts = stage.counts
    return counts.used + counts.duplicates + counts.late + counts.ahead


def rows(reports: list[WindowReport]) -> dict[tuple[str, int], int]:
    return {(name, r.window): one.row["requests"] for r in reports for name, one in told(r.active).items()}


def run(requests: list[RequestRecord], how: DetectionSettings = SETTINGS, batch: int = 10) -> list[WindowReport]:
    stage = AccountStage(how)
    reports = []
    for start in range(0, len(requests), batch):
        for request in requests[start : start + batch]:
            stage.observe(request)
        reports += stage.advance(stage.watermark_ms)
    return reports + stage.drain()


def exactly(stage: AccountStage) -> dict[str, int]:
    records = {name: stage.record(name) for name in stage.account_ids()}
    return {name: requests_of(record) for name, record in records.items() if record is not None}


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
    assert [(r.window - START_WINDOW, len(r.active.account_ids)) for r in stage.advance(stage.watermark_ms)] == [
        (0, 1),
        (9, 0),
    ]


def test_only_the_last_report_of_a_silent_partition_says_that_it_is_idle() -> None:
    stage = AccountStage(SETTINGS, partition=4)
    assert stage.drain() == [WindowReport(4, -1, idle=True)]
    begun(stage)
    begun(stage, WINDOW_MS)
    assert [r.idle for r in stage.drain()] == [False, True]
    assert [(r.active, r.idle) for r in stage.drain()] == [(NOBODY, True)]


def test_a_partition_that_speaks_again_says_that_it_is_not_idle_any_more() -> None:
    stage = AccountStage(SETTINGS)
    begun(stage, WINDOW_MS - 1)
    stage.drain()
    stage.observe(at(WINDOW_MS))
    assert [(r.window, r.active, r.idle) for r in stage.advance(stage.watermark_ms)] == [(START_WINDOW, NOBODY, False)]
    assert stage.advance(stage.watermark_ms) == []


def test_rows_tell_what_an_account_shares_and_how_it_is() -> None:
    stage = AccountStage(SETTINGS)
    begun(stage)
    stage.observe(at(0, payment_fingerprint="p1", plan="free", prompt_simhash="00000000000000ff", output_tokens=3))
    stage.observe(at(1, payment_fingerprint="p2", plan="free", prompt_simhash="0000000000000001", output_tokens=4))
    one = told(stage.drain()[-1].active)["a"]
    assert [link.value for link in one.links if link.kind == "payment"] in (["p1", "p2"], ["p2", "p1"])
    assert one.prompts == ((1, 1, -1, BY_HASH), (255, 0, -1, BY_HASH))
    assert (one.row["stratum"], one.row["total_output_tokens"], one.models) == (FREE, 7, ("large",))


@given(st.permutations(range(12)))
def test_the_order_in_which_a_window_is_observed_does_not_matter(order: list[int]) -> None:
    requests = [at(n * 1000, "ab"[n % 2], f"e{n}")._replace(**FIELDS[n % len(FIELDS)]) for n in range(12)]
    assert said(run([requests[n] for n in order])) == said(run(requests))


def test_what_one_account_can_share_is_bounded() -> None:
    stage = AccountStage(SETTINGS)
    begun(stage)
    for number in range(3000):
        stage.observe(at(0, payment_fingerprint=f"p{number}", prompt_simhash=f"{number:016x}"))
    one = told(stage.drain()[-1].active)["a"]
    assert len(one.links) == MAX_IDENTITIES
    assert [value for value, *_ in one.prompts] == list(range(MAX_PROMPTS))
    assert one.row["requests"] == 3000


def test_a_plan_that_nobody_knows_is_one_stratum_with_the_unknown() -> None:
    stage = AccountStage(SETTINGS)
    begun(stage)
    stage.observe(at(0, "odd", plan="invented-7"))
    strata = {name: one.row["stratum"] for name, one in told(stage.drain()[0].active).items()}
    assert strata == {"starter": OTHER, "odd": OTHER}


def test_the_summary_counts_each_account_and_feature_once_for_all_and_once_for_its_plan() -> None:
    stage = AccountStage(SETTINGS)
    begun(stage)
    for number in range(5):
        stage.observe(at(number, f"a{number}", plan="free"))
    (report,) = stage.drain()
    counts = counts_in(report.summary)
    age = codes_of(Feature.AGE)
    ages = [sum(counts.get(code + place, 0) for place in range(BINS)) for code in age]
    assert ages == [0] * (OTHER + 1)  # not on the day on which they first came
    hours = [sum(counts.get(code + place, 0) for place in range(BINS * BUCKETS)) for code in codes_of(Feature.HOURS)]
    assert hours == [1, 0, 0, 0, 0, 0, 1]  # for what is said of hours the others asked too little
    begun(stage, DAY_MS)
    for number in range(5):
        stage.observe(at(DAY_MS, f"a{number}", plan="free"))
    (report,) = stage.drain()
    counts = counts_in(report.summary)
    assert [sum(counts.get(code + place, 0) for place in range(BINS)) for code in age] == [6, 5, 0, 0, 0, 0, 1]
    begun(stage, DAY_MS + WINDOW_MS)
    assert not counts_in(stage.drain()[0].summary).keys() & {code + place for code in age for place in range(BINS)}


def codes_of(feature: int) -> list[int]:
    codes: list[int] = cell_codes(np.arange(OTHER + 1), feature, 0, 0).tolist()
    return codes


def random_life(seed: int, days: int) -> list[RequestRecord]:
    rng = random.Random(seed)
    times = sorted(rng.randrange(days * DAY_MS) for _ in range(40 * days))
    return [
        at(time_ms, f"a{min(int(rng.expovariate(0.3)), 30)}", output_tokens=rng.randrange(1000)) for time_ms in times
    ]


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
    assert max(map(len, records.values())) <= 530
    assert len(stage._recent) == len(stage._open) == 0


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
    firm = told(stage.drain()[0].active)["firm"]
    assert (firm.row["organization"], firm.row["stratum"]) == (stable_key("organization", "org"), ENTERPRISE)


def test_a_stage_that_was_not_asked_to_track_changes_tracks_none() -> None:
    stage = AccountStage(SETTINGS)
    begun(stage)
    stage.drain()
    assert stage.take_changed() == {}
    begun(stage, 5 * HOUR_MS)
    stage.drain()
    assert stage.take_changed() == {}


def test_a_prompt_is_told_with_when_it_was_first_sent_and_first_refused() -> None:
    stage = AccountStage(SETTINGS)
    begun(stage)
    for offset_ms, status in ((3000, 429), (5000, 529), (2000, 200), (4000, 200)):
        stage.observe(at(offset_ms, prompt_simhash="0" * 16, status=status))
    stage.observe(at(1000, prompt_simhash="00000000000000ff"))
    one = told(stage.drain()[-1].active)["a"]
    assert one.prompts == ((0, 2000, 3000, BY_HASH), (255, 1000, -1, BY_HASH))


def test_a_long_prompt_without_a_hash_is_known_by_its_shape_and_a_short_one_not_at_all() -> None:
    stage = AccountStage(SETTINGS)
    begun(stage)
    shapes: tuple[tuple[str, dict[str, Any]], ...] = (
        ("a", {"input_tokens": 900, "max_tokens": 100}),
        ("b", {"input_tokens": 900, "max_tokens": 100}),
        ("c", {"input_tokens": 901, "max_tokens": 100}),
        ("d", {"input_tokens": 900}),
        ("e", {"input_tokens": 63, "max_tokens": 100}),
        ("f", {"max_tokens": 100}),
    )
    for name, fields in shapes:
        stage.observe(at(0, name)._replace(**fields))
    found = told(stage.drain()[0].active)
    assert found["a"].prompts == found["b"].prompts
    assert {p[3] for p in found["a"].prompts} == {BY_SHAPE}
    assert len({found[name].prompts for name in "acd"}) == 3
    assert found["e"].prompts == found["f"].prompts == ()


def test_refused_requests_are_counted_for_the_population_with_and_without_a_hash() -> None:
    stage = AccountStage(SETTINGS)
    begun(stage)
    for name in "abc":
        stage.observe(at(0, name, status=429, prompt_simhash="00000000000000ff"))
    stage.observe(at(0, "d", status=529, input_tokens=500))
    stage.observe(at(0, "e", status=429))
    counts = counts_in(stage.drain()[0].summary)
    hashed = codes_of(Feature.REFUSED)[0]
    assert (counts[hashed], counts[hashed + 1]) == (3, 1)


def test_texts_that_are_no_unicode_and_prompts_of_nothing_but_zeros_break_nothing() -> None:
    stage = AccountStage(SETTINGS)
    begun(stage)
    odd = "\ud800"
    stage.observe(
        at(
            0,
            odd,
            odd,
            model=odd,
            plan=odd,
            organization_id=odd,
            device_id=odd,
            session_id=odd,
            language=odd,
            capability=odd,
            prompt_simhash="0" * 16,
        )
    )
    stage.observe(at(0, odd, input_tokens=500, model=odd))
    one = told(stage.drain()[0].active)[odd]
    assert (one.models, one.row["requests"], len(one.prompts)) == ((odd,), 2, 2)


@pytest.mark.parametrize("timestamp_ms", [-1, -(10**15), 0, 4_102_444_800_000])
def test_the_strangest_times_are_late_or_ahead_and_cost_nothing_else(timestamp_ms: int) -> None:
    stage = AccountStage(SETTINGS)
    begun(stage)
    stage.observe(at(0, "odd")._replace(timestamp_ms=timestamp_ms))
    reports = stage.drain()
    assert (stage.counts.used, stage.counts.late + stage.counts.ahead) == (8, 1)
    assert list(rows(reports)) == [("starter", START_WINDOW)]


def test_all_models_of_an_account_are_told_whichever_came_first() -> None:
    for models in (("small", "large", "tiny"), ("tiny", "small", "large")):
        stage = AccountStage(SETTINGS)
        begun(stage)
        for number, model in enumerate(models):
            stage.observe(at(number, model=model))
        stage.observe(at(0, "b", model="tiny"))
        found = told(stage.drain()[0].active)
        assert [found[name].models for name in ("a", "b", "starter")] == [
            ("large", "small", "tiny"),
            ("tiny",),
            ("large",),
        ]


def test_kinds_of_link_that_are_disabled_are_not_told() -> None:
    stage = AccountStage(replace(SETTINGS, link=replace(SETTINGS.link, disabled_kinds=("payment",))))
    begun(stage)
    stage.observe(at(0, payment_fingerprint="p", device_id="d"))
    assert [link.kind for link in told(stage.drain()[0].active)["a"].links] == ["device"]


@pytest.mark.parametrize(
    "disabled, kinds", [(LinkSettings().disabled_kinds, []), ((), ["mail_domain", "network", "tools"])]
)
def test_networks_mail_domains_and_tools_are_told_where_they_are_wanted(
    disabled: tuple[str, ...], kinds: list[str]
) -> None:
    stage = AccountStage(replace(SETTINGS, link=replace(SETTINGS.link, disabled_kinds=disabled)))
    begun(stage)
    stage.observe(at(0, asn=64_500, country="DE", email_domain="mail.example", tools_hash="t"))
    assert sorted(link.kind for link in told(stage.drain()[0].active)["a"].links) == kinds


@pytest.mark.parametrize("first", ["few", "many"])
def test_which_of_too_many_identities_are_kept_does_not_depend_on_the_order(first: str) -> None:
    requests = [at(n, payment_fingerprint=f"p{n}", organization_id=f"o{n % 7}", plan=None) for n in range(100)]
    expected = said(run(requests, batch=1000))
    assert said(run(requests[::-1] if first == "many" else requests[50:] + requests[:50], batch=1000)) == expected


near = st.integers(-LATENESS_MS, 3 * WINDOW_MS) | offsets
asked = st.lists(
    st.lists(st.tuples(near, st.sampled_from("abc"), st.integers(0, 200), st.sampled_from(FIELDS)), max_size=40),
    max_size=8,
)


@given(asked)
def test_requests_taken_in_together_are_taken_in_as_one_after_another(
    batches: list[list[tuple[int, str, int, dict[str, Any]]]],
) -> None:
    together, alone = AccountStage(SETTINGS), AccountStage(SETTINGS)
    begun(together)
    alone.restore(together.snapshot(), ())
    for batch in batches:
        requests = [at(offset_ms, name, f"e{number}", **fields) for offset_ms, name, number, fields in batch]
        together.observe_all(requests)
        for request in requests:
            alone.observe(request)
        assert together.snapshot() == alone.snapshot()
        assert together.advance(together.watermark_ms) == alone.advance(alone.watermark_ms)
    assert together.drain() == alone.drain()
    assert together.counts == alone.counts
