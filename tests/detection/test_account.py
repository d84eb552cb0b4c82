"""One account: exact on its way through a record, forgetful by event time, surprised by what is unlike it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as distributions

from streamer.detection.account import MAX_SURPRISE, RECORD_VERSION, AccountState, Standing
from streamer.detection.account_window import AccountWindow
from streamer.detection.evidence import MISSING, Profile
from streamer.detection.population import SETTLED
from streamer.detection.settings import AccountSettings
from tests.detection.handmade import DAY_MS, HOUR_MS, MINUTE_MS, START_MS, WINDOW_MS, at

SETTINGS = AccountSettings()
WHO = Standing("payg", None, None, 0.0, ("large",))


def state() -> AccountState:
    return AccountState(7, START_MS)


def learn(account: AccountState, offsets_ms: list[int], tokens: int | None = 100) -> None:
    seen = AccountWindow()
    for offset_ms in offsets_ms:
        request = at(offset_ms)._replace(output_tokens=tokens)
        seen.add(request, request.timestamp_ms)
    account.learn(seen, SETTINGS)


def describe(account: AccountState, end_offset_ms: int, requests: int = 1, who: Standing = WHO) -> Profile:
    seen = AccountWindow()
    seen.times = [START_MS] * requests
    return account.profile("a", 0, START_MS + end_offset_ms, seen, who)


windows = st.lists(
    st.tuples(
        st.integers(0, 400),
        st.lists(st.integers(0, WINDOW_MS - 1), min_size=1, max_size=6),
        st.none() | st.integers(0, 10**6),
    ),
    max_size=8,
)


def lived(life: list[tuple[int, list[int], int | None]]) -> AccountState:
    account, window = state(), 0
    for skipped, offsets_ms, tokens in life:
        window += 1 + skipped
        learn(account, [window * WINDOW_MS + offset_ms for offset_ms in offsets_ms], tokens)
    return account


@given(windows, windows)
def test_an_account_goes_on_from_its_record_to_the_bit(
    before: list[tuple[int, list[int], int | None]], after: list[tuple[int, list[int], int | None]]
) -> None:
    account = lived(before)
    again = AccountState.unpack(account.key, account.pack())
    assert again.pack() == account.pack()
    window = len(before) + sum(skipped for skipped, _, _ in before)
    assert describe(again, (window + 1) * WINDOW_MS) == describe(account, (window + 1) * WINDOW_MS)
    for skipped, offsets_ms, tokens in after:
        window += 1 + skipped
        times = [window * WINDOW_MS + offset_ms for offset_ms in offsets_ms]
        learn(account, times, tokens)
        learn(again, times, tokens)
    assert again.pack() == account.pack()
    end_ms = (window + 1) * WINDOW_MS
    assert describe(again, end_ms) == describe(account, end_ms)
    assert again.surprise(50) == account.surprise(50)


@given(windows)
def test_totals_are_exact_and_can_be_read_off_a_record(life: list[tuple[int, list[int], int | None]]) -> None:
    account = lived(life)
    requests = sum(len(offsets_ms) for _, offsets_ms, _ in life)
    assert account.requests == requests
    assert account.output_tokens == sum(len(offsets_ms) * (tokens or 0) for _, offsets_ms, tokens in life)
    assert AccountState.peek(account.pack()) == (account.last_ms, requests)


@given(st.permutations(range(0, 60, 10)))
def test_the_order_within_a_window_does_not_matter(minutes: list[int]) -> None:
    ordered, mixed = state(), state()
    learn(ordered, [minute * MINUTE_MS // 10 for minute in sorted(minutes)])
    learn(mixed, [minute * MINUTE_MS // 10 for minute in minutes])
    assert mixed.pack() == ordered.pack()


def test_a_record_is_small() -> None:
    account = state()
    for hour in range(100):
        learn(account, [hour * HOUR_MS, hour * HOUR_MS + 5])
    assert len(account.pack()) <= 200


@pytest.mark.parametrize(
    "spoil", [lambda r: bytes([RECORD_VERSION + 1]) + r[1:], lambda r: r[:-1], lambda r: r + b"\0"]
)
def test_a_record_of_another_version_or_length_is_refused(spoil: object) -> None:
    assert callable(spoil)
    with pytest.raises(ValueError, match="expected version"):
        AccountState.unpack(7, spoil(state().pack()))


def test_the_hours_ring_holds_the_last_24_hours() -> None:
    account = state()
    for hour, count in ((0, 3), (1, 2), (23, 4)):
        learn(account, [hour * HOUR_MS + number for number in range(count)])
    assert describe(account, 24 * HOUR_MS).requests_24h == 9
    learn(account, [24 * HOUR_MS])  # takes the place of hour 0
    assert describe(account, 25 * HOUR_MS).requests_24h == 7
    learn(account, [46 * HOUR_MS])
    assert describe(account, 47 * HOUR_MS).requests_24h == 6
    learn(account, [47 * HOUR_MS])
    assert describe(account, 48 * HOUR_MS).requests_24h == 3
    learn(account, [1000 * HOUR_MS])
    assert describe(account, 1001 * HOUR_MS).requests_24h == 1
    assert account.requests == 13


def test_a_day_of_silence_empties_the_ring() -> None:
    account = state()
    for hour in range(24):
        learn(account, [hour * HOUR_MS])
    assert describe(account, 24 * HOUR_MS).requests_24h == 24
    learn(account, [100 * HOUR_MS])
    assert describe(account, 101 * HOUR_MS).requests_24h == 1


def test_several_windows_of_an_hour_add_up() -> None:
    account = state()
    for window in range(6):
        learn(account, [window * WINDOW_MS])
    assert describe(account, HOUR_MS).requests_24h == 6
    assert account.active.bit_count() == 1


def test_an_hour_that_overflows_its_place_stays_full() -> None:
    account = state()
    learn(account, [0] * 70_000, tokens=None)
    assert describe(account, HOUR_MS).requests_24h == 0xFFFF
    assert account.requests == 70_000
    assert AccountState.unpack(7, account.pack()).pack() == account.pack()


def test_what_is_too_little_to_say_is_missing() -> None:
    account = state()
    learn(account, [0, 1], tokens=None)
    thin = describe(account, WINDOW_MS)
    assert (thin.hours_bin, thin.rhythm_bin, thin.output_bin) == (MISSING, MISSING, MISSING)
    learn(account, [WINDOW_MS + second * 1000 for second in range(5)], tokens=7)
    full = describe(account, 2 * WINDOW_MS)
    assert MISSING not in (full.hours_bin, full.rhythm_bin, full.output_bin)
    assert full.output_bin == 4 * 3  # log2(1 + 7) in quarters


def test_regular_gaps_make_a_low_rhythm_and_sessions_a_high_one() -> None:
    clock, person = state(), state()
    for number in range(30):
        learn(clock, [number * 20 * MINUTE_MS])
    for day in range(6):
        learn(person, [day * DAY_MS + second * 1000 for second in (0, 2, 7, 9, 30)])
    assert 0 <= describe(clock, 10 * HOUR_MS).rhythm_bin < 3 < describe(person, 6 * DAY_MS).rhythm_bin
    learn(person, [60 * DAY_MS])
    assert describe(person, 61 * DAY_MS).rhythm_bin == MISSING  # forgotten


def test_age_counts_from_the_creation_where_it_is_known() -> None:
    account = state()
    learn(account, [0])
    unknown = describe(account, DAY_MS)
    old = describe(account, DAY_MS, who=WHO._replace(created_ms=START_MS - 300 * DAY_MS))
    not_yet = describe(account, DAY_MS, who=WHO._replace(created_ms=START_MS + 300 * DAY_MS))
    assert not_yet.age_bin == 0 < unknown.age_bin < old.age_bin


def test_volume_is_a_rate_per_day_seen_and_of_an_hour_at_least() -> None:
    account = state()
    learn(account, [0] * 10)
    early, later, settled = (describe(account, end) for end in (WINDOW_MS, 6 * HOUR_MS, 3 * DAY_MS))
    assert early.volume_bin == describe(account, HOUR_MS).volume_bin > later.volume_bin > settled.volume_bin
    assert (early.span_class, later.span_class, settled.span_class) == (0, 1, SETTLED)


@given(st.lists(st.integers(1, 60), max_size=20), st.integers(1, 3000))
def test_more_requests_are_never_less_of_a_surprise(habit: list[int], requests: int) -> None:
    account = state()
    for window, count in enumerate(habit):
        learn(account, [window * WINDOW_MS] * count)
    assert 0.0 <= account.surprise(requests) <= account.surprise(requests + 1) <= MAX_SURPRISE


def test_what_is_usual_for_one_account_surprises_in_another() -> None:
    busy, quiet = state(), state()
    for window in range(50):
        learn(busy, [window * WINDOW_MS + number for number in range(40 + window % 7)])
        learn(quiet, [window * WINDOW_MS])
    assert busy.surprise(50) == 0.0
    assert quiet.surprise(50) > 5


def test_the_surprise_of_a_newcomer_is_the_tail_of_the_prior() -> None:
    # Mean 3 of which 1 is certain; variance 9: a negative binomial over the other requests.
    excess, shape = 2.0, 4.0 / 7.0
    tail = distributions.nbinom.sf(38, shape, shape / (shape + excess))
    assert 10 ** -state().surprise(40) == pytest.approx(tail, rel=1e-6)


def test_a_habit_is_forgotten_by_half_life() -> None:
    fresh, stale = state(), state()
    for window in range(50):
        learn(fresh, [window * WINDOW_MS + number for number in range(40)])
        learn(stale, [window * WINDOW_MS + number for number in range(40)])
    learn(stale, [200 * DAY_MS])
    assert stale.usage.mean.n < 1.1
    assert stale.surprise(100) > fresh.surprise(100)
