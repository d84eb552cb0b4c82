"""Clusters that become one or stay apart, and who counts as held in them."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import pytest

from streamer.detection.cluster import Cluster, Suspect
from streamer.detection.clusters import Clusters, Placement
from streamer.detection.settings import AlertSettings
from tests.detection.handmade import evidence, link

NAMES = {key: f"a{key}" for key in range(1000)}
FIRST, SECOND, THIRD = range(100, 120), range(200, 220), range(300, 320)


def clusters() -> Clusters:
    return Clusters(AlertSettings(overlap_ratio=0.3, min_overlap=3), 1000)


def suspect(accounts: Iterable[int], window: int, *, is_alarming: bool = True, kind: str = "cluster") -> Suspect:
    of = frozenset(accounts)
    value = f"card{min(of)}-{window}"
    scores = dict.fromkeys(sorted(of), 0.5)
    return Suspect(
        kind, value, window, scores, frozenset(), of, of, (link(value),), evidence(), -10.0, is_alarming, 1e-6
    )


def put(one: Clusters, accounts: Iterable[int], window: int) -> Placement:
    found = suspect(accounts, window)
    placed = one.place(found, NAMES, window)
    assert placed is not None
    return placed


def stable(one: Clusters) -> Clusters:
    """The same through a snapshot."""
    other = clusters()
    other.restore(msgspec.msgpack.decode(msgspec.msgpack.encode(one.snapshot())))
    return other


def test_merging_puts_all_that_is_known_of_the_other_into_the_cluster() -> None:
    one = clusters()
    old, young = put(one, FIRST, 5).cluster, put(one, SECOND, 7).cluster
    findings, links = {*old.findings, *young.findings}, {*old.links, *young.links}
    since = young.accounts[SECOND[0]].since_ms
    one.merge(old, young)
    assert list(one.by_id) == [old.cluster_id]
    assert set(old.accounts) == {*FIRST, *SECOND}
    assert one.of_account == dict.fromkeys((*FIRST, *SECOND), old.cluster_id)
    assert (set(old.findings), set(old.links), old.last_window) == (findings, links, 7)
    assert old.accounts[SECOND[0]].since_ms == since == 7
    assert stable(one).snapshot() == one.snapshot()


def test_a_cluster_that_fires_is_not_silenced_by_one_that_was_dismissed() -> None:
    for quiet, expected in (((0, 40), 0), ((40, 0), 0), ((40, 10), 50)):
        one = clusters()
        old, young = put(one, FIRST, 5).cluster, put(one, SECOND, 7).cluster
        old.quiet_below, young.quiet_below = quiet
        one.merge(old, young)
        assert old.quiet_below == expected


def test_a_suspect_takes_its_own_out_of_a_cluster_whose_others_are_of_another_kind() -> None:
    asked: list[tuple[set[int], set[int]]] = []

    def apart(some: Iterable[int], others: Iterable[int], _window: int) -> bool:
        asked.append((set(some), set(others)))
        return True

    mine, theirs = [*FIRST[:6], *SECOND[:6]], set(FIRST[6:])
    for alarming, told in ((False, False), (True, False), (True, True)):
        one = clusters()
        old = put(one, FIRST, 5).cluster
        placed = one.place(suspect(mine, 9, is_alarming=alarming), NAMES, 9, apart=apart if told else lambda *_: False)
        assert placed is not None
        if told:
            assert set(old.accounts) == theirs
            assert set(placed.cluster.accounts) == set(mine)
            assert one.of_account == dict.fromkeys(theirs, old.cluster_id) | dict.fromkeys(
                mine, placed.cluster.cluster_id
            )
        else:
            assert placed.cluster is old
            assert set(old.accounts) == {*FIRST, *mine}
    # The suspect is set off against those who are not in it.
    assert asked == [(set(mine), theirs)]


@pytest.mark.parametrize("mine, stays", [(10, False), (11, True)])
def test_where_most_of_a_cluster_are_a_suspects_it_is_the_others_that_leave_it(
    mine: int,
    stays: bool,  # noqa: FBT001
) -> None:
    one = clusters()
    old = put(one, FIRST, 5).cluster
    old.named = set(FIRST[:mine]) | {FIRST[-1]}
    placed = one.place(suspect(FIRST[:mine], 9), NAMES, 9, apart=lambda *_: True)
    assert placed is not None
    assert (placed.cluster is old) is stays
    assert set(placed.cluster.accounts) == set(FIRST[:mine])
    assert [account.account_id for account in placed.left] == ([NAMES[FIRST[-1]]] if stays else [])
    assert one.of_account.keys() == (set(FIRST[:mine]) if stays else set(FIRST))


def bridge(one: Clusters, kinds: dict[int, int]) -> Placement:
    """A suspect that has most of the second cluster, some of the first and of the third; `kinds` by first account."""

    def alike(some: Iterable[int], others: Iterable[int], _window: int) -> bool:
        return kinds[min(some) // 100] == kinds[min(others) // 100]

    found = suspect([*FIRST[:8], *SECOND[:12], *THIRD[:7], 999], 30)
    placed = one.place(found, NAMES, 30, alike)
    assert placed is not None
    return placed


@pytest.mark.parametrize(
    "kinds, joined",
    [
        ({1: 0, 2: 0, 3: 0}, {1, 2, 3}),
        ({1: 9, 2: 0, 3: 0}, {2, 3}),
        ({1: 0, 2: 0, 3: 9}, {1, 2}),
        ({1: 9, 2: 0, 3: 9}, {2}),
    ],
)
def test_clusters_that_a_suspect_overlaps_join_only_if_they_behave_as_the_one_that_has_most_of_it(
    kinds: dict[int, int], joined: set[int]
) -> None:
    one = clusters()
    made = {number: put(one, range(100 * number, 100 * number + 20), number).cluster for number in (1, 2, 3)}
    placed = bridge(one, kinds)
    assert placed.cluster is made[min(joined)]  # the oldest of those gives the name
    assert {cluster.cluster_id for cluster in placed.absorbed} == {made[n].cluster_id for n in joined - {min(joined)}}
    assert set(one.by_id) == {placed.cluster.cluster_id} | {made[n].cluster_id for n in {1, 2, 3} - joined}
    for number in (1, 2, 3):
        home = placed.cluster if number in joined else made[number]
        accounts = range(100 * number, 100 * number + 20)
        assert {one.of_account[key] for key in accounts} == {home.cluster_id}
        assert set(accounts) <= home.accounts.keys()
    assert one.of_account[999] == placed.cluster.cluster_id


def test_by_likeness_is_not_held_until_a_suspect_shows_it() -> None:
    one = clusters()
    cluster = put(one, FIRST, 5).cluster
    for key in FIRST[:4]:
        cluster.accounts[key].by_likeness = True
    assert cluster.held() == frozenset(FIRST[4:])
    (again,) = stable(one).by_id.values()
    assert again.held() == frozenset(FIRST[4:])
    put(one, FIRST[2:], 6)
    assert cluster.held() == frozenset(FIRST[2:])


def test_what_is_compared_goes_through_a_snapshot() -> None:
    one = clusters()
    cluster = put(one, FIRST, 5).cluster
    cluster.compared_window, cluster.alike_since = 17, {2**64 - 1: 9, 4: 12}
    (again,) = stable(one).by_id.values()
    assert (again.compared_window, again.alike_since) == (17, {2**64 - 1: 9, 4: 12})


def test_what_kinds_of_clusters_are_told_apart_by_is_those_who_are_held() -> None:
    one = clusters()
    for accounts, window in ((FIRST, 1), (SECOND, 2)):
        cluster = put(one, accounts, window).cluster
        cluster.accounts[accounts[-1]].by_likeness = True
    asked: list[frozenset[int]] = []

    def alike(some: Iterable[int], others: Iterable[int], window: int) -> bool:
        assert window == 30
        asked.extend((frozenset(some), frozenset(others)))
        return True

    found = suspect([*FIRST[:9], *SECOND[:12]], 30)
    one.place(found, {}, 30, alike)
    assert set(asked) == {frozenset(FIRST[:-1]), frozenset(SECOND[:-1])}


def test_a_cluster_alarms_by_its_strongest_finding_while_it_has_accounts() -> None:
    def lone(*found: Suspect) -> Cluster:
        one = clusters()
        (cluster,) = {place.cluster.cluster_id for each in found if (place := one.place(each, NAMES, 0))}
        return one.by_id[cluster]

    assert lone(suspect(FIRST, 1)).is_alarming()
    assert not lone(suspect(FIRST, 1, is_alarming=False)).is_alarming()
    assert lone(suspect(FIRST, 1), suspect(FIRST, 2, is_alarming=False)).is_alarming()
    assert not lone(suspect([1], 1, kind="account")).is_alarming()
    assert not Cluster("c-1", "cluster", 0, 0).is_alarming()
    empty = lone(suspect(FIRST, 1))
    empty.accounts.clear()
    assert not empty.is_alarming()
