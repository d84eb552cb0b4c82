"""What a case did over time, in steps without a gap."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.cases.activity import MOST_STEPS, activity_of
from streamer.cases.case import Case
from streamer.cases.records import Hour
from streamer.cases.store import CaseStore
from tests.cases.made_up import ALERT_ID, BEGAN, alert, text


def case_of(*revisions: dict[str, object]) -> Case:
    store = CaseStore()
    for number, each in enumerate(revisions, 1):
        store.alert(alert(revision=number, **each))  # type: ignore[arg-type]
    found = store.case(ALERT_ID)
    assert found is not None
    return found


def hours(*told: tuple[int, int, int]) -> tuple[Hour, ...]:
    return tuple(Hour(text(BEGAN + timedelta(hours=hour)), requests, accounts) for hour, requests, accounts in told)


def test_hours_without_requests_are_shown_as_such() -> None:
    activity = activity_of(case_of({"timeline": hours((0, 5, 2), (3, 7, 4))}))
    assert [(step.request_count, step.account_count) for step in activity.steps] == [(5, 2), (0, 0), (0, 0), (7, 4)]
    assert not activity.from_revisions


def test_the_alert_is_marked_where_it_was() -> None:
    activity = activity_of(case_of({"timeline": hours((0, 5, 2), (9, 7, 4))}))
    assert [mark.label for mark in activity.marks] == ["began", "alert"]
    assert [mark.hour - activity.steps[0].hour for mark in activity.marks] == pytest.approx([0, 4 + 20 / 60])
    assert [mark.label for mark in activity_of(case_of({"timeline": hours((0, 5, 2))})).marks] == ["began"]


def test_without_hours_the_growth_between_revisions_is_spread() -> None:
    at = [text(BEGAN + timedelta(hours=hour)) for hour in (1, 4)]
    activity = activity_of(
        case_of(
            {"updated_at": at[0], "request_count": 10, "account_count": 3},
            {"updated_at": at[1], "request_count": 17, "account_count": 5},
        )
    )
    assert activity.from_revisions
    assert [(step.request_count, step.account_count) for step in activity.steps] == [
        (5, 3),
        (5, 3),
        (2, 5),
        (2, 5),
        (3, 5),
    ]


def test_a_step_of_many_hours_has_all_requests_and_the_busiest_hour() -> None:
    activity = activity_of(case_of({"timeline": hours(*((hour, 10, hour % 7) for hour in range(700)))}))
    assert activity.step_hours == 6
    assert {step.account_count for step in activity.steps[1:-1]} <= {5, 6}
    assert sum(step.request_count for step in activity.steps) == 7_000


def test_where_nothing_is_told_there_is_nothing() -> None:
    assert activity_of(case_of({"updated_at": None, "detected_at": None})).steps == ()
    assert activity_of(case_of({"timeline": (Hour("yesterday", 1, 1),), "updated_at": "now"})).steps == ()


@settings(max_examples=80)
@given(st.dictionaries(st.integers(0, 5_000), st.integers(0, 1_000), min_size=1, max_size=60))
def test_no_request_is_lost_and_the_steps_stay_few(told: dict[int, int]) -> None:
    activity = activity_of(case_of({"timeline": hours(*((hour, count, 1) for hour, count in told.items()))}))
    assert sum(step.request_count for step in activity.steps) == sum(told.values())
    assert len(activity.steps) <= MOST_STEPS + 1
    assert all(b.hour - a.hour == activity.step_hours for a, b in zip(activity.steps, activity.steps[1:], strict=False))
