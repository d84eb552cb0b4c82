"""The same requests give the same answer, however they arrive and however many processes look at them."""

from __future__ import annotations

import random

import pytest

from streamer.detection.records import Alert, Membership
from streamer.detection.request import RequestRecord
from tests.detection.pipeline import Pipeline, answer, replay
from tests.detection.traffic import Campaign, settings, shuffled, traffic

SETTINGS = settings()
LATENESS_MS = SETTINGS.window.lateness_s * 1000


@pytest.fixture(scope="module")
def requests() -> list[RequestRecord]:
    return traffic(seed=3, campaign=Campaign(refused_ratio=0.1))


@pytest.fixture(scope="module")
def expected(requests: list[RequestRecord]) -> tuple[object, ...]:
    return answer(replay(requests, SETTINGS))


def test_the_campaign_is_found_and_nobody_else(requests: list[RequestRecord]) -> None:
    decisions = replay(requests, SETTINGS)
    alerts = [d for d in decisions if isinstance(d, Alert) and d.kind == "cluster" and d.severity != "info"]
    named = {d.account_id for d in decisions if isinstance(d, Membership)}
    assert alerts
    assert len(alerts[0].evidence) >= 2
    assert sum(name.startswith("c") for name in named) >= 36
    assert not [name for name in named if name.startswith("p")]


@pytest.mark.parametrize("batch", [1, 97, 10_000_000])
def test_batches_do_not_matter(requests: list[RequestRecord], expected: object, batch: int) -> None:
    assert answer(replay(requests, SETTINGS, batch=batch)) == expected


@pytest.mark.parametrize("seed", [1, 2])
def test_delays_within_the_bound_do_not_matter(requests: list[RequestRecord], expected: object, seed: int) -> None:
    late = shuffled(requests, seed, LATENESS_MS)
    assert late != requests
    assert answer(replay(late, SETTINGS)) == expected


def test_duplicates_do_not_matter(requests: list[RequestRecord], expected: object) -> None:
    rng = random.Random(5)
    doubled = [again for request in requests for again in [request] * rng.choice((1, 1, 2, 3))]
    assert answer(replay(doubled, SETTINGS)) == expected


@pytest.mark.parametrize("sources, links", [(1, 3), (2, 2), (5, 1), (6, 4)])
def test_partitions_do_not_matter(requests: list[RequestRecord], expected: object, sources: int, links: int) -> None:
    pipeline = Pipeline(SETTINGS, sources, links)
    for start in range(0, len(requests), 700):
        pipeline.feed(requests[start : start + 700])
    pipeline.drain()
    assert answer(pipeline.decisions) == expected


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_crashes_and_repeats_do_not_matter(requests: list[RequestRecord], expected: object, seed: int) -> None:
    rng = random.Random(seed)
    pipeline = Pipeline(SETTINGS, 3, 2)
    late = shuffled(requests, seed, LATENESS_MS)
    for start in range(0, len(late), 400):
        pipeline.feed(late[start : start + 400])
        for stage in pipeline.accounts:
            pipeline.pass_on(stage.advance(stage.watermark_ms), times=2)
        if rng.random() < 0.3:
            pipeline.kill_accounts(rng.randrange(3))
        if rng.random() < 0.2:
            pipeline.kill_links(rng.randrange(2))
        if rng.random() < 0.2:
            pipeline.kill_cluster()
    pipeline.drain()
    assert answer(pipeline.decisions) == expected


def test_what_was_decided_does_not_change_when_later_requests_are_cut_away(requests: list[RequestRecord]) -> None:
    cut_ms = requests[-1].timestamp_ms - 6 * 3_600_000
    before = [r for r in requests if r.timestamp_ms < cut_ms]
    window_ms = SETTINGS.window.window_ms
    closed_ms = (max(r.timestamp_ms for r in before) - LATENESS_MS) // window_ms * window_ms

    def early(decisions: list[object]) -> list[object]:
        return [d for d in decisions if isinstance(d, Alert) and d.updated_at <= closed_ms]

    whole, part = early(list(replay(requests, SETTINGS))), early(list(replay(before, SETTINGS)))
    assert whole
    assert whole == part


def test_junk_timestamps_far_ahead_cost_nothing_but_themselves(requests: list[RequestRecord], expected: object) -> None:
    rng = random.Random(9)
    mixed = list(requests)
    for number in range(200):
        at = rng.randrange(20, len(mixed))
        junk = requests[rng.randrange(len(requests))]
        mixed.insert(
            at, junk._replace(event_id=f"junk{number}", timestamp_ms=junk.timestamp_ms + 10 ** rng.randrange(10, 12))
        )
    assert answer(replay(mixed, SETTINGS)) == expected


def test_a_stray_from_long_ago_at_the_start_costs_nothing(requests: list[RequestRecord], expected: object) -> None:
    stray = requests[0]._replace(event_id="old", timestamp_ms=requests[0].timestamp_ms - 100 * 86_400_000)
    assert answer(replay([stray, *requests], SETTINGS)) == expected


def test_one_request_from_the_future_told_many_times_moves_nothing(
    requests: list[RequestRecord], expected: object
) -> None:
    wrong = requests[500]._replace(event_id="wrong", timestamp_ms=requests[500].timestamp_ms + 300 * 86_400_000)
    assert answer(replay([*requests[:500], *[wrong] * 20, *requests[500:]], SETTINGS)) == expected
