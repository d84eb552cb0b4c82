"""An account is told of a few times a day at most, as one row of numbers that says what it does."""

from __future__ import annotations

import random
from collections import Counter
from itertools import groupby
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as trials
from hypothesis import strategies as st

from streamer.detection.account_book import ACCOUNT, CAPABILITIES, LANGUAGES, Accounts
from streamer.detection.account_stage import AccountStage
from streamer.detection.behaviour import (
    BEHAVIOUR,
    MIN_REQUESTS,
    NUMBERS,
    OF_PROGRAMS,
    TOLD_EVERY_MS,
    WIDTH,
    behaviour_of,
    due,
)
from streamer.detection.evidence import WindowReport
from streamer.detection.open_window import bit_of
from streamer.detection.request import RequestRecord
from tests.detection.handmade import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    START_MS,
    WINDOW_MS,
    at,
    begun,
    default_settings,
    key_of,
)

MIXES = WIDTH - len(NUMBERS)
NONE = np.zeros(1, dtype=np.int64)


def records(keys: list[int], requests: int = 10) -> Accounts:
    state = np.zeros(len(keys), dtype=ACCOUNT)
    state["key"], state["requests"] = np.array(keys, dtype=np.uint64), requests
    return state


def reported(requests: list[RequestRecord]) -> list[WindowReport]:
    stage = AccountStage(default_settings(), 0, track_changes=False)
    reports = []
    ordered = sorted(requests, key=lambda request: request.timestamp_ms // WINDOW_MS)
    for window, sent in groupby(ordered, key=lambda request: request.timestamp_ms // WINDOW_MS):
        begun(stage, window * WINDOW_MS - START_MS)  # so many at once are believed, however far ahead
        for request in sent:
            stage.observe(request)
        reports += stage.advance(stage.watermark_ms)
    return reports + stage.drain()


def rows_in(reports: list[WindowReport], name: str = "a") -> list[tuple[int, Any]]:
    """The rows that were told of an account, each with its window."""
    found = []
    for report in reports:
        rows = np.frombuffer(report.active.behaviour, dtype=BEHAVIOUR)
        found += [(report.window, row) for row in rows[rows["key"] == key_of(name)]]
    return found


def told(*offsets_ms: int, **fields: Any) -> dict[str, float]:
    """The numbers of the last row that is told of an account with such requests."""
    return numbers(rows_in(reported([at(offset_ms, **fields) for offset_ms in offsets_ms]))[-1][1])


def numbers(row: Any) -> dict[str, float]:
    assert len(row["values"]) == WIDTH == MIXES + len(NUMBERS)
    return dict(zip(NUMBERS, row["values"][MIXES:].tolist(), strict=True))


@given(st.integers(0, 2**64 - 1), st.lists(st.integers(1, 40), min_size=1, max_size=60))
def test_an_account_is_told_of_once_in_each_six_hours_of_its_own(key: int, steps: list[int]) -> None:
    state, start_ms = records([key]), START_MS
    stretches = []
    for step in steps:
        start_ms += step * WINDOW_MS
        if due(state, NONE, start_ms)[0]:
            stretches.append((start_ms + key % TOLD_EVERY_MS) // TOLD_EVERY_MS)
        # It is told of as soon as its next stretch has begun.
        assert stretches[-1] == (start_ms + key % TOLD_EVERY_MS) // TOLD_EVERY_MS
    assert len(stretches) == len(set(stretches))


def test_accounts_have_their_turns_at_all_hours() -> None:
    keys = [key_of(f"a{number}") for number in range(3600)]
    state = records(keys)
    due(state, NONE, START_MS - WINDOW_MS)
    turns = [int(due(state, NONE, START_MS + window * WINDOW_MS).sum()) for window in range(36)]
    assert sum(turns) == len(keys)
    assert 50 < min(turns) <= max(turns) < 160


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, unique=True), st.randoms(use_true_random=False))
def test_the_turns_are_the_same_in_any_order_and_company(keys: list[int], rng: random.Random) -> None:
    mixed = rng.sample(keys, len(keys))
    whole, other = records(keys), records(mixed)
    parts = [records([key]) for key in keys]
    for window in (0, 1, 20, 36, 37, 60):
        start_ms = START_MS + window * WINDOW_MS
        turns = due(whole, NONE, start_ms).tolist()
        assert turns == [bool(due(part, NONE, start_ms)[0]) for part in parts]
        assert dict(zip(keys, turns, strict=True)) == dict(zip(mixed, due(other, NONE, start_ms).tolist(), strict=True))


def test_who_made_four_times_as_many_requests_is_told_of_before_its_turn() -> None:
    told_at = []
    state, sent = records([key_of("busy")], 0), 0
    for window in range(20):  # all within one turn
        counts = np.array([10])
        sent += 10
        state["requests"] = sent
        if due(state, counts, START_MS + key_of("busy") % WINDOW_MS + window)[0]:
            told_at.append(sent)
    assert told_at == [10, 20, 70]


@pytest.mark.parametrize("requests, rows", [(MIN_REQUESTS - 1, 0), (MIN_REQUESTS, 1)])
def test_who_asked_a_few_times_only_is_not_told_of_and_has_its_turn_when_it_did(requests: int, rows: int) -> None:
    sent = [at(number * 1000) for number in range(requests)]
    found = rows_in(reported(sent))
    assert len(found) == rows
    later = rows_in(reported([*sent, at(WINDOW_MS)]))
    assert [int(row["total_requests"]) for _, row in later] == [5]


lives = st.lists(
    st.tuples(st.integers(0, 200), st.sampled_from("abc"), st.sampled_from(["en", "de", None]), st.integers(0, 900)),
    min_size=8,
    max_size=40,
)


@trials(max_examples=25)
@given(lives, st.randoms(use_true_random=False))
def test_what_is_told_does_not_depend_on_order_nor_on_who_else_is_in_the_partition(
    life: list[tuple[int, str, str | None, int]], rng: random.Random
) -> None:
    sent = [
        at(window * WINDOW_MS + number, name, f"e{number}", language=language, output_tokens=tokens)
        for number, (window, name, language, tokens) in enumerate(life)
    ]
    whole, mixed = reported(sent), reported(rng.sample(sent, len(sent)))
    for name in "abc":
        expected = [(window, row.tobytes()) for window, row in rows_in(whole, name)]
        alone = reported([request for request in sent if request.account_id == name])
        for reports in (mixed, alone):
            assert [(window, row.tobytes()) for window, row in rows_in(reports, name)] == expected


def test_a_row_says_who_it_is_of_and_what_it_asked_for_in_all() -> None:
    sent = [at(number * 1000, output_tokens=100) for number in range(7)]
    ((_, row),) = rows_in(reported(sent))
    assert row["key"] == key_of("a")
    assert row["first_seen_ms"] == START_MS
    assert (row["total_requests"], row["total_output_tokens"]) == (7, 700)


words = st.lists(st.sampled_from(["code", "math", "law", "art", None]), min_size=5, max_size=20)


@trials(max_examples=40)
@given(words, words)
def test_shares_are_those_of_what_was_asked_for_and_sum_to_one(
    capabilities: list[str | None], languages: list[str | None]
) -> None:
    length = min(len(capabilities), len(languages))
    sent = [at(n * 1000, capability=capabilities[n], language=languages[n]) for n in range(length)]
    values = rows_in(reported(sent))[-1][1]["values"].astype(float)
    for shares, found in (
        (values[:CAPABILITIES], capabilities[:length]),
        (values[CAPABILITIES : CAPABILITIES + LANGUAGES], languages[:length]),
    ):
        known = [word for word in found if word is not None]
        if not known:
            assert np.isnan(shares).all()
            continue
        assert shares.sum() == pytest.approx(1.0, abs=0.003)
        counts = Counter(bit_of(word) % len(shares) for word in known)
        assert shares == pytest.approx([counts[place] / len(known) for place in range(len(shares))], abs=0.001)


def test_what_a_gateway_does_not_tell_is_no_number() -> None:
    silent = told(*range(0, 6000, 1000))
    ((_, row),) = rows_in(reported([at(number) for number in range(6)]))
    assert np.isnan(row["values"][: CAPABILITIES + LANGUAGES]).all()
    of_fields = {"output", "output_spread", "input", "input_spread", "limit", "limit_spread", "follow", "moves"}
    of_fields |= {"steady_capability", "steady_language", "steady_limit"}
    assert {name for name, value in silent.items() if np.isnan(value)} == of_fields
    full = told(
        *range(0, 6000, 1000),
        output_tokens=7,
        input_tokens=3,
        max_tokens=15,
        session_id="s",
        client_ip="192.0.2.1",
        capability="c",
        language="en",
    )
    assert not any(map(np.isnan, full.values()))
    assert (full["output"], full["input"], full["limit"]) == (3.0, 2.0, 4.0)
    assert (full["output_spread"], full["moves"], full["prompted"]) == (0.0, 0.0, 0.0)


def test_the_numbers_say_what_they_are_called() -> None:
    regular = told(*(n * 2 * MINUTE_MS for n in range(5)), system_prompt_hash="p")
    assert regular["volume"] == pytest.approx(np.log2(6), abs=0.01)
    assert regular["gap"] == pytest.approx(np.log2(121), abs=0.01)
    assert (regular["gap_spread"], regular["prompted"], regular["concentration"]) == (0.0, 1.0, 1.0)
    spread = told(*(n * 8 * HOUR_MS for n in range(9)))
    assert spread["hours"] == 1.0 > regular["hours"]
    assert spread["concentration"] == pytest.approx(0.0, abs=0.01)


def test_age_counts_from_the_creation_where_it_is_earlier() -> None:
    ends_ms = START_MS + HOUR_MS
    state = records([1, 2, 3])
    state["first_ms"] = START_MS
    created = np.array([0, START_MS - 30 * DAY_MS, START_MS + DAY_MS])
    ages = behaviour_of(state, ends_ms, created)["values"][:, -1].tolist()
    assert ages == pytest.approx([1.0, np.log2(1 + 721), 1.0], abs=0.01)


def test_what_is_beyond_all_measure_stays_a_number() -> None:
    state = records([1])
    state["output"] = (1.0, 1e300, 1e300)
    values = behaviour_of(state, START_MS, np.zeros(1, dtype=np.int64))["values"]
    assert not np.isinf(values).any()


def steadiness(*sent: dict[str, Any]) -> dict[str, float]:
    """How steady an account is that sends such requests, a minute apart."""
    requests = [at(number * MINUTE_MS, **fields) for number, fields in enumerate(sent)]
    row = numbers(rows_in(reported(requests))[-1][1])
    return {name.removeprefix("steady_"): value for name, value in row.items() if name.startswith("steady_")}


def test_who_does_one_thing_for_a_while_is_steady() -> None:
    fields = ("system_prompt_hash", "model", "capability", "language", "max_tokens")
    one: dict[str, Any] = dict(zip(fields, ("p", "m", "c", "en", 9), strict=True))
    other: dict[str, Any] = dict(zip(fields, ("q", "n", "d", "fr", 8), strict=True))
    assert set(steadiness(*[one] * 6).values()) == {1.0}
    assert set(steadiness(*[one, other] * 3).values()) == {0.0}
    for name, field in (("system", "system_prompt_hash"), ("limit", "max_tokens"), ("capability", "capability")):
        changing = steadiness(one, one, one, {**one, field: other[field]}, one)
        assert changing == {**dict.fromkeys(changing, 1.0), name: 0.5}


def test_the_last_request_of_a_window_is_compared_with_the_first_of_the_next() -> None:
    same = [at(0, model="m"), at(WINDOW_MS, model="m"), *[at(2 * WINDOW_MS + n, model="n") for n in range(3)]]
    row = numbers(rows_in(reported(same))[-1][1])
    assert row["steady_model"] == pytest.approx(0.75, abs=0.01)


def test_only_two_requests_that_both_tell_are_compared() -> None:
    told_of: dict[str, Any] = {"capability": "c"}
    assert steadiness(told_of, {}, told_of, told_of, {}, told_of)["capability"] == 1.0
    assert np.isnan(steadiness(told_of, {}, told_of, {}, told_of, {})["capability"])


def test_to_send_no_system_prompt_is_a_way_to_ask_as_well() -> None:
    prompted = {"system_prompt_hash": "p"}
    assert steadiness({}, {}, prompted, {}, prompted)["system"] == 0.25


def test_requests_of_one_moment_are_compared_in_the_same_order_whoever_came_first() -> None:
    sent = [at(0, model=f"m{number % 3}", event_id=f"e{number}") for number in range(9)]
    expected = numbers(rows_in(reported(sent))[-1][1])["steady_model"]
    assert expected == 0.75
    for turn in range(1, 9):
        again = [*sent[turn:], *sent[:turn]]
        assert numbers(rows_in(reported(again))[-1][1])["steady_model"] == expected


def test_when_one_asks_does_not_tell_one_program_from_another() -> None:
    names = [NUMBERS[place - MIXES] for place in OF_PROGRAMS if place >= MIXES]
    assert {"volume", "steady_system", "age"} <= set(names)
    assert {"hours", "concentration"}.isdisjoint(names)
