"""Weak ties of one hand add up to a union; strangers that dilute it are left out."""

from __future__ import annotations

import pytest

from streamer.detection.bonds import PASSER_SUPPORT
from streamer.detection.union import MAX_ADJACENT, Union
from tests.detection.ground import DAY, WINDOW, Ground


def values(union: Union) -> list[str]:
    return sorted(found.value for found in union.links)


def test_weak_ties_of_one_scheduler_add_up() -> None:
    ground = Ground()
    a, b, c = ground.accounts("a", 8), ground.accounts("b", 4), ground.accounts("c", 4)
    ground.tie(a, "card")
    ground.tie([*a[6:], *b], "net-1", "address_block")
    ground.tie([*b[2:], *c], "net-2", "address_block")
    union = ground.grow(a, "card")
    assert ground.inside(union) == [*a, *b, *c]
    assert values(union) == ["card", "net-1", "net-2"]
    assert union.trials == 2
    # Being a neighbour of some on one block and of others on another is one thing.
    assert ground.support(union) == {name: 1 + (name in a[6:]) for name in (*a, *b, *c)}


def test_strangers_that_dilute_it_are_left_out() -> None:
    ground = Ground()
    a, b, others = ground.accounts("a", 8), ground.accounts("b", 4), ground.strangers("s", 10)
    ground.tie(a, "card")
    ground.tie([*a[6:], *others], "carrier", "address_block")
    ground.tie([*a[:2], *b], "net", "address_block")
    union = ground.grow(a, "card")
    assert ground.inside(union) == [*a, *b]
    assert values(union) == ["card", "net"]
    assert union.trials >= 2


def test_who_is_used_as_much_but_not_in_the_same_way_is_left_out() -> None:
    for score, joined in ((0.0, 4), (5.0, 0)):
        ground = Ground()
        a, b = ground.accounts("a", 8), ground.accounts("b", 4, score=score)
        ground.tie(a, "card")
        ground.tie([*a[6:], *b], "net", "address_block")
        assert ground.inside(ground.grow(a, "card")) == [*a, *b[:joined]]


@pytest.mark.parametrize("kind, joined", [("payment", 6), ("template", 0)])
def test_of_what_strangers_may_have_too_a_good_part_must_be_in_it_already(kind: str, joined: int) -> None:
    ground = Ground()
    a, b = ground.accounts("a", 8), ground.accounts("b", 6)
    ground.tie(a, "card")
    ground.tie([*a[6:], *b], "value", kind)
    assert ground.inside(ground.grow(a, "card")) == [*a, *b[:joined]]


def test_one_account_in_common_is_not_enough_but_where_it_passed_a_request_on() -> None:
    for passed, joined in ((False, 0), (True, 4)):
        ground = Ground()
        a, b = ground.accounts("a", 8), ground.accounts("b", 4)
        ground.tie(a, "card")
        ground.tie([a[0], *b], "net", "address_block")
        if passed:
            ground.passes(a[0], a[1])
        assert ground.inside(ground.grow(a, "card")) == [*a, *b[:joined]]


def passing(pairs: int, refused: int, own_pairs: int = 0) -> list[str]:
    """Those of six accounts on a tie who join eight of which some `pairs` passed on one in two refused requests.

    Each of the six was refused a request as often as is said; `own_pairs` of them passed requests to the eight.
    """
    ground = Ground()
    a = ground.accounts("a", 8, refused=[2] * 8)
    b = ground.accounts("b", 6, refused=refused)
    ground.tie(a, "card")
    ground.tie([*a[6:], *b], "net", "address_block")
    ring = [(a[place], a[(place + step) % 8]) for step in (1, 2) for place in range(8)]
    for giver, taker in ring[:pairs]:
        ground.passes(giver, taker)
    for giver, taker in zip(b[:own_pairs], a, strict=False):
        ground.passes(giver, taker)
    return [name for name in ground.inside(ground.grow(a, "card")) if name in b]


def test_who_is_refused_often_and_never_passes_on_is_not_of_those_who_do() -> None:
    assert len(passing(8, 0)) == 6  # they were refused nothing that they could pass on
    assert len(passing(8, 1)) == 6  # as few as that may be chance
    assert passing(8, 10) == []
    assert len(passing(2, 10)) == 6  # of two hand-offs little follows


def test_who_passes_on_half_as_often_as_those_do_may_join() -> None:
    assert passing(16, 2) == []  # every second refusal was passed on within, and none of twelve
    assert len(passing(16, 2, own_pairs=6)) == 6


def test_accounts_that_were_not_active_of_late_do_not_join() -> None:
    ground = Ground()
    a, b = ground.accounts("a", 8), ground.accounts("b", 4, window=WINDOW - DAY)
    c = ground.accounts("c", 4, window=WINDOW - DAY + 1)
    ground.tie(a, "card")
    ground.tie([*a[6:], *b], "net-1", "address_block")
    ground.tie([*a[6:], *c], "net-2", "address_block")
    assert ground.inside(ground.grow([*a, b[0]], "card")) == [*a, *c]


