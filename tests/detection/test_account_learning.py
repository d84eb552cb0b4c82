"""What is learned of accounts, a window of them at a time, against one account at a time in plain Python."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as trials
from hypothesis import strategies as st
from scipy import stats as distributions

from streamer.detection.account_book import ACCOUNT, AccountBook
from streamer.detection.account_learning import (
    HABIT_HALF_LIFE_S,
    MAX_SURPRISE,
    MEAN,
    SQUARES,
    N,
    concentration,
    learn,
    log_steps,
    surprise,
)
from streamer.detection.account_rows import rows_of
from streamer.detection.identities import Identities
from streamer.detection.open_window import OpenWindow, bit_of
from streamer.detection.profile import BINS, MISSING, PROFILE, SETTLED, Feature
from streamer.detection.request import RequestRecord
from streamer.detection.segments import Segments
from streamer.detection.settings import AccountSettings
from tests.detection.handmade import DAY_MS, HOUR_MS, MINUTE_MS, START_MS, WINDOW_MS, at, bin_of

SETTINGS = AccountSettings(retention_s=10**9, one_off_retention_s=10**9)


class Accounts:
    """Records that take in windows of requests."""

    def __init__(self) -> None:
        self.book = AccountBook(SETTINGS, track_changes=True)
        self.cut: Segments | None = None
        self.slots: dict[str, int] = {}

    def take(self, requests: list[RequestRecord]) -> None:
        """Take in requests in any order, window by window."""
        ordered = sorted(requests, key=lambda r: r.timestamp_ms // WINDOW_MS)
        for window, found in groupby(ordered, key=lambda r: r.timestamp_ms // WINDOW_MS):
            seen = OpenWindow()
            for request in found:
                seen.add([request], [request.timestamp_ms])
            self.cut = cut = Segments(seen.columns())
            names = cut.seen.account_ids
            slots = self.book.open(names, cut.first_ms, window * WINDOW_MS)
            state = self.book.rows[slots]
            who = Identities(()).of(cut.seen)
            learn(state, cut, who.origins, window * WINDOW_MS, SETTINGS)
            self.book.rows[slots] = state
            self.slots |= dict(zip(names, slots.tolist(), strict=True))

    def state(self, name: str = "a") -> Any:
        """The record of an account."""
        return self.book.rows[self.slots[name]]

    def row(self, end_offset_ms: int, created_ms: int = 0) -> dict[str, Any]:
        """What is told of the only account at some time."""
        state = self.book.rows[[self.slots["a"]]]
        seen = OpenWindow()
        seen.add([at(0)], [START_MS])
        row = rows_of(state, Segments(seen.columns()), START_MS + end_offset_ms, np.zeros(1), np.array([created_ms]))[0]
        return {name: row[name].tolist() for name in row.dtype.names}

    def surprise(self, requests: int, name: str = "a") -> float:
        """How surprising as many requests in a window would be."""
        return float(surprise(self.book.rows[[self.slots[name]]], np.array([requests]))[0])


def lived(*offsets_ms: int, **fields: Any) -> Accounts:
    one = Accounts()
    one.take([at(offset_ms, **fields) for offset_ms in offsets_ms])
    return one


@dataclass
class Weighted:
    """Values with the time at which each was learned; weights halve by half-life."""

    half_life_s: float
    values: list[tuple[float, float]] = field(default_factory=list)

    def told(self, now_s: float) -> tuple[float, float, float]:
        weights = [2 ** (-(now_s - at_s) / self.half_life_s) for at_s, _ in self.values]
        total = math.fsum(weights)
        if not total:
            return 0.0, 0.0, 0.0
        mean = math.fsum(w * value for w, (_, value) in zip(weights, self.values, strict=True)) / total
        squares = math.fsum(w * (value - mean) ** 2 for w, (_, value) in zip(weights, self.values, strict=True))
        return total, mean, squares


def steps(value: float) -> float:
    return round(256 * math.log2(1 + value)) / 256


class OneAccount:
    """The same as a record, one request after the other and with everything remembered."""

    def __init__(self) -> None:
        self.requests: list[RequestRecord] = []
        self.means = {name: Weighted(HABIT_HALF_LIFE_S) for name in ("output", "input", "greed", "follow", "gaps")}
        self.usage = Weighted(SETTINGS.baseline_half_life_s)

    def take(self, window: list[RequestRecord]) -> None:
        window = sorted(window, key=lambda r: (r.timestamp_ms, r.session_id or ""))
        now_s = window[-1].timestamp_ms / 1000
        self.usage.values.append((now_s, len(window)))
        for request in window:
            for name, value in (
                ("output", request.output_tokens),
                ("input", request.input_tokens),
                ("greed", request.max_tokens),
            ):
                if value is not None:
                    self.means[name].values.append((now_s, steps(value)))
            if self.requests:
                gap_s = (request.timestamp_ms - self.requests[-1].timestamp_ms) // 1000
                self.means["gaps"].values.append((now_s, steps(gap_s)))
            self.requests.append(request)


@st.composite
def lives(draw: st.DrawFn) -> list[RequestRecord]:
    """Requests of a few accounts over days, most of them close together."""
    found = []
    window = 0
    for _ in range(draw(st.integers(1, 6))):
        window += draw(st.sampled_from([1, 1, 2, 5, 6, 30, 143, 144, 145, 288, 1000]))
        for _ in range(draw(st.integers(1, 6))):
            # Whole seconds apart, for two at once have no order; a window may hold several of one account.
            offset_ms = window * WINDOW_MS + draw(st.integers(0, 599)) * 1000
            found.append(
                at(
                    offset_ms,
                    draw(st.sampled_from("abc")),
                    output_tokens=draw(st.none() | st.integers(0, 2**31 - 1)),
                    input_tokens=draw(st.none() | st.integers(0, 5000)),
                    max_tokens=draw(st.none() | st.sampled_from([0, 1024, 2**31 - 1])),
                    status=draw(st.sampled_from([None, 200, 429, 529, 500])),
                    language=draw(st.none() | st.sampled_from(["en", "de", "fr", "\ud800"])),
                    capability=draw(st.none() | st.sampled_from(["code", "math"])),
                )
            )
    return found


@trials(max_examples=150)
@given(lives(), st.randoms(use_true_random=False))
def test_a_record_is_what_one_account_at_a_time_in_plain_python_gives(seen: list[RequestRecord], rng: Any) -> None:
    many = Accounts()
    mixed = list(seen)
    rng.shuffle(mixed)
    many.take(mixed)
    for name in {request.account_id for request in seen}:
        alone = OneAccount()
        mine = sorted((r for r in seen if r.account_id == name), key=lambda r: r.timestamp_ms)
        for _, window in groupby(mine, key=lambda r: r.timestamp_ms // WINDOW_MS):
            alone.take(list(window))
        state, last = many.state(name), alone.requests[-1].timestamp_ms
        assert (state["first_ms"], state["last_ms"]) == (alone.requests[0].timestamp_ms, last)
        assert state["requests"] == len(mine)
        assert state["output_tokens"] == sum(r.output_tokens or 0 for r in mine)
        hours = Counter(r.timestamp_ms // HOUR_MS for r in mine if r.timestamp_ms // HOUR_MS > last // HOUR_MS - 24)
        assert {h % 24: count for h, count in hours.items()} == {
            h: count for h, count in enumerate(state["hours"].tolist()) if count
        }
        refused = Counter(r.timestamp_ms // DAY_MS for r in mine if r.status in {429, 529})
        assert state["refused"].tolist() == [refused[last // DAY_MS], refused[last // DAY_MS - 1]]
        for mask, words in (("languages", {r.language for r in mine}), ("capabilities", {r.capability for r in mine})):
            assert state[mask] == sum(1 << place for place in {bit_of(word) for word in words} if place >= 0)
        for part, weighted in {**alone.means, "usage": alone.usage}.items():
            if part == "follow":
                continue
            weight, mean, squares = weighted.told(last / 1000)
            assert state[part][N] == pytest.approx(weight, rel=1e-6, abs=1e-9)
            if weight > 1e-6:
                assert state[part][MEAN] == pytest.approx(mean, rel=1e-6, abs=1e-6)
            if part in {"gaps", "usage"}:
                assert state[part][SQUARES] == pytest.approx(squares, rel=1e-6, abs=1e-5)


@given(lives())
def test_who_else_is_in_a_window_and_the_order_of_arrival_change_no_bit(seen: list[RequestRecord]) -> None:
    together, reverse, alone = Accounts(), Accounts(), Accounts()
    together.take(seen)
    reverse.take(seen[::-1])
    for name in {request.account_id for request in seen}:
        alone.take([request for request in seen if request.account_id == name])
        records = {one.book.record(name) for one in (together, reverse, alone)}
        assert len(records) == 1


@given(lives(), st.integers(0, 6))
def test_accounts_go_on_from_their_records_to_the_bit(seen: list[RequestRecord], crash: int) -> None:
    windows = sorted({request.timestamp_ms // WINDOW_MS for request in seen})
    steady, shaky = Accounts(), Accounts()
    stored: dict[str, bytes] = {}
    for number, window in enumerate(windows):
        found = [request for request in seen if request.timestamp_ms // WINDOW_MS == window]
        for one in (steady, shaky):
            one.take(found)
        if number == crash:
            stored |= shaky.book.take_changed()
            shaky = Accounts()
            shaky.book.restore(stored.items(), -1)
    for name in {request.account_id for request in seen}:
        assert shaky.book.record(name) == steady.book.record(name)


@given(st.lists(st.sampled_from(["s1", "s2", None]), min_size=1, max_size=8), st.integers(1, 8))
def test_the_follow_up_share_counts_requests_in_the_session_of_the_one_before(
    sessions: list[str | None], cut: int
) -> None:
    one = Accounts()
    one.take([at((place // cut) * WINDOW_MS + place % cut * 1000, session_id=s) for place, s in enumerate(sessions)])
    # Where the windows are cut makes no difference.
    expected = [s == before for before, s in pairwise([None, *sessions]) if s is not None]
    state = one.state()
    assert state["follow"][N] == pytest.approx(len(expected), rel=0.1)
    if expected:
        assert state["follow"][MEAN] == pytest.approx(sum(expected) / len(expected), abs=0.04)


@given(st.integers(0, 10**12))
def test_log_steps_are_whole_close_and_rise_with_the_count(number: int) -> None:
    found = int(log_steps(number))
    assert abs(found - 256 * math.log2(1 + number)) <= 0.5
    assert log_steps(number + 1) >= found
    assert log_steps([number, 0, number]).tolist() == [found, 0, found]


def test_the_hours_ring_holds_the_last_24_hours() -> None:
    one = lived(0, 1, 2, HOUR_MS, HOUR_MS + 1, *(23 * HOUR_MS + number for number in range(4)))
    assert one.row(24 * HOUR_MS)["requests_24h"] == 9
    for hour, total in ((24, 7), (46, 6), (47, 3), (1000, 1)):
        one.take([at(hour * HOUR_MS)])
        assert one.row((hour + 1) * HOUR_MS)["requests_24h"] == total
    assert one.state()["requests"] == 13


def test_a_day_of_silence_empties_the_ring() -> None:
    one = lived(*(hour * HOUR_MS for hour in range(24)))
    assert one.row(24 * HOUR_MS)["requests_24h"] == 24
    one.take([at(100 * HOUR_MS)])
    assert one.row(101 * HOUR_MS)["requests_24h"] == 1


def test_several_windows_of_an_hour_add_up() -> None:
    row = lived(*(window * WINDOW_MS for window in range(6))).row(HOUR_MS)
    assert row["requests_24h"] == 6
    assert row["active_hours"].bit_count() == 1


def test_what_overflows_its_place_stays_full() -> None:
    one = lived(*[0] * 70_000, status=429)
    assert (one.row(HOUR_MS)["requests_24h"], one.row(HOUR_MS)["refused"]) == (0xFFFF, 0xFFFF)
    assert one.state()["requests"] == 70_000


def test_refusals_are_those_of_today_and_yesterday() -> None:
    one = lived(0, 1, status=529)
    assert one.row(HOUR_MS)["refused"] == 2
    one.take([at(DAY_MS, status=429)])
    assert one.row(DAY_MS + HOUR_MS)["refused"] == 3
    one.take([at(2 * DAY_MS, status=200)])
    assert one.row(2 * DAY_MS + HOUR_MS)["refused"] == 1
    one.take([at(5 * DAY_MS)])
    assert one.row(5 * DAY_MS + HOUR_MS)["refused"] == 0


def test_the_largest_counts_of_tokens_fit() -> None:
    one = lived(*range(10), output_tokens=2**31 - 1, input_tokens=2**31 - 1, max_tokens=2**31 - 1)
    row = one.row(HOUR_MS)
    assert row["total_output_tokens"] == 10 * (2**31 - 1)
    assert {bin_of(row, feature) for feature in (Feature.OUTPUT, Feature.INPUT, Feature.GREED)} == {4 * 31}


def test_what_is_too_little_to_say_is_missing() -> None:
    row = lived(0, 1).row(WINDOW_MS)
    told = (Feature.VOLUME, Feature.AGE)
    for feature in PROFILE:
        assert (bin_of(row, feature) == MISSING) == (feature not in told)
    full = lived(
        *(second * 1000 for second in range(5)),
        output_tokens=7,
        input_tokens=1,
        max_tokens=3,
        session_id="s",
        language="en",
        capability="code",
    ).row(WINDOW_MS)
    assert MISSING not in full["bins"]
    found = [bin_of(full, f) for f in (Feature.OUTPUT, Feature.INPUT, Feature.GREED, Feature.FOLLOW, Feature.TONGUES)]
    assert found == [4 * 3, 4 * 1, 4 * 2, round(16 * 4 / 5), 1]  # log2(1 + 7) in quarters; four of five go on


def test_focus_is_how_often_two_requests_ask_for_the_same() -> None:
    one, two, three = (
        [at(place * 1000, capability=words[place % len(words)]) for place in range(12)]
        for words in (["code"], ["code", "chat"], ["code", "chat", "maths", "law"])
    )
    for requests, place in ((one, 16), (two, 8), (three, 4)):
        accounts = Accounts()
        accounts.take(requests)
        assert bin_of(accounts.row(HOUR_MS), Feature.FOCUS) == place


def test_regular_gaps_make_a_low_rhythm_and_sessions_a_high_one() -> None:
    clock = lived(*(number * 20 * MINUTE_MS for number in range(30)))
    person = lived(*(day * DAY_MS + second * 1000 for day in range(6) for second in (0, 2, 7, 9, 30)))
    assert 0 <= bin_of(clock.row(10 * HOUR_MS), Feature.RHYTHM) < 3
    assert bin_of(person.row(6 * DAY_MS), Feature.RHYTHM) > 3
    person.take([at(60 * DAY_MS)])
    assert bin_of(person.row(61 * DAY_MS), Feature.RHYTHM) == MISSING  # forgotten


def test_age_counts_from_the_creation_where_it_is_known() -> None:
    one = lived(0)
    unknown = bin_of(one.row(DAY_MS), Feature.AGE)
    old = bin_of(one.row(DAY_MS, START_MS - 300 * DAY_MS), Feature.AGE)
    not_yet = bin_of(one.row(DAY_MS, START_MS + 300 * DAY_MS), Feature.AGE)
    assert not_yet == unknown < old < BINS


def test_volume_is_a_rate_per_day_seen_and_of_an_hour_at_least() -> None:
    one = lived(*range(10))
    early, later, settled = (one.row(end_ms) for end_ms in (WINDOW_MS, 6 * HOUR_MS, 3 * DAY_MS))
    volumes = [bin_of(row, Feature.VOLUME) for row in (early, one.row(HOUR_MS), later, settled)]
    assert volumes[0] == volumes[1] > volumes[2] > volumes[3]
    assert (early["span"], later["span"], settled["span"]) == (0, 1, SETTLED)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=20), st.integers(1, 3000))
def test_more_requests_are_never_less_of_a_surprise(habit: list[int], requests: int) -> None:
    one = lived(*(window * WINDOW_MS for window, count in enumerate(habit) for _ in range(count)))
    assert 0.0 <= one.surprise(requests) <= one.surprise(requests + 1) <= MAX_SURPRISE


def test_what_is_usual_for_one_account_surprises_in_another() -> None:
    one = Accounts()
    busy = [at(window * WINDOW_MS + n, "busy") for window in range(50) for n in range(40 + window % 7)]
    one.take([*busy, *(at(window * WINDOW_MS, "quiet") for window in range(50))])
    assert one.surprise(50, "busy") == 0.0
    assert one.surprise(50, "quiet") > 5


def test_the_surprise_of_a_newcomer_is_the_tail_of_the_prior() -> None:
    # Mean 3 of which 1 is certain; variance 9: a negative binomial over the other requests.
    excess, shape = 2.0, 4.0 / 7.0
    tail = distributions.nbinom.sf(38, shape, shape / (shape + excess))
    fresh = np.zeros(1, dtype=ACCOUNT)
    assert 10 ** -surprise(fresh, np.array([40]))[0] == pytest.approx(tail, rel=1e-6)


def test_a_habit_is_forgotten_by_half_life() -> None:
    offsets = [window * WINDOW_MS + number for window in range(50) for number in range(40)]
    fresh, stale = lived(*offsets), lived(*offsets, 200 * DAY_MS)
    assert stale.state()["usage"][N] < 1.1
    assert stale.surprise(100) > fresh.surprise(100)


def mask(*hours: int) -> Any:
    return np.isin(np.arange(24), hours)[np.newaxis, :]


def test_hours_close_together_are_concentrated_whatever_the_hour() -> None:
    office, night = float(concentration(mask(9, 10, 11))[0]), float(concentration(mask(23, 0, 1))[0])
    assert office == pytest.approx(night)
    assert office > 0.9
    assert concentration(mask(0, 12))[0] == pytest.approx(0.0)
    assert concentration(mask())[0] == 1.0


def test_concentration_does_not_depend_on_the_company_in_a_single_bit() -> None:
    rng = np.random.default_rng(1)
    active = rng.random((3000, 24)) < rng.random((3000, 1))
    whole = concentration(active)
    for size in (1, 2, 3, 7, 64, 1000):
        parts = np.concatenate([concentration(active[start : start + size]) for start in range(0, 3000, size)])
        assert np.array_equal(parts, whole)
