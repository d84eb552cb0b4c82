"""What is counted of addresses and of what is asked for, against counting one by one."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as trials
from hypothesis import strategies as st

from streamer.detection.account_learning import MEAN, N
from streamer.detection.open_window import UNKNOWN, OpenWindow
from streamer.detection.request import RequestRecord
from streamer.detection.segments import Segments
from tests.detection.handmade import DAY_MS, START_MS, WINDOW_MS, at
from tests.detection.test_account_learning import Accounts

ADDRESSES = [f"192.0.2.{number}" for number in range(1, 6)]

places = st.lists(st.tuples(st.sampled_from("abc"), st.integers(-1, 40)), min_size=1, max_size=30)


@given(places, st.sampled_from([1, 8, 16, 31]))
def test_places_are_counted_for_each_account_on_its_own(found: list[tuple[str, int]], width: int) -> None:
    seen = OpenWindow()
    for number, (name, _) in enumerate(found):
        seen.add([at(number, name)], [START_MS + number])
    columns = seen.columns()
    cut = Segments(columns)
    place = np.array([found[time_ms - START_MS][1] for time_ms in columns.time_ms.tolist()])
    counts = cut.count(place, width)
    assert counts.shape == (len({name for name, _ in found}), width)
    for row, account_id in zip(counts.tolist(), columns.account_ids, strict=True):
        mine = [at for name, at in found if name == account_id and at != UNKNOWN]
        expected = Counter(at % width for at in mine)
        assert row == [expected[at] for at in range(width)]


windows = st.lists(
    st.lists(st.tuples(st.sampled_from("ab"), st.none() | st.sampled_from(ADDRESSES)), min_size=1, max_size=6),
    min_size=1,
    max_size=5,
)


def sent(found: list[list[tuple[str, str | None]]], rng: random.Random | None = None) -> list[RequestRecord]:
    """Requests window by window; with `rng`, those of a window are sent in another order."""
    requests = []
    for window, asked in enumerate(found):
        ordered = rng.sample(asked, len(asked)) if rng else asked
        requests += [at(window * WINDOW_MS + n, name, client_ip=ip) for n, (name, ip) in enumerate(ordered)]
    return requests


@trials(max_examples=80)
@given(windows, st.randoms(use_true_random=False))
def test_how_often_the_address_changed_does_not_depend_on_the_order_within_a_window(
    found: list[list[tuple[str, str | None]]], rng: random.Random
) -> None:
    one, other = Accounts(), Accounts()
    one.take(sent(found))
    other.take(sent(found, rng))
    for name in {name for asked in found for name, _ in asked}:
        for part in ("moves", "address"):
            # The weights fade from the last request of a window, which shuffling moves by some milliseconds.
            assert one.state(name)[part].tolist() == pytest.approx(other.state(name)[part].tolist(), rel=1e-5)


def moves(*found: list[str | None]) -> tuple[float, float]:
    """Weight and mean of the changes of one account."""
    one = Accounts()
    one.take(sent([[("a", ip) for ip in asked] for asked in found]))
    state = one.state()
    return float(state["moves"][N]), float(state["moves"][MEAN])


@pytest.mark.parametrize(
    "found, requests, changes",
    [
        ([["1"] * 4], 4, 0),
        ([["1", "2", "1", "2"]], 4, 1),  # two addresses are one change, however often it went to and fro
        ([["1", "2", "3", "4"]], 4, 3),
        ([["1"], ["1"], ["1"]], 3, 0),
        ([["1"], ["2"], ["3"]], 3, 2),
        ([["1"], ["2", "3"]], 3, 2),
        ([["1"], ["1", "2"]], 3, 1),
        ([["1"], [None], ["1"]], 2, 0),  # of whom nothing is told in between nothing is counted
        ([["1"], [None], ["2"]], 2, 1),
        ([[None, None]], 0, 0),
    ],
)
def test_changes_of_address_are_counted_over_windows(
    found: list[list[str | None]], requests: int, changes: int
) -> None:
    weight, mean = moves(*([ip and f"192.0.2.{ip}" for ip in asked] for asked in found))
    assert weight == pytest.approx(requests, rel=0.05)
    assert weight * mean == pytest.approx(changes, rel=0.05)


@given(st.lists(st.booleans(), min_size=1, max_size=12))
def test_the_share_of_requests_with_a_system_prompt_is_counted(prompted: list[bool]) -> None:
    one = Accounts()
    one.take([at(n, system_prompt_hash="p" if has else None) for n, has in enumerate(prompted)])
    assert one.state()["prompted"].tolist() == pytest.approx([len(prompted), sum(prompted) / len(prompted)])


def test_what_was_asked_for_is_forgotten_by_half_in_three_days() -> None:
    one = Accounts()
    one.take([at(n, capability="code", language="en") for n in range(8)])
    one.take([at(3 * DAY_MS, capability="math", language="fr")])
    for mix in ("capability_mix", "language_mix"):
        assert sorted(one.state()[mix].tolist())[-2:] == pytest.approx([1.0, 4.0], rel=1e-4)
