"""Which groups are looked at."""

from __future__ import annotations

import pytest

from streamer.detection.judging import HANDED, Seed
from streamer.detection.search import AGAIN, SEEDS_PER_WINDOW, Look
from tests.detection.field import REST, SETTINGS, WINDOW, Field, keys, named, passing, seed
from tests.detection.handmade import lead, link


def test_leads_that_are_weak_or_bind_nobody_are_no_seeds() -> None:
    field = Field()
    found = field.seeds(
        lead(named("a", 8), "strong", log10_p=-5.0),
        lead(named("b", 8), "stronger", log10_p=-7.0, kind="template"),
        lead(named("c", 8), "weak", log10_p=SETTINGS.group.lead_log10_p + 0.1),
        lead(named("d", 8), "tool", log10_p=-50.0, kind="client_stack"),
    )
    assert [(one.name, one.keys, one.urgent) for one in found] == [
        ("template|stronger", keys(named("b", 8)), False),
        ("payment|strong", keys(named("a", 8)), False),
    ]
    assert found[1].links == (link("strong"),)


def test_who_passes_requests_on_and_is_in_no_alarming_cluster_is_a_seed_when_there_are_enough() -> None:
    for pairs, loose in ((2, []), (3, [HANDED])):
        field = Field()
        a = named("a", 2 * pairs)
        found = field.seeds(passed=[passing(a[at], a[at + 1]) for at in range(0, 2 * pairs, 2)])
        assert [one.name for one in found if "|" not in one.name] == loose
        of_pairs = [one for one in found if "|" in one.name]
        assert {one.keys for one in of_pairs} == {keys(a[at : at + 2]) for at in range(0, 2 * pairs, 2)}
        assert all(one.urgent for one in found)


def test_clusters_that_alarm_are_looked_at_again_after_everything_else() -> None:
    field = Field()
    name = field.place(named("a", 10))
    field.place(named("b", 10), is_alarming=False)
    field.place(named("c", 1), kind="account")
    found = field.seeds(lead(named("d", 8)), passed=[passing("x", "y")])
    assert [one.name.partition("|")[0] for one in found] == ["payment", HANDED, AGAIN]
    assert found[-1] == Seed(f"{AGAIN}|{name}", keys(named("a", 10)), (), 0.0, urgent=False)


def test_an_account_that_was_looked_at_rests_for_an_hour() -> None:
    field = Field()
    a = field.accounts(named("a", 10))
    field.tie(a)
    (suspect,), tests = field.look(seed(a))
    assert (suspect.keys, suspect.window, suspect.is_alarming, tests) == (keys(a), WINDOW, True, 1)
    assert field.look(seed(a), window=WINDOW) == ([], 0)
    assert field.look(seed(a), window=WINDOW + REST - 1) == ([], 0)
    suspects, tests = field.look(seed(a), window=WINDOW + REST)
    assert (len(suspects), tests) == (1, 1)


@pytest.mark.parametrize("requests, tests", [(60, 0), (61, 1)])
def test_it_rests_no_longer_once_there_is_half_as_much_again_to_see(requests: int, tests: int) -> None:
    field = Field()
    a = field.accounts(named("a", 10))
    field.tie(a)
    field.look(seed(a))
    field.accounts(a, requests=requests)
    assert field.look(seed(a), window=WINDOW + 1)[1] == tests


def test_what_is_urgent_waits_for_no_rest() -> None:
    field = Field()
    a = field.accounts(named("a", 10))
    field.tie(a)
    field.look(seed(a))
    assert field.look(seed(a, urgent=True))[1] == 1


def test_a_cluster_rests_however_urgent_it_is_to_look_at_it_again() -> None:
    field = Field()
    a = field.accounts(named("a", 10))
    field.tie(a)
    field.place(a)
    assert field.look(seed(a[:2], urgent=True))[1] == 1
    assert field.look(seed(a[:2], urgent=True), window=WINDOW + 1)[1] == 0
    assert field.look(seed(a[:2], urgent=True), window=WINDOW + REST)[1] == 1


def test_a_seed_most_of_which_is_fresh_does_not_rest() -> None:
    field = Field()
    a, b = field.accounts(named("a", 8)), field.accounts(named("b", 8))
    field.tie(a)
    field.tie([*a, *b], "other")
    field.search.looked = dict.fromkeys(keys(a), Look(WINDOW, 40))
    assert field.look(seed([*a, b[0]], "other"))[1] == 0
    assert field.look(seed([*a, *b], "other"))[1] == 1


def test_who_was_only_in_the_seed_and_not_in_the_union_rests_too() -> None:
    field = Field()
    ghosts = named("g", 10)
    assert field.look(seed(ghosts)) == ([], 1)
    assert field.look(seed(ghosts)) == ([], 0)
    assert field.search.looked.keys() == keys(ghosts)


def test_whom_a_union_took_in_rests_with_its_seed() -> None:
    field = Field()
    a, b = field.accounts(named("a", 10)), field.accounts(named("b", 8))
    field.tie(a)
    field.tie([*a[:2], *b], "net", kind="address_block")
    (suspect,), _ = field.look(seed(a))
    assert suspect.keys == keys([*a, *b])
    assert field.look(seed(b, "net")) == ([], 0)


def test_so_many_seeds_a_window_and_no_more() -> None:
    field = Field()
    seeds = [seed(named(f"{number}-", 8), f"card-{number}") for number in range(SEEDS_PER_WINDOW + 3)]
    assert field.look(*seeds)[1] == SEEDS_PER_WINDOW
    assert field.look(*seeds)[1] == 3


def test_a_seed_most_of_which_is_in_a_cluster_is_looked_at_with_the_whole_cluster() -> None:
    field = Field()
    a, b = field.accounts(named("a", 12)), field.accounts(named("b", 4))
    field.tie(a)
    name = field.place(a)
    # What once bound it still does, also where too few of its accounts are on it to be found by them.
    field.tie([a[0], *b], "once")
    field.clusters.by_id[name].links[link("once").key] = link("once")
    (suspect,), _ = field.look(Seed("pair", keys([a[0], "x"]), (), -2.0, urgent=False))
    assert suspect.keys == keys(a)
    assert sorted(found.value for found in suspect.links) == ["card", "once"]
