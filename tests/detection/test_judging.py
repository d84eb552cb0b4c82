"""Which accounts of a group that was looked at are candidates, and what it is taken for."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from streamer.detection.judging import HANDED, Seed
from tests.detection.crowds import driven, honest
from tests.detection.field import DAY, REST, WINDOW, Field, keys, named, passing, seed
from tests.detection.handmade import link, watched


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
