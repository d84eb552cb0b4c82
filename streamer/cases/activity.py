"""What a case did over time: its requests and accounts, in steps that a person can take in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from streamer.cases.case import Case
from streamer.cases.records import AlertRecord, hour_number, hours_since_epoch

MOST_STEPS = 120
STEPS_HOURS = (1, 2, 3, 6, 12, 24, 48, 168, 720)


class Step(NamedTuple):
    """One stretch of time, by the number of its first hour: its requests, and the most accounts at work in an hour."""

    hour: int
    request_count: int
    account_count: int


class Mark(NamedTuple):
    """A moment worth knowing, by its place on the axis of hours."""

    hour: float
    label: str


@dataclass(frozen=True, slots=True)
class Activity:
    """Steps without a gap, each `step_hours` long. `from_revisions`: growth between revisions, spread evenly."""

    steps: tuple[Step, ...]
    step_hours: int
    marks: tuple[Mark, ...]
    from_revisions: bool


def activity_of(case: Case) -> Activity:
    """The hours that the alert tells; where it tells none, what each revision added."""
    hours = _hours(case.alert)
    from_revisions = not hours
    if from_revisions:
        hours = _growth(case)
    if not hours:
        return Activity((), 1, (), from_revisions)
    first, last = min(hours), max(hours)
    length = next((each for each in STEPS_HOURS if (last - first) // each < MOST_STEPS), STEPS_HOURS[-1])
    start = first - first % length
    found = {hour: [0, 0] for hour in range(start, last + 1, length)}
    for hour, (requests, accounts) in hours.items():
        step = found[hour - (hour - start) % length]
        step[0] += requests
        step[1] = max(step[1], accounts)
    steps = tuple(Step(hour, requests, accounts) for hour, (requests, accounts) in found.items())
    return Activity(steps, length, _marks(case.alert, start, start + length * len(steps)), from_revisions)


def _hours(alert: AlertRecord) -> dict[int, tuple[int, int]]:
    hours: dict[int, tuple[int, int]] = {}
    for each in alert.timeline:
        hour = hour_number(each.began_at)
        if hour is not None:
            requests, accounts = hours.get(hour, (0, 0))
            hours[hour] = (requests + each.request_count, max(accounts, each.account_count))
    return hours


def _growth(case: Case) -> dict[int, tuple[int, int]]:
    hours: dict[int, tuple[int, int]] = {}
    before, since = 0, hour_number(case.alert.started_at)
    for revision in case.revisions:
        hour = hour_number(revision.updated_at)
        if hour is None:
            continue
        # When they came within that time was not told: as evenly as whole requests allow.
        first = hour if since is None else min(since, hour)
        share, more = divmod(max(0, revision.request_count - before), hour - first + 1)
        for place in range(first, hour + 1):
            requests, accounts = hours.get(place, (0, 0))
            hours[place] = (requests + share + (hour - place < more), max(accounts, revision.account_count))
        before, since = revision.request_count, hour + 1
    return hours


def _marks(alert: AlertRecord, first: int, end: int) -> tuple[Mark, ...]:
    return tuple(
        Mark(hour, label)
        for moment, label in (
            (alert.started_at, "began"),
            (alert.detected_at, "alert"),
            (alert.resolved_at, "resolved"),
        )
        if (hour := hours_since_epoch(moment)) is not None and first <= hour <= end
    )