@pytest.mark.parametrize("passers, joined", [(1, 0), (2, 2), (4, 4)])
def test_partners_join_where_enough_of_the_union_passed_requests_on(passers: int, joined: int) -> None:
    ground = Ground()
    a, b = ground.accounts("a", 8), ground.accounts("b", passers)
    ground.tie(a, "card")
    for giver, taker in zip(a, b, strict=False):
        ground.passes(giver, taker)
    assert ground.inside(ground.grow(a, "card")) == [*a, *b[:joined]]


def test_a_partner_that_is_not_at_all_like_it_does_not_join() -> None:
    ground = Ground()
    a, b, odd = ground.accounts("a", 8), ground.accounts("b", 1), ground.accounts("z", 1, score=5.0)
    ground.tie(a, "card")
    ground.passes(a[0], b[0])
    ground.passes(a[1], odd[0])
    assert ground.inside(ground.grow(a, "card")) == [*a, *b]


def test_hand_offs_without_which_an_account_would_not_be_in_it_are_no_evidence() -> None:
    ground = Ground()
    # So much is refused and so much goes on anyway that a few hand-offs are nothing in all.
    for window in (WINDOW - 5 * DAY, WINDOW - 1):
        ground.rate.learn(window, 100_000, 1000)
    a, b = ground.accounts("a", 8), ground.accounts("b", 4)
    ground.tie(a, "card")
    for giver, taker in zip(a, b, strict=False):
        ground.passes(giver, taker)
    union = ground.grow(a, "card")
    assert ground.inside(union) == [*a, *b]
    assert union.passing.seen == 0
    ground.passes(b[0], a[0])
    assert ground.grow(a, "card").passing.seen == 0
    ground.passes(a[0], a[1])
    ground.passes(b[0], a[1])
    assert ground.grow(a, "card").passing.seen == 2


def test_who_came_by_a_hand_off_and_is_tied_as_well_does_not_owe_its_place_to_it() -> None:
    ground = Ground()
    for window in (WINDOW - 5 * DAY, WINDOW - 1):
        ground.rate.learn(window, 100_000, 1000)
    a, b = ground.accounts("a", 8), ground.accounts("b", 4)
    ground.tie(a, "card")
    ground.tie(b[:3], "net", "address_block")
    for giver, taker in zip(a, b, strict=False):
        ground.passes(giver, taker)
    union = ground.grow(a, "card")
    assert ground.inside(union) == [*a, *b]
    assert union.passing.seen == 3


def test_accounts_that_differ_by_no_more_than_a_bin_are_as_good_as_alike() -> None:
    ground = Ground()
    a, b = ground.accounts("a", 8), ground.accounts("b", 4, bins=[[5], [6], [5], [6]])
    ground.tie(a, "card")
    ground.tie([*a[6:], *b], "net", "address_block")
    assert ground.inside(ground.grow(a, "card")) == [*a, *b]


def test_they_are_evidence_where_there_are_more_than_everybody_makes() -> None:
    ground = Ground()
    ground.rate.learn(WINDOW - 1, 3, 0)
    a, b = ground.accounts("a", 8), ground.accounts("b", 4)
    ground.tie(a, "card")
    for giver, taker in zip(a, b, strict=False):
        ground.passes(giver, taker)
    passing = ground.grow(a, "card").passing
    assert passing.seen == 4
    assert passing.expected == pytest.approx(3 / 30)


def test_hand_offs_between_tied_accounts_are_evidence_against_their_own_refusals() -> None:
    ground = Ground()
    a = ground.accounts("a", 8, refused=6)
    ground.tie(a, "card")
    ground.passes(a[0], a[1], after_ms=1200)
    ground.passes(a[1], a[2], after_ms=600)
    passing = ground.grow(a, "card").passing
    assert passing.seen == 2
    assert passing.expected == pytest.approx(48 / 30)
    assert passing.quickness == (0.005, 0.01)


def test_support_counts_kinds_and_not_prompts() -> None:
    ground = Ground()
    a = ground.accounts("a", 8)
    ground.tie(a, "card-1")
    for prompt in ("t1", "t2", "t3"):
        ground.tie(a[:4], prompt, "template")
    ground.tie(a[:2], "card-2")
    ground.tie(a[:2], "asked", "system_prompt")
    union = ground.grow(a, "card-1")
    assert ground.support(union) == {name: 4 if name in a[:2] else 2 if name in a[:4] else 1 for name in a}


