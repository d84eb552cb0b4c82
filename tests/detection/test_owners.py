"""Who answers for a group, and whom nobody answers for."""

from __future__ import annotations

import numpy as np
import pytest

from streamer.detection.families import Passing, Table
from streamer.detection.member_table import members_of
from streamer.detection.owners import is_accountable, is_office, keep_hours, strangers
from streamer.detection.profile import SETTLED
from tests.detection.handmade import DAY_MS, SLOTS, START_WINDOW, rows_of, slots_of
from tests.detection.people import EVEN, LONG, SETTINGS, alarms, group


def owned(organizations: list[int], places: list[tuple[int, int, int]]) -> Table:
    rows = rows_of([f"o{number}" for number in range(len(organizations))])
    rows["organization"], rows["place"] = organizations, places
    return Table(members_of(rows, START_WINDOW, 1.0, 0.0))


def test_accounts_of_one_owner_are_left_out_of_a_group_of_strangers() -> None:
    nowhere = (0, 0, 0)
    of_a_firm = strangers(owned([7, 7, 7, 0, 0, 8, 8], [nowhere] * 7))
    assert of_a_firm.rows["organization"].tolist() == [0, 0, 8, 8]
    at_one_desk = strangers(owned([0] * 5, [(1, 5, 9), (2, 5, 9), (3, 5, 9), (4, 5, 8), (5, 6, 9)]))
    assert at_one_desk.rows["place"][:, 0].tolist() == [4, 5]
    assert len(strangers(owned([7] * 9, [nowhere] * 9))) == 9  # all one owner's: left to be told so


def test_one_card_at_one_address_answers_for_its_accounts_and_one_card_alone_does_not() -> None:
    assert is_accountable(owned([0] * 10, [(number, 5, 9) for number in range(10)]), SETTINGS)
    assert not is_accountable(owned([0] * 10, [(0, number + 1, 9) for number in range(10)]), SETTINGS)


@pytest.mark.parametrize(
    "cards, addresses, answers",
    [
        (1, 1, True),
        (1, 8, True),  # a firm's servers
        (2, 8, True),
        (3, 8, False),
        (1, 48, False),  # exits of a proxy: two accounts at each
        (1, 96, False),
    ],
)
def test_a_card_answers_for_those_of_its_accounts_that_are_several_at_an_address(
    cards: int,
    addresses: int,
    answers: bool,  # noqa: FBT001
) -> None:
    places = [(0, 1 + number % addresses, 1 + number // 32 % cards) for number in range(96)]
    assert is_accountable(owned([0] * 96, places), SETTINGS) is answers


def at_work(*, hours: int, addresses: int = 1) -> Table:
    """Accounts that ask all the time for some hours of a day, each beginning at another."""
    rows = rows_of([f"w{number}" for number in range(20)])
    day = np.arange(SLOTS) < hours * 6
    rows["slots"] = slots_of(np.stack([np.roll(day, 6 * number) for number in range(20)]))
    rows["place"] = [(0, 1 + number % addresses, number) for number in range(20)]
    rows["before_ms"] = rows["first_seen_ms"] + DAY_MS
    return Table(members_of(rows, START_WINDOW, 1.0, 0.0))


@pytest.mark.parametrize(
    "hours, addresses, office", [(8, 1, True), (12, 1, True), (13, 1, False), (8, 2, False), (24, 1, False)]
)
def test_an_office_is_at_one_address_and_rests(hours: int, addresses: int, office: bool) -> None:  # noqa: FBT001
    assert is_office(at_work(hours=hours, addresses=addresses), SETTINGS) is office


def test_of_those_who_have_only_just_come_it_is_not_known_whether_they_rest() -> None:
    fresh = at_work(hours=8)
    fresh.rows["span"] = SETTLED - 1
    assert not is_office(fresh, SETTINGS)


@pytest.mark.parametrize("hours, rests", [(1, True), (14, True), (15, False), (24, False)])
def test_who_works_by_day_keeps_hours_wherever_it_works(hours: int, rests: bool) -> None:  # noqa: FBT001
    working = at_work(hours=hours, addresses=20)
    assert keep_hours(working) is rests


@pytest.mark.parametrize("hours, least, rests", [(2, 12, True), (2, 13, False), (14, 84, True), (15, 12, False)])
def test_what_rests_because_it_does_little_may_be_held_to_show_nothing(hours: int, least: int, rests: bool) -> None:  # noqa: FBT001
    assert keep_hours(at_work(hours=hours, addresses=20), least) is rests


@pytest.mark.parametrize("known, rests", [(10, True), (9, False)])
def test_of_half_of_them_a_day_must_be_known(known: int, rests: bool) -> None:  # noqa: FBT001
    working = at_work(hours=8, addresses=20)
    working.rows["before_ms"][known:] -= 1
    assert keep_hours(working) is rests


def test_where_nothing_is_known_of_addresses_there_is_no_office() -> None:
    nowhere = at_work(hours=8)
    nowhere.rows["place"] = 0
    assert not is_office(nowhere, SETTINGS)


@pytest.mark.parametrize("hours, passed, alarm", [(8, 0, False), (8, 4, False), (16, 0, True)])
def test_an_office_that_shares_out_its_work_evenly_is_no_alarm(hours: int, passed: int, alarm: bool) -> None:  # noqa: FBT001
    rows = group(40, fixed={**EVEN, **LONG})
    rows["place"] = (0, 5, 0)
    rows["slots"] = at_work(hours=hours).rows["slots"][np.arange(40) % 20]
    assert bool(alarms(rows, passing=Passing(passed, 0.5))) is alarm


@pytest.mark.parametrize(
    "kind, hours, passed, alarm",
    [
        ("template", 8, 0, False),
        ("address_block", 8, 0, False),
        ("template", 16, 0, True),
        ("template", 8, 4, True),
        ("payment", 8, 0, False),
        ("device", 8, 0, False),
        ("payment", 1, 0, True),  # who does little rests by chance
        ("device", 16, 0, True),
        ("payment", 8, 4, True),
    ],
)
def test_who_keeps_hours_and_passes_nothing_on_is_no_alarm_however_evenly_they_work(
    kind: str,
    hours: int,
    passed: int,
    alarm: bool,  # noqa: FBT001
) -> None:
    rows = group(40, fixed={**EVEN, **LONG})
    rows["before_ms"] = rows["first_seen_ms"] + DAY_MS
    rows["slots"] = at_work(hours=hours, addresses=20).rows["slots"][np.arange(40) % 20]
    assert bool(alarms(rows, kind, Passing(passed, 0.5))) is alarm
