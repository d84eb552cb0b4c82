"""A model that is new to everybody: who moves to it on the first day, and whether a group did more than all others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from scipy import stats as distributions

from streamer.detection.evidence import EvidenceItem, Moves
from streamer.detection.families import Table
from streamer.detection.launches import MAX_FOLLOWED, Launches, LaunchWatch
from streamer.detection.probability import beta_binomial_log10, together_log10
from streamer.detection.profile import Rows
from streamer.detection.settings import ReferenceSettings
from tests.detection.handmade import START_WINDOW, WINDOW_MS, active_of, default_settings, gathered, key_of, rows_of
from tests.detection.handmade import watched as watched_accounts

DEFAULTS = default_settings()
SETTINGS = replace(
    DEFAULTS,
    reference=ReferenceSettings(min_accounts=100),
    group=replace(DEFAULTS.group, min_accounts=8, pivot_s=86_400, cause_correlation=0.3),
)
DAY = 144  # windows
LAUNCH = START_WINDOW + 10


def told(
    watch: LaunchWatch, window: int, names: Sequence[str], model: str, before: int = LAUNCH - 5, *, ready: bool = True
) -> list[Moves]:
    """Accounts that use a model, last active in window `before` and there for days."""
    rows = rows_of(names, before_ms=before * WINDOW_MS, first_seen_ms=(START_WINDOW - DAY) * WINDOW_MS)
    active = active_of(names, rows=rows)._replace(models=[(model,)])
    return watch.see(gathered(active), window, ready=ready)


def launched(partition: int = 0, partitions: int = 1) -> LaunchWatch:
    """A watch that knows the old model, and the new one since `LAUNCH`."""
    watch = LaunchWatch(SETTINGS, partition, partitions)
    told(watch, LAUNCH - 1, ["a"], "old", ready=False)
    told(watch, LAUNCH, ["first"], "new")
    return watch


def names_of(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{number}" for number in range(count)]


def test_what_everybody_knows_already_is_no_launch() -> None:
    watch = LaunchWatch(SETTINGS, 0, 1)
    assert told(watch, LAUNCH - 2, ["a"], "old", ready=False) == []
    assert told(watch, LAUNCH, ["a"], "old") == []


def test_each_account_moves_once_and_is_active_once() -> None:
    watch = launched()
    (one,) = told(watch, LAUNCH + 1, ["a", "b"], "new")
    assert (one.model, one.since, one.active) == ("new", LAUNCH, 2)
    assert set(one.keys().tolist()) == {key_of("a"), key_of("b")}
    (again,) = told(watch, LAUNCH + 2, ["a", "b"], "new", before=LAUNCH + 1)
    assert (again.active, again.moved) == (0, b"")
    (other,) = told(watch, LAUNCH + 3, ["c"], "old")
    assert (other.active, other.moved) == (1, b"")


def test_who_came_after_the_launch_moved_from_nothing() -> None:
    watch = launched()
    rows = rows_of(["n"], before_ms=LAUNCH * WINDOW_MS, first_seen_ms=LAUNCH * WINDOW_MS)
    (moves,) = watch.see(gathered(active_of(["n"], rows=rows)._replace(models=[("new",)])), LAUNCH + 1, ready=True)
    assert (moves.active, moves.moved) == (0, b"")


def test_a_launch_is_followed_for_a_day() -> None:
    watch = launched()
    assert told(watch, LAUNCH + DAY - 1, ["a"], "new")
    assert told(watch, LAUNCH + DAY, ["b"], "new") == []


def test_what_is_followed_is_bounded_and_what_nobody_moved_to_gives_way() -> None:
    watch = launched()
    told(watch, LAUNCH + 1, ["a"], "new")
    for number in range(2 * MAX_FOLLOWED):
        told(watch, LAUNCH + 2, ["j"], f"junk-{number}", before=LAUNCH + 1)
    followed = [moves.model for moves in told(watch, LAUNCH + 10, ["k"], "newer")]
    assert len(followed) == MAX_FOLLOWED
    assert {"new", "newer"} <= set(followed)


@pytest.mark.parametrize("partitions", [1, 3])
def test_partitions_tell_together_what_one_tells_and_a_snapshot_goes_on(partitions: int) -> None:
    names = names_of("p", 50)
    found: set[int] = set()
    active = 0
    for partition in range(partitions):
        watch = launched(partition, partitions)
        other = LaunchWatch(SETTINGS, partition, partitions)
        other.restore(msgspec.msgpack.decode(msgspec.msgpack.encode(watch.snapshot())))
        for one in (watch, other):
            (moves,) = told(one, LAUNCH + 1, names, "new")
            assert not found & set(moves.keys().tolist()) or one is other
            found |= set(moves.keys().tolist())
        active += moves.active
    assert found == {key_of(name) for name in names}
    assert active == 50


def population(active: int, moved: int) -> Launches:
    """A launch to which so many of so many moved."""
    launches = Launches(SETTINGS)
    keys = np.array(sorted(key_of(name) for name in names_of("m", moved)), dtype=np.uint64)
    launches.learn(LAUNCH + 3, [Moves("new", LAUNCH, active, keys.tobytes())])
    return launches


def members(names: Sequence[str], *, first_window: int = LAUNCH - DAY, window: int = LAUNCH + 3) -> Rows:
    return watched_accounts(names, window, first_seen_ms=first_window * WINDOW_MS).table()


def pivot(launches: Launches, group: Rows, clustered: Rows | None = None) -> EvidenceItem | None:
    return launches.joint_pivot(Table(group), group[:0] if clustered is None else clustered)


def test_a_group_that_moves_when_few_do_is_told_of_with_what_all_others_did() -> None:
    item = pivot(population(1000, 60), members([*names_of("m", 25), *names_of("s", 5)]))
    assert item is not None
    assert item.family == "joint_pivot"
    assert (item.observed, item.expected) == (round(25 / 30, 3), round((60 - 25 + 1) / (970 + 2), 4))
    assert item.log10_p == together_log10(25, 30, 36 / 972, 0.3) < -2
    assert item.statement.startswith("25 of 30 accounts moved to new within 24 h")


def test_on_launch_day_everyone_moves() -> None:
    item = pivot(population(1000, 700), members([*names_of("m", 25), *names_of("s", 5)]))
    assert item is not None
    assert item.log10_p > -0.7


def test_what_clusters_did_is_not_what_everybody_does() -> None:
    launches, group = population(1000, 300), members(names_of("m", 20))
    with_them = pivot(launches, group)
    without = pivot(launches, group, members([f"m{number}" for number in range(20, 290)]))
    assert with_them is not None
    assert without is not None
    assert without.log10_p < with_them.log10_p - 1
    assert without.expected < 0.02


def test_who_could_not_move_does_not_count() -> None:
    launches = population(1000, 60)
    assert pivot(launches, members(names_of("m", 30), first_window=LAUNCH)) is None
    assert pivot(launches, members(names_of("m", 30), window=LAUNCH - 1)) is None
    assert pivot(launches, members(names_of("m", 7))) is None
    assert pivot(population(90, 60), members(names_of("m", 30))) is None


def test_a_launch_is_forgotten_after_a_week_and_not_by_a_restart() -> None:
    launches, group = population(1000, 60), members(names_of("m", 30))
    again = Launches(SETTINGS)
    again.restore(msgspec.msgpack.decode(msgspec.msgpack.encode(launches.snapshot())))
    assert pivot(again, group) == pivot(launches, group)
    launches.learn(LAUNCH + 7 * DAY, [])
    assert pivot(launches, group) is not None
    launches.learn(LAUNCH + 7 * DAY + 1, [])
    assert pivot(launches, group) is None


@pytest.mark.parametrize("correlation", [0.0, 0.01, 0.3])
@pytest.mark.parametrize("seen, of, share", [(0, 10, 0.2), (3, 10, 0.2), (10, 10, 0.2), (40, 400, 0.05)])
def test_the_tail_of_what_many_do_together(seen: int, of: int, share: float, correlation: float) -> None:
    if correlation:
        spread = 1 / correlation - 1
        expected = distributions.betabinom.sf(seen - 1, of, share * spread, (1 - share) * spread)
    else:
        expected = distributions.binom.sf(seen - 1, of, share)
    assert beta_binomial_log10(seen, of, share, correlation) == pytest.approx(math.log10(expected), rel=1e-6)
