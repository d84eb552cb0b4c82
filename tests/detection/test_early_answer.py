"""Early words: the same however requests arrive and whoever is killed, in time, and never taken back."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import settings as trials
from hypothesis import strategies as st

from streamer.detection.account_stage import AccountStage
from streamer.detection.evidence import WindowReport
from streamer.detection.records import Alert, Decision, Limit
from streamer.detection.request import RequestRecord
from tests.detection.hammering import (
    LATENESS_MS,
    MINUTE_MS,
    NOON_MS,
    SETTINGS,
    WINDOW_MS,
    hammer,
    ordered,
    people,
    world,
)
from tests.detection.pipeline import Pipeline, answer, replay
from tests.detection.traffic import shuffled

WORLD = world()
EXPECTED = answer(replay(WORLD, SETTINGS))


def firsts(decisions: Sequence[Decision]) -> dict[str, Alert]:
    """The first revision of each account's alert."""
    return {d.accounts[0]: d for d in reversed(decisions) if isinstance(d, Alert)}


class OnlyAtTheClose(Pipeline):
    """The same stages, but nothing that is said early gets through."""

    def pass_on(self, reports: Sequence[WindowReport], times: int = 1) -> None:
        super().pass_on([report for report in reports if not report.early], times)


def run(pipeline: Pipeline, requests: list[RequestRecord], batch: int = 100) -> Pipeline:
    for start in range(0, len(requests), batch):
        pipeline.feed(requests[start : start + batch])
    pipeline.drain()
    return pipeline


def test_who_hammers_is_told() -> None:
    alerts, _, _ = EXPECTED
    told = {alert.accounts[0]: (alert.severity, alert.evidence[0].observed) for alert in alerts}
    assert told == {
        "p1": ("warning", 400.0),
        "new": ("warning", 900.0),
        "edge": ("info", 200.0),
        "p2": ("info", 250.0),
        "two": ("info", 200.0),
    }
    revisions = Counter(alert.accounts[0] for alert in alerts)
    assert revisions == {"p1": 3, "new": 3, "edge": 2, "p2": 2, "two": 2}


@trials(max_examples=6)
@given(
    seed=st.integers(0, 2**32),
    sources=st.integers(1, 4),
    links=st.integers(1, 4),
    batch=st.sampled_from([3, 20, 100, 700, 10_000]),
    repeats=st.booleans(),
)
def test_the_answer_is_the_same_however_they_arrive(
    seed: int, sources: int, links: int, batch: int, *, repeats: bool
) -> None:
    rng = random.Random(seed)
    late = shuffled(WORLD, seed, LATENESS_MS)
    late = [again for request in late for again in [request] * (rng.choice((1, 1, 2)) if repeats else 1)]
    pipeline = Pipeline(SETTINGS, sources, links, max_rows=3)
    for start in range(0, len(late), batch):
        pipeline.feed(late[start : start + batch])
        if repeats:
            for stage in pipeline.accounts:
                pipeline.pass_on(stage.advance(stage.watermark_ms), times=2)
        if rng.random() < 10 * batch / len(late):
            number = rng.randrange(sources)
            # What it told early it tells again: it does not remember, and need not.
            pipeline.kill_accounts(number)
            pipeline.kill_links(rng.randrange(links))
            pipeline.kill_cluster()
    pipeline.drain()
    assert answer(pipeline.decisions) == EXPECTED


def test_what_is_said_early_is_what_the_close_would_say() -> None:
    late = OnlyAtTheClose(SETTINGS, 2, 2)
    alerts, members, limits = answer(run(late, WORLD).decisions)
    assert len(EXPECTED[0]) > len(alerts)
    last = {alert.accounts[0]: alert for alert in EXPECTED[0]}
    for alert in alerts:
        early = last[alert.accounts[0]]
        for name in Alert.__dataclass_fields__:
            assert name == "revision" or getattr(early, name) == getattr(alert, name), name
    assert EXPECTED[1] == members

    def terms(found: list[str]) -> list[str]:
        return [limit.split(", reason=")[0] + limit.split("issued_at=")[1] for limit in found]

    assert terms(EXPECTED[2]) == terms(limits)


