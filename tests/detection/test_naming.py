"""Accounts that nothing ties to a cluster are named by how they behave; bystanders and other subjects are not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from streamer.detection.account_book import CAPABILITIES
from streamer.detection.behaviour_table import BehaviourTable
from streamer.detection.cluster import Cluster, Suspect
from streamer.detection.clusters import Clusters
from streamer.detection.naming import MIN_COMPARED, MIN_KNOWN, Naming
from tests.detection.crowds import Values, driven, honest, named, told_of
from tests.detection.handmade import default_settings, evidence, key_of, link

DAY = 144  # windows
POPULATION = 20_000 * DAY
NOW = POPULATION + 2 * DAY
LOOK, CONFIRM = 36, 18  # windows: six hours, three hours


def keys(names: list[str]) -> frozenset[int]:
    return frozenset(map(key_of, names))


class Field:
    """A population that was seen two days ago, the day after somebody was (`cold`: nobody was), and clusters."""

    def __init__(self, *, cold: bool = False, **likeness: Any) -> None:
        settings = default_settings()
        self.settings = replace(settings, likeness=replace(settings.likeness, **likeness))
        self.table = BehaviourTable(self.settings.likeness, settings.window)
        self.clusters = Clusters(settings.alert, 1000)
        self.naming = Naming(self.settings, self.table, self.clusters)
        if not cold:
            self.tell(named("first", 1), honest(1), POPULATION - DAY)
        self.tell(named("past", 1200), honest(1200), POPULATION)

    def tell(self, names: list[str], values: Values, window: int = NOW, **columns: Any) -> list[str]:
        self.table.put(told_of(names, values, **columns), names, window)
        return names

    def cluster(self, names: list[str], window: int = NOW, *, is_alarming: bool = True) -> Cluster:
        of = keys(names)
        found = Suspect(
            "cluster",
            names[0],
            window,
            dict.fromkeys(of, 0.9),
            frozenset(),
            of,
            of,
            (link(names[0]),),
            evidence(),
            -10.0,
            is_alarming,
            1e-6,
        )
        placed = self.clusters.place(found, {key_of(name): name for name in names}, 0)
        assert placed is not None
        return placed.cluster

    def look(self, cluster: Cluster, *windows: int) -> list[str]:
        """Compare at some windows; the ids of those that were named at the last."""
        found: list[int] = []
        for window in windows:
            found = self.naming.name_alike(cluster, NOW + window, 7)
        return sorted(cluster.accounts[key].account_id for key in found)


def campaign(
    known: int = 40, others: int = 30, requests: int = 40, *, cold: bool = False, **likeness: Any
) -> tuple[Field, Cluster]:
    """A cluster of 40, and others among honest accounts that the same program drives."""
    field = Field(cold=cold, **likeness)
    members = named("m", 40)
    field.tell(members[:known], driven(known, 1))
    field.tell(named("like", others), driven(others, 1, 5), total_requests=requests)
    field.tell(named("new", 300), honest(300, 5))
    return field, field.cluster(members)


def test_who_is_alike_at_two_looks_three_hours_apart_is_named_and_nobody_else() -> None:
    field, cluster = campaign()
    assert field.look(cluster, 0) == []
    found = field.look(cluster, CONFIRM)
    assert len(found) >= 24
    assert sum(not name.startswith("like") for name in found) <= 1
    for key in keys(found):
        account = cluster.accounts[key]
        assert (account.by_likeness, account.since_ms) == (True, 7)
        assert field.clusters.of_account[key] == cluster.cluster_id
    assert keys(found).isdisjoint(cluster.alike_since)


def test_nobody_is_named_by_times_and_lengths_alone() -> None:
    field, cluster = campaign()
    told = driven(40, 1)
    told[:, :CAPABILITIES] = np.nan
    field.tell(named("m", 40), told)
    assert field.look(cluster, 0, CONFIRM) == []


@pytest.mark.parametrize("again, some", [(CONFIRM - 1, False), (CONFIRM, True)])
def test_three_hours_must_pass_between_the_looks(again: int, some: bool) -> None:  # noqa: FBT001
    field, cluster = campaign()
    assert bool(field.look(cluster, 0, again)) == some


@pytest.mark.parametrize("again, some", [(LOOK - 1, False), (LOOK, True)])
def test_where_a_look_found_nobody_the_next_is_six_hours_later(again: int, some: bool) -> None:  # noqa: FBT001
    field, cluster = campaign(others=0)
    field.look(cluster, 0)
    field.tell(named("like", 30), driven(30, 1, 5), NOW + 1)
    field.look(cluster, again)
    assert bool(cluster.alike_since) == some


def test_who_was_not_alike_in_between_begins_anew() -> None:
    field, cluster = campaign()
    field.look(cluster, 0)
    field.tell(named("like", 30), honest(30, 8), NOW + 1)
    assert field.look(cluster, LOOK) == []
    field.tell(named("like", 30), driven(30, 1, 5), NOW + LOOK + 1)
    assert field.look(cluster, 2 * LOOK) == []
    assert field.look(cluster, 2 * LOOK + CONFIRM) != []


@pytest.mark.parametrize("known, some", [(11, False), (12, True)])
def test_enough_of_the_cluster_must_be_known(known: int, some: bool) -> None:  # noqa: FBT001
    field, cluster = campaign(known)
    assert bool(field.look(cluster, 0, CONFIRM)) == some


@pytest.mark.parametrize("requests, some", [(9, False), (10, True)])
def test_who_asked_a_few_times_only_is_not_named(requests: int, some: bool) -> None:  # noqa: FBT001
    field, cluster = campaign(requests=requests)
    assert bool(field.look(cluster, 0, CONFIRM)) == some


def test_nobody_is_named_before_the_population_is_known() -> None:
    field, cluster = campaign()
    cluster.first_window = POPULATION
    field.table._samples = {day: [rows[0][:400]] for day, rows in field.table._samples.items()}
    assert field.look(cluster, 0, CONFIRM) == []


def test_nobody_is_named_while_only_the_day_on_which_the_table_began_is_known() -> None:
    field, cluster = campaign(cold=True)
    assert field.look(cluster, 0, CONFIRM) == []
    # Once another day has ended, that is what it is compared with.
    field.tell(named("next", 1200), honest(1200, 3), POPULATION + DAY)
    assert field.look(cluster, 2 * CONFIRM, 3 * CONFIRM) != []


def test_who_was_not_told_of_for_a_day_is_not_named() -> None:
    field, cluster = campaign()
    field.tell(named("m", 40), driven(40, 1), NOW + DAY)
    assert field.look(cluster, 0, DAY + 1) == []


def test_there_is_room_for_so_many_to_each_that_is_held() -> None:
    field, cluster = campaign(max_ratio=0.25)
    assert len(field.look(cluster, 0, CONFIRM)) == 10
    assert len(cluster.held()) == 40
    assert field.look(cluster, 2 * CONFIRM, 3 * CONFIRM) == []  # those count, though nothing holds them
    assert len(cluster.accounts) == 50


def test_nobody_in_another_cluster_is_named() -> None:
    field, cluster = campaign()
    other = field.cluster(named("like", 10))
    found = field.look(cluster, 0, CONFIRM)
    assert len(found) >= 14
    assert keys(found).isdisjoint(other.accounts)


def test_bystanders_of_a_large_group_are_told_and_of_a_small_one_nobody() -> None:
    for members, expected in ((MIN_COMPARED - 4, keys(named("by", 4))), (MIN_COMPARED - 5, frozenset[int]())):
        field = Field()
        group = field.tell(named("m", members), driven(members, 1)) + field.tell(named("by", 4), honest(4, 9))
        assert field.naming.bystanders(map(key_of, group), NOW) == expected
        # Of whom nothing is known is no bystander.
        assert field.naming.bystanders(map(key_of, [*group, "unknown"]), NOW) == expected


def test_accounts_of_two_programs_are_told_apart_and_pairs_stay_together() -> None:
    field = Field()
    one, other = field.tell(named("a", 8), driven(8, 1)), field.tell(named("b", 6), driven(6, 2))
    every = keys([*one, *other, "unknown"])
    sorts = field.naming.sort_out(every, [], NOW)
    assert set(sorts) == {keys(one), keys(other)}
    # Who passed a request to one of the others goes with it, whatever it looks like or if nothing is known of it.
    sorts = field.naming.sort_out(every, [(key_of(one[0]), key_of("unknown")), (key_of(other[0]), key_of(one[1]))], NOW)
    assert keys([one[0], "unknown"]) in {kind & keys([one[0], "unknown"]) for kind in sorts}
    assert any(keys([other[0], one[1]]) <= kind for kind in sorts)
    # Of one kind: all of them, those too of whom nothing is known.
    assert field.naming.sort_out(keys([*one, "unknown"]), [], NOW) == [keys([*one, "unknown"])]


def test_a_group_is_kin_of_the_cluster_that_it_behaves_like() -> None:
    field = Field()
    first = field.cluster(field.tell(named("a", 20), driven(20, 1)))
    second = field.cluster(field.tell(named("b", 20), driven(20, 2)))
    for program, expected in ((1, first), (2, second), (3, None)):
        few = field.tell(named(f"few{program}-", 4), driven(4, program, 5))
        assert field.naming.kin_of(keys(few), NOW) is expected
        assert field.naming.kin_of(keys([*few, "unknown"]), NOW) is expected
    assert field.naming.kin_of(keys(["unknown"]), NOW) is None


@pytest.mark.parametrize(
    "known, of, is_alarming",
    [(MIN_KNOWN - 1, 8, True), (MIN_KNOWN, 13, True), (20, 20, False), (MIN_KNOWN, 12, True)],
)
def test_only_a_cluster_that_alarms_and_half_of_which_is_known_has_kin(
    known: int,
    of: int,
    is_alarming: bool,  # noqa: FBT001
) -> None:
    field = Field()
    field.tell(named("a", known), driven(known, 1))
    cluster = field.cluster(named("a", of), is_alarming=is_alarming)
    few = field.tell(named("few", 8), driven(8, 1, 5))
    expected = cluster if is_alarming and known >= MIN_KNOWN and 2 * known >= of else None
    assert field.naming.kin_of(keys(few), NOW) is expected


@pytest.mark.parametrize("ago, is_kin", [(2 * DAY, True), (2 * DAY + 1, False)])
def test_what_was_told_more_than_two_days_ago_is_known_no_more(ago: int, is_kin: bool) -> None:  # noqa: FBT001
    field = Field()
    cluster = field.cluster(field.tell(named("a", 20), driven(20, 1), NOW + DAY - ago))
    few = field.tell(named("few", 8), driven(8, 1, 5), NOW + DAY)
    assert (field.naming.kin_of(keys(few), NOW + DAY) is cluster) == is_kin


def test_clusters_of_one_kind_are_found_the_oldest_first() -> None:
    field = Field()
    clusters = [
        field.cluster(field.tell(named(prefix, 15), driven(15, program, seed)), NOW + window)
        for seed, (prefix, program, window) in enumerate((("a", 1, 5), ("b", 2, 0), ("c", 1, 3), ("d", 1, 4)))
    ]
    a, b, c, d = clusters
    assert field.naming.same_kind(a, NOW) == [c, d]
    assert field.naming.same_kind(d, NOW) == [c, a]
    assert field.naming.same_kind(b, NOW) == []
    assert field.naming.are_one_kind(a.held(), c.held(), NOW)
    assert not field.naming.are_one_kind(a.held(), b.held(), NOW)
    assert field.naming.are_one_kind(a.held(), [key_of("unknown")], NOW)
    assert field.naming.are_apart(a.held(), b.held(), NOW)
    assert not field.naming.are_apart(a.held(), c.held(), NOW)
    # Too little is known of a few to say that they are others.
    assert not field.naming.are_apart(a.held(), sorted(b.held())[:5], NOW)
    assert not field.naming.are_apart(a.held(), [key_of("unknown")], NOW)


def test_those_named_by_likeness_do_not_say_of_what_kind_a_cluster_is() -> None:
    field = Field()
    one = field.cluster(field.tell(named("a", 15), driven(15, 1)))
    other = field.cluster(field.tell(named("b", 15), driven(15, 2)))
    field.tell(named("c", 15), driven(15, 1, 3))
    for account in other.accounts.values():
        account.by_likeness = True
    assert field.naming.same_kind(other, NOW) == []
    assert field.naming.same_kind(one, NOW) == []


def test_groups_are_strange_to_each_other_where_it_is_not_known_that_they_are_one() -> None:
    field = Field()
    one, other = field.tell(named("a", 8), driven(8, 1)), field.tell(named("b", 6), driven(6, 2))
    kin = field.tell(named("k", 6), driven(6, 1, 5))
    assert field.naming.are_strange(keys(one), keys(other), NOW)
    assert not field.naming.are_strange(keys(one), keys(kin), NOW)
    assert field.naming.are_strange(keys(one), keys(["unknown"]), NOW)
    field.table._samples.clear()
    assert not field.naming.are_strange(keys(one), keys(other), NOW)


def test_nothing_is_told_apart_before_the_population_is_known() -> None:
    field = Field()
    field.table._samples.clear()
    a, b = named("a", 30), named("b", 30)
    field.table.put(told_of([*a, *b], np.concatenate((driven(30, 1), driven(30, 2)))), [*a, *b], NOW)
    every = keys([*a, *b])
    cluster = field.cluster(a)
    assert field.naming.sort_out(every, [], NOW) == [every]
    assert field.naming.bystanders(every, NOW) == set()
    assert field.naming.kin_of(every, NOW) is None
    assert field.naming.same_kind(cluster, NOW) == []
    assert field.naming.are_one_kind(keys(a), keys(b), NOW)
    assert not field.naming.are_apart(keys(a), keys(b), NOW)
