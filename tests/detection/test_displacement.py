"""A known campaign stops, and others begin to work within the hour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from streamer.detection.cluster import HOUR_MS, Cluster, ClusterAccount, Finding
from streamer.detection.displacement import Displacement, stopped
from streamer.detection.evidence import EvidenceItem
from streamer.detection.profile import Rows
from streamer.detection.settings import ReferenceSettings
from streamer.detection.synchrony import SLOTS
from tests.detection.handmade import default_settings, evidence, key_of, watched

DEFAULTS = default_settings()
SETTINGS = replace(
    DEFAULTS,
    group=replace(DEFAULTS.group, min_accounts=8, cause_correlation=0.3),
    reference=ReferenceSettings(min_accounts=100),
)
NOW = 24 * 20_000 + 23  # the last hour of a day: slots are those of this day
QUIET = NOW - 6  # the hour in which the known cluster asks for nothing any more
WINDOW = 6 * NOW + 5


def names_of(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{number}" for number in range(count)]


def known(asked: Sequence[int] = (100,) * 30, until: int = QUIET, *, alarming: bool = True) -> Cluster:
    """A cluster that asked for so much in the hours before `until`, and for nothing since."""
    finding = Finding(6 * until, -10.0, evidence(), 1e-6, alarming)
    hours = [(until - len(asked) + at, requests, 10) for at, requests in enumerate(asked)]
    accounts = {key_of(name): ClusterAccount(name, 0, 1.0) for name in names_of("old", 10)}
    return Cluster("c-1", "cluster", 0, 6 * until, accounts, {"pf": finding}, hours=hours)


def worked(names: Sequence[str], since: int, *, before: float = 0.0, share: float = 0.5, seed: int = 0) -> Rows:
    """Accounts that work from an hour on, and a little before."""
    rng = np.random.default_rng(seed)
    first = (since - NOW + 23) * 6
    chance = np.where(np.arange(SLOTS) < first, before, share)
    active = rng.random((len(names), SLOTS)) < chance
    active[:, first] = True
    rows = watched(names, WINDOW).table().copy()
    rows["slots"] = (active.reshape(len(names), 24, 6) << np.arange(6)).sum(axis=2)
    return rows


EVERYBODY = np.concatenate(
    [worked(names_of(f"p{hour}-", 20), NOW - 23 + hour, seed=hour, share=0.3) for hour in range(0, 24, 2)]
)


def watching(cluster: Cluster, hours: int = NOW) -> Displacement:
    found = Displacement(SETTINGS)
    for hour in range(QUIET - 3, hours + 1):
        found.learn((hour + 1) * HOUR_MS, [cluster])
    return found


def claim(displacement: Displacement, rows: Rows) -> EvidenceItem | None:
    return displacement.test(rows, EVERYBODY, WINDOW)


def test_those_who_begin_as_a_known_cluster_stops_are_told_of() -> None:
    item = claim(watching(known()), worked(names_of("new", 20), QUIET))
    assert item is not None
    assert (item.family, item.observed) == ("displaced_volume", 1.0)
    assert item.log10_p < -2
    assert item.expected < 0.25
    assert "20 of 20 accounts began to work within an hour of when c-1 stopped (100 requests" in item.statement


def test_accounts_that_were_warmed_up_begin_all_the_same() -> None:
    item = claim(watching(known()), worked(names_of("new", 20), QUIET, before=0.05))
    assert item is not None
    assert item.log10_p < -2


@pytest.mark.parametrize("since", [QUIET - 4, QUIET + 3])
def test_who_begins_at_another_time_has_nothing_to_do_with_it(since: int) -> None:
    item = claim(watching(known()), worked(names_of("new", 20), since))
    assert item is not None
    assert item.log10_p > -0.3


def test_a_morning_in_which_everybody_begins_is_no_displacement() -> None:
    displacement = watching(known())
    morning = worked(names_of("m", 400), QUIET, seed=5)
    item = displacement.test(worked(names_of("new", 20), QUIET), morning, WINDOW)
    assert item is not None
    assert item.log10_p > -0.3


def test_the_accounts_of_the_cluster_itself_did_not_begin() -> None:
    displacement = watching(known())
    assert claim(displacement, worked(names_of("old", 10), QUIET)) is None
    mixed = [*names_of("old", 10), *names_of("new", 9)]
    assert claim(displacement, worked(mixed, QUIET)) is None
    assert claim(displacement, worked([*mixed, "new9"], QUIET)) is not None
    assert claim(displacement, worked(names_of("new", 7), QUIET)) is None


def test_only_a_cluster_that_alarms_is_of_record() -> None:
    assert not watching(known(alarming=False))
    assert not Displacement(SETTINGS)
    assert len(watching(known())) == 1


@pytest.mark.parametrize(
    "asked, stops",
    [
        ((100,) * 30, True),
        ((100,) * 29 + (60,), True),
        ((3,) * 30, False),  # so little may well be nothing for an hour
        ((100,) * 6 + (2,) * 18 + (100,) * 6, False),  # as quiet at this hour of the day before: it sleeps
        ((0,) * 27 + (100,) * 3, False),
    ],
)
def test_what_is_a_stop(asked: Sequence[int], stops: bool) -> None:  # noqa: FBT001
    assert (stopped(known(asked), QUIET) is not None) is stops


def test_who_goes_on_has_not_stopped() -> None:
    assert stopped(known((100,) * 30, QUIET + 1), QUIET) is None
    assert stopped(known((*(100,) * 30, 19), QUIET + 1), QUIET) is not None
    assert stopped(known((*(100,) * 30, 21), QUIET + 1), QUIET) is None


def test_a_stop_is_forgotten_before_nothing_is_known_of_the_hours_before_it() -> None:
    cluster = known()
    assert len(watching(cluster, QUIET + 17)) == 1
    assert not watching(cluster, QUIET + 18)


def test_a_restart_forgets_nothing() -> None:
    displacement, again = watching(known()), Displacement(SETTINGS)
    again.restore(msgspec.msgpack.decode(msgspec.msgpack.encode(displacement.snapshot())))
    rows = worked(names_of("new", 20), QUIET)
    assert claim(again, rows) == claim(displacement, rows)
    for one in (displacement, again):
        one.learn((NOW + 2) * HOUR_MS, [known()])
        assert len(one) == 1