def test_nothing_said_early_is_wrong_in_the_end() -> None:
    counts = Counter((r.account_id, r.timestamp_ms // WINDOW_MS) for r in WORLD)
    totals = Counter(r.account_id for r in WORLD)
    seen = 0
    for alert in EXPECTED[0]:
        (account,) = alert.accounts
        (item,) = alert.evidence
        made = counts[account, alert.updated_at // WINDOW_MS - 1]
        early = item.statement.startswith("at least")
        seen += early
        assert item.observed <= made if early else item.observed == made
        assert alert.request_count <= totals[account]
        since_ms = min(r.timestamp_ms for r in WORLD if r.account_id == account)
        # Of one that is new no more is known yet than that it began in this window.
        begin_ms = alert.updated_at - WINDOW_MS
        assert alert.started_at == (begin_ms if early and since_ms > begin_ms else since_ms)
    assert seen == 7


@pytest.mark.parametrize("sources", [1, 3])
def test_it_is_said_while_the_window_is_open(sources: int) -> None:
    pipeline = Pipeline(SETTINGS, sources, 2)
    said: dict[str, int] = {}
    limited: dict[str, int] = {}
    # Of every partition something comes all the time: otherwise nobody could know that the window before is over.
    steady = [hammer(f"steady{number}", -30 * MINUTE_MS, 400, 9000) for number in range(12)]
    for request in ordered(WORLD, *steady):
        known = len(pipeline.decisions)
        pipeline.feed([request])
        for decision in pipeline.decisions[known:]:
            if isinstance(decision, Alert):
                said.setdefault(decision.accounts[0], request.timestamp_ms - NOON_MS)
            elif isinstance(decision, Limit):
                limited.setdefault(decision.account_id, request.timestamp_ms - NOON_MS)
    # 200 requests, 400 for a limit; "new" began after six minutes.
    began_ms, slack_ms = 6 * MINUTE_MS, 12_000
    assert 0 <= said["new"] - began_ms - 199 * 150 < slack_ms
    assert 0 <= limited["new"] - began_ms - 399 * 150 < slack_ms
    assert said["p1"] < 0
    assert "edge" in said


def test_it_is_not_said_before_the_window_before_has_closed() -> None:
    stage = AccountStage(SETTINGS)
    quick = hammer("quick", 0, 600, 100)
    steady = hammer("steady", -10 * MINUTE_MS, 80, 15_000)
    told: list[tuple[int, WindowReport]] = []
    for request in ordered(people(), quick, steady):
        stage.observe(request)
        told += [(request.timestamp_ms, report) for report in stage.advance(stage.watermark_ms) if report.early]
    first_ms, first = told[0]
    assert first_ms == NOON_MS + LATENESS_MS
    assert {count.account_id for count in first.early} == {"quick"}
    assert [count.requests for count in first.early] == [200, 238, 283, 337, 400, 476, 566]
    assert (first.last, first.summary, first.active.account_ids) == (False, b"", [])


def test_late_and_unbelieved_requests_do_not_count() -> None:
    stage = AccountStage(SETTINGS)
    before = [request for request in people() if request.timestamp_ms < NOON_MS]
    burst = hammer("quick", 5 * MINUTE_MS, 199, 100)
    late = [r._replace(event_id=f"late-{r.event_id}", timestamp_ms=r.timestamp_ms - 10 * MINUTE_MS) for r in burst]
    ahead = [r._replace(event_id=f"far-{r.event_id}", timestamp_ms=r.timestamp_ms + 10**9) for r in burst[:7]]
    told = []
    steady = hammer("steady", 5 * MINUTE_MS, 80, 3000)
    for request in [*ordered(before, burst), *burst, *late, *ahead, *steady]:
        stage.observe(request)
        told += [report for report in stage.advance(stage.watermark_ms) if report.early]
    assert told == []
    assert (stage.counts.duplicates, stage.counts.late) == (199, 199)
    stage.observe(hammer("quick", 5 * MINUTE_MS + 19_900, 1, 100)[0])
    for request in hammer("steady", 6 * MINUTE_MS, 30, 1000):
        stage.observe(request)
        told += [report for report in stage.advance(stage.watermark_ms) if report.early]
    assert [count.requests for report in told for count in report.early] == [200]