def test_to_have_passed_a_request_on_within_holds_as_much_as_two_ties() -> None:
    ground = Ground()
    a = ground.accounts("a", 8)
    ground.accounts("x", 1, score=5.0)
    ground.tie(a, "card")
    ground.passes(a[0], a[1])
    ground.passes(a[2], "x00")
    union = ground.grow(a, "card")
    assert ground.support(union) == {name: 1 + PASSER_SUPPORT * (name in a[:2]) for name in a}


def test_those_that_passed_requests_on_are_its_core_where_there_are_enough() -> None:
    for passers, core in ((6, 10), (8, 8)):
        ground = Ground()
        a = ground.accounts("a", 10)
        ground.tie(a, "card")
        for giver in range(0, passers, 2):
            ground.passes(a[giver], a[giver + 1])
        union = ground.grow(a, "card")
        assert ground.named(union.core.rows["key"].tolist()) == a[:core]


def test_a_link_value_that_is_not_known_binds_nobody() -> None:
    ground = Ground()
    a = ground.accounts("a", 8)
    union = ground.grow(a, "forgotten")
    assert (ground.inside(union), union.links, union.support) == (a, [], {})


def test_nobody_grows_into_nothing() -> None:
    union = Ground().grow([])
    assert (len(union.table), union.passing.seen, union.trials, union.support) == (0, 0, 0, {})


def test_it_is_the_same_in_whatever_order_the_seed_and_the_ties_come() -> None:
    found = []
    for turn in (1, -1):
        ground = Ground()
        a, b, c = ground.accounts("a", 8), ground.accounts("b", 4), ground.accounts("c", 4)
        ties = [([*a[6:], *b], "net-1"), ([*b[2:], *c], "net-2"), ([*a[:2], *c[:2]], "net-3"), (a, "net-4")]
        for names, value in ties[::turn]:
            ground.tie(names, value, "address_block")
        union = ground.grow(a[::turn], "net-4", kind="address_block")
        found.append((ground.inside(union), values(union), union.trials, union.support, union.passing))
    assert found[0] == found[1]


def test_those_whom_prompts_alone_hold_in_it_are_told_apart() -> None:
    ground = Ground()
    names = ground.accounts("a", 12)
    ground.tie(names[:8], "card")
    ground.tie(names[4:], "words", kind="template")
    union = ground.grow(names[:8], "card")
    assert ground.inside(union) == names
    assert ground.named(union.held) == names[:8]
    ground.passes(names[10], names[0])
    assert ground.named(ground.grow(names[:8], "card").held) == [*names[:8], names[10]]


def test_nothing_joins_one_of_its_parts_to_another() -> None:
    ground = Ground()
    a, b, c = ground.accounts("a", 5), ground.accounts("b", 3), ground.accounts("c", 2)
    ground.tie(a[:3], "card")
    ground.tie(a[2:], "prompt", "template")
    ground.tie(b, "block", "address_block")
    ground.passes(c[0], c[1])
    union = ground.grow([*a, *b, *c, *ground.accounts("d", 1)])
    assert [ground.named(part) for part in union.parts] == [a, b, c, ["d00"]]


def test_beside_many_hand_offs_a_few_who_passed_nothing_on_change_little() -> None:
    for times, joined in ((1, 0), (12, 4)):
        ground = Ground()
        a = ground.strangers("a", 24, refused=[2 * times] * 24)
        b = ground.strangers("b", 4, refused=[2] * 4)
        ground.tie(a, "card")
        ground.tie([*a[10:], *b], "net", "address_block")
        for number in range(times * 24):
            ground.passes(a[number % 24], a[(number * 7 + number // 24 + 1) % 24])
        assert len(ground.inside(ground.grow(a, "card"))) - 24 == joined


def test_of_many_templates_none_takes_the_place_of_another_kind_of_tie() -> None:
    ground = Ground()
    a = ground.accounts("a", 12)
    ground.tie(a, "card")
    for number in range(MAX_ADJACENT + 10):
        ground.tie(a[:6], f"t{number}", "template")
        ground.tie(a[:8], f"p{number}", "template")
    ground.tie(a, "system", "system_prompt")
    found = values(ground.grow(a, "card"))
    assert "system" in found
    assert sum(value[0] in "tp" for value in found) < 2 * MAX_ADJACENT


def test_what_few_have_in_common_is_not_what_ties_it() -> None:
    ground = Ground()
    a = ground.accounts("a", 16)
    ground.tie(a, "prompt", "template")
    for tied, kinds in ((3, {"template"}), (4, {"template", "signup_cohort"})):
        ground.tie(a[:tied], "day", "signup_cohort")
        assert ground.grow(a, "prompt", kind="template").kinds == kinds
    # All its values count together.
    ground.tie(a[:2], "card-1")
    ground.tie(a[2:4], "card-2")
    assert ground.grow(a, "prompt", kind="template").kinds == {"template", "signup_cohort", "payment"}
