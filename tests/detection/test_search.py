"""Which groups are looked at, and which of their accounts are candidates."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from streamer.detection.behaviour_table import BehaviourTable
from streamer.detection.circumstances import Circumstances
from streamer.detection.cluster import Suspect
from streamer.detection.clusters import Clusters
from streamer.detection.evidence import HandOff, Lead
from streamer.detection.judging import HANDED, Judging, Seed
from streamer.detection.lead_book import LeadBook
from streamer.detection.member_table import MemberTable
from streamer.detection.naming import Naming
from streamer.detection.opinion import Opinion
from streamer.detection.passing_rate import PassingRate
from streamer.detection.search import AGAIN, SEEDS_PER_WINDOW, Look, Search
from streamer.detection.union import Grower
from tests.detection.crowds import Values, driven, honest, told_of
from tests.detection.handmade import default_settings, evidence, key_of, lead, link, watched

WINDOW = 2000
REST = 6  # windows: an hour
DAY = 144  # windows
SETTINGS = default_settings()


def named(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{number:02}" for number in range(count)]


def keys(names: Sequence[str]) -> frozenset[int]:
    return frozenset(map(key_of, names))


def seed(names: Sequence[str], value: str = "card", *, urgent: bool = False) -> Seed:
    return Seed(f"payment|{value}", keys(names), (link(value),), -10.0, urgent)


def passing(giver: str, taker: str) -> HandOff:
    return HandOff(key_of(giver), key_of(taker), 0, 900, by_shape=False)


class Field:
    """A search with what it looks at."""

    def __init__(self) -> None:
        self.opinion = Opinion()
        self.clusters = Clusters(SETTINGS.alert, 1000)
        self.table = BehaviourTable(SETTINGS.likeness, SETTINGS.window)
        circumstances = Circumstances(SETTINGS, LeadBook(SETTINGS), MemberTable(), self.clusters)
        self.naming = Naming(SETTINGS, self.table, self.clusters)
        judging = Judging(SETTINGS.widened(), self.opinion, self.naming, circumstances)
        self.search = Search(SETTINGS, self.naming, judging)
        self.book = LeadBook(SETTINGS)
        self.members = MemberTable()

    def accounts(self, names: list[str], score: float = 2.5, requests: int = 40) -> list[str]:
        """Accounts that are used alike, busy and regular."""
        rows = watched(names, WINDOW, requests=requests, bins=90).table().copy()
        rows["scores"] = score
        rows["scores"][:, 2] = -score
        self.members.put(rows, names, [("large",)] * len(names))
        return names

    def behave(self, names: list[str], values: Values, window: int = WINDOW) -> None:
        self.table.put(told_of(names, values), names, window)

    def tie(self, names: Sequence[str], value: str = "card", **columns: Any) -> Lead:
        found = lead(names, value, **columns)
        self.book.add(found, WINDOW)
        return found

    def seeds(self, *found: Lead, passed: Sequence[HandOff] = ()) -> list[Seed]:
        for hand_off in passed:
            self.book.pass_on(hand_off, WINDOW)
        return self.search.seeds(found, passed, self.book, self.clusters, WINDOW)

    def look(self, *seeds: Seed, window: int = WINDOW) -> tuple[list[Suspect], int]:
        grower = Grower(SETTINGS, self.book, self.members, PassingRate(SETTINGS), WINDOW)
        return self.search.look(seeds, self.clusters, grower, window)

    def place(self, names: Sequence[str], *, is_alarming: bool = True, kind: str = "cluster") -> str:
        of = keys(names)
        scores = dict.fromkeys(of, 0.9)
        found = Suspect(
            kind, names[0], WINDOW, scores, frozenset(), of, of, (link("card"),), evidence(), -10.0, is_alarming, 1e-6
        )
        placed = self.clusters.place(found, {key_of(name): name for name in names}, 0)
        assert placed is not None
        return placed.cluster.cluster_id


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


def test_bystanders_with_one_tie_are_no_candidates_where_others_have_two() -> None:
    field = Field()
    a, b = field.accounts(named("a", 10)), field.accounts(named("b", 4))
    field.tie([*a, *b])
    field.tie(a, "phone", kind="device")
    (suspect,), _ = field.look(seed([*a, *b]))
    assert suspect.candidates.keys() == suspect.core == keys(a)
    assert suspect.keys == keys([*a, *b])
    assert not suspect.doubtful


def test_where_most_have_one_tie_one_is_enough() -> None:
    field = Field()
    a, b = field.accounts(named("a", 6)), field.accounts(named("b", 8))
    field.tie([*a, *b])
    field.tie(a, "phone", kind="device")
    (suspect,), _ = field.look(seed([*a, *b]))
    assert suspect.candidates.keys() == suspect.core == keys([*a, *b])


def test_who_is_not_like_the_others_is_no_candidate_and_who_is_far_from_it_is_doubtful() -> None:
    field = Field()
    a = field.accounts(named("a", 10))
    odd, far = field.accounts(named("odd", 1), 2.5 + 1.0), field.accounts(named("far", 1), 2.5 + 2.0)
    field.tie([*a, *odd, *far])
    (suspect,), _ = field.look(seed([*a, *odd, *far]))
    assert suspect.candidates == dict.fromkeys(keys(a), 1.0)
    assert suspect.doubtful == keys(far)


def test_whom_more_than_two_things_hold_is_not_doubtful_however_it_is_used() -> None:
    field = Field()
    a, far = field.accounts(named("a", 10)), field.accounts(named("far", 1), 2.5 + 2.0)
    for number, doubtful in enumerate((True, True, False), 1):
        field.tie([*a, *far], f"card {number}")
        (suspect,), _ = field.look(seed([*a, *far]), window=WINDOW + number * REST)
        assert (suspect.doubtful == keys(far)) is doubtful


def test_a_group_with_too_few_candidates_is_no_suspect() -> None:
    field = Field()
    a, far = field.accounts(named("a", 7)), field.accounts(named("far", 2), 9.0)
    field.tie([*a, *far])
    assert field.look(seed([*a, *far])) == ([], 1)


def test_every_tie_that_was_tried_makes_it_less_improbable() -> None:
    field = Field()
    a = field.accounts(named("a", 10))
    field.tie(a)
    (alone,), _ = field.look(seed(a))
    b = field.accounts(named("b", 8), 9.0)
    field.tie([*a[:2], *b], "net", kind="address_block")
    (tried,), _ = field.look(seed(a), window=WINDOW + REST)
    assert tried.keys == alone.keys
    assert tried.log10_p == pytest.approx(alone.log10_p + 0.30103)


def test_a_family_that_people_dismissed_counts_for_less() -> None:
    field = Field()
    a = field.accounts(named("a", 10))
    field.tie(a)
    (before,), _ = field.look(seed(a))
    field.opinion.learn(before.evidence, confirmed=False)
    (after,), _ = field.look(seed(a), window=WINDOW + REST)
    assert after.log10_p > before.log10_p


@pytest.mark.parametrize("brought, together", [(9, True), (10, False)])
def test_what_a_few_of_a_seed_brought_must_clearly_behave_as_the_others(
    brought: int,
    together: bool,  # noqa: FBT001
) -> None:
    field = Field()
    field.behave(["first"], honest(1), WINDOW - 3 * DAY)
    field.behave(named("past", 1200), honest(1200), WINDOW - 2 * DAY)
    of_seed, others = field.accounts(named("a", 20)), field.accounts(named("b", 13))
    for names in (of_seed, others):
        field.tie(names, names[0])
    field.behave(of_seed, driven(20, 1))
    # Of the others little is known, and that says next to nothing: somewhat of the same kind, somewhat of another.
    one, other = keys(of_seed), keys(others)
    for part in np.linspace(0, 1, 41):
        field.behave(others[:1], (driven(1, 1, 5) * (1 - part) + driven(1, 2) * part).astype(np.float16))
        if field.naming.are_strange(one, other, WINDOW):
            break
    assert field.naming.are_one_kind(one, other, WINDOW)
    both = [*of_seed, *others[: 13 - brought]]
    (found,), _ = field.look(Seed("payment|a00", keys(both), (link("a00"), link("b00")), -10.0, urgent=False))
    assert found.candidates.keys() == (one | other if together else one)


@pytest.mark.parametrize("alike, is_alarming", [(2, False), (8, True)])
def test_two_of_many_with_more_than_a_prompt_in_common_do_not_make_two_hand_offs_enough(
    alike: int,
    is_alarming: bool,  # noqa: FBT001
) -> None:
    field = Field()
    a = named("a", 16)
    rows = watched(a, WINDOW, requests=40).table().copy()
    rows["bins"][:, 0] = np.arange(16) * 11 % 60  # unevenly
    rows["scores"] = 2.5
    field.members.put(rows, a, [("large",)] * len(a))
    field.tie(a, "prompt", kind="template")
    field.tie(a[:alike], "day", kind="signup_cohort")
    for giver, taker in (a[:2], a[2:4]):
        field.book.pass_on(passing(giver, taker), WINDOW)
    (found,), _ = field.look(Seed("template|prompt", keys(a), (link("prompt", "template"),), -10.0, urgent=False))
    assert found.is_alarming is is_alarming


@pytest.mark.parametrize("of_others", [3, 6])
def test_of_those_who_passed_requests_on_to_different_others_the_larger_crowd_is_the_subject(of_others: int) -> None:
    field = Field()
    field.behave(["first"], honest(1), WINDOW - 3 * DAY)
    field.behave(named("past", 1200), honest(1200), WINDOW - 2 * DAY)
    a, b = field.accounts(named("a", 15)), field.accounts(named("b", 10))
    field.tie(a, "lesson", kind="template")
    for names, count in ((a, 5), (b, of_others)):
        for giver, taker in pairwise(names[:count]):
            field.book.pass_on(passing(giver, taker), WINDOW)
    field.behave(a, driven(15, 1))
    pool = Seed(HANDED, keys([*a[:5], *b[:of_others]]), (), -1.0, urgent=True, is_pool=True)
    found, _ = field.look(pool)
    if of_others == 3:
        assert [one.keys for one in found] == [keys(a)]
    else:
        assert [one.keys for one in found] == [keys(b[:of_others])]
