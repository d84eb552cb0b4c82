"""What ties accounts together and who handed requests to whom, as long as it is remembered."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from streamer.detection.evidence import HandOff
from streamer.detection.lead_book import FORGET_EVERY, LeadBook
from tests.detection.handmade import default_settings, key_of, lead, link

NAMES = "abcdefgh"
TIE_MEMORY = PASS_MEMORY = 288  # windows: two days
START = FORGET_EVERY * 100


def keys(names: str) -> frozenset[int]:
    return frozenset(map(key_of, names))


def passing(giver: str, taker: str, at_ms: int = 0) -> HandOff:
    return HandOff(key_of(giver), key_of(taker), at_ms, 1000, by_shape=False)


def book(*hand_offs: str, window: int = START) -> LeadBook:
    """Hand-offs as pairs of names: giver, taker."""
    one = LeadBook(default_settings())
    for number, pair in enumerate(hand_offs):
        one.pass_on(passing(pair[0], pair[1], number), window)
    return one


def tied(*groups: tuple[str, str], window: int = START) -> LeadBook:
    """Link values, and the names that are on each."""
    one = book()
    for value, names in groups:
        one.add(lead(names, value), window)
    return one


def overlapping(one: LeadBook, names: str) -> dict[str, int]:
    return {one.ties[key].lead.link.value: count for key, count in one.overlapping(keys(names)).items()}


def again(one: LeadBook) -> LeadBook:
    restored = LeadBook(default_settings())
    restored.restore(msgspec.msgpack.decode(msgspec.msgpack.encode(one.snapshot())))
    return restored


def test_a_lead_ties_its_accounts_and_no_others() -> None:
    one = tied(("p", "abc"), ("q", "cd"))
    assert overlapping(one, "abd") == {"p": 2, "q": 1}
    assert overlapping(one, "e") == {}
    assert one.on(keys("abe")) == {link("p").key}
    assert one.on(keys("de")) == {link("q").key}
    assert one.on(keys("e")) == set()
    assert one.count(link("p").key, keys("bcde")) == 2
    assert one.count(link("nothing").key, keys("abc")) == 0
    assert [found.value for found in one.ties_of(key_of("c"))] == sorted("pq", key=lambda value: link(value).key)
    assert one.ties_of(key_of("e")) == []


def test_a_later_lead_on_a_value_replaces_the_earlier() -> None:
    one = tied(("p", "abc"), ("q", "ab"))
    one.add(lead("cd", "p", -3.0), START + 1)
    assert overlapping(one, "abcd") == {"p": 2, "q": 2}
    assert overlapping(one, "ab") == {"q": 2}
    assert one.ties_of(key_of("a")) == [link("q")]
    tie = one.ties[link("p").key]
    assert (tie.keys, tie.window, tie.lead.log10_p) == (keys("cd"), START + 1, -3.0)
    assert len(one.ties) == 2


def test_ties_are_forgotten_when_they_are_too_old() -> None:
    one = tied(("p", "ab"))
    one.add(lead("bc", "q"), START + FORGET_EVERY)
    one.forget(START + TIE_MEMORY)
    assert overlapping(one, "abc") == {"p": 2, "q": 2}
    one.forget(START + TIE_MEMORY + FORGET_EVERY)
    assert overlapping(one, "abc") == {"q": 2}
    assert one.ties_of(key_of("a")) == []


def test_a_tie_that_was_renewed_stays() -> None:
    one = tied(("p", "ab"))
    one.add(lead("ab", "p"), START + TIE_MEMORY)
    one.forget(START + TIE_MEMORY + FORGET_EVERY)
    assert overlapping(one, "ab") == {"p": 2}


def test_hand_offs_are_forgotten_when_they_are_too_old_and_with_them_the_partners() -> None:
    one = book("ab", "bc")
    one.pass_on(passing("a", "b", 99), START + FORGET_EVERY)
    one.forget(START + PASS_MEMORY)
    assert one.passed(keys("abc"), keys("abc")) == 2
    one.forget(START + PASS_MEMORY + FORGET_EVERY)
    assert one.passed(keys("abc"), keys("abc")) == 1
    assert one.partners(keys("b")) == keys("a")
    assert one.passers(keys("abc")) == sorted(keys("ab"))


def test_partners_are_who_gave_and_who_took_from_outside() -> None:
    one = book("ab", "ca", "de")
    assert one.partners(keys("a")) == keys("bc")
    assert one.partners(keys("ab")) == keys("c")
    assert one.partners(keys("abc")) == one.partners(keys("g")) == set()


def test_groups_are_joined_by_hand_offs_cards_and_devices_but_not_by_what_strangers_share() -> None:
    one = book("ab", "de")
    one.add(lead("cf"), START)
    one.add(lead("agx", "net", kind="address_block"), START)
    one.add(lead("ahx", "prompt", kind="template"), START)
    assert one.joins(keys("a"), keys("b"))
    assert one.joins(keys("b"), keys("a"))
    assert one.joins(keys("xc"), keys("f"))
    assert not one.joins(keys("a"), keys("ghde"))
    assert not one.joins(keys("abc"), keys("de"))


def test_each_pair_with_hand_offs_is_counted_once_however_often_they_were() -> None:
    one = book("ab", "ab", "ba", "bc", "cd")
    assert one.passed(keys("abc"), keys("abc")) == 2
    assert one.passed(keys("ab"), keys("abc")) == 2
    assert one.passed(keys("a"), keys("abc")) == 1
    assert one.passed(keys("c"), keys("abc")) == 1
    assert one.passed(keys("c"), keys("abcd")) == 2
    assert one.passed(keys("e"), keys("abcde")) == 0


def test_passers_are_those_who_passed_something_on_within_but_they_are_counted_with_whomever_it_was() -> None:
    one = book("ab", "cd")
    assert one.passers(keys("abce")) == sorted(keys("ab"))
    assert one.passers(keys("ac")) == []
    assert one.passing_count(keys("abce")) == 3
    assert one.passing_count(keys("efg")) == 0


def test_free_passers_are_all_that_passed_something_on_but_those_taken() -> None:
    one = book("ab", "bc", "de")
    one.add(lead("ah"), START)
    assert set(one.free_passers(but={})) == keys("abcde")
    assert set(one.free_passers(but={key_of("d"): "c-1"})) == keys("abce")


def test_who_goes_to_and_fro_with_nobody_else_does_not_count() -> None:
    every = keys("abcdef")
    one = book("ab", "cd", "dc", "ef", "ef")
    assert one.passed(every, every) == 1
    assert one.passers(every) == one.passers(keys("ab")) == sorted(keys("ab"))
    assert one.free_passers(but=()) == set(keys("ab"))
    assert one.partners(keys("ace")) == set(keys("b"))
    assert (one.passing_count(every), one.joins(keys("c"), keys("d"))) == (2, False)
    # Now one of them hands over to a third: a scheduler takes whichever has room.
    one.pass_on(passing("d", "g"), START)
    assert one.passed(every, every) == 2
    assert one.free_passers(but=()) == keys("abcdg")
    one.take_back(key_of("g"), key_of("d"))
    assert one.free_passers(but=()) == set(keys("ab"))


def test_the_newest_hand_offs_within_come_first() -> None:
    one = book("ab", "cd", "ba", "ab", "be")
    assert [found.at_ms for found in one.newest_within(keys("ab"), 10)] == [3, 2, 0]
    assert [found.at_ms for found in one.newest_within(keys("ab"), 2)] == [3, 2]


names = st.sampled_from(NAMES)
passed = st.lists(st.tuples(names, names).filter(lambda pair: pair[0] != pair[1]), max_size=25)


@given(passed, st.lists(st.sets(names, max_size=3), max_size=5))
def test_a_group_that_grows_counts_as_many_pairs_as_one_counted_at_once(
    pairs: list[tuple[str, str]], parts: list[set[str]]
) -> None:
    one = book(*map("".join, pairs))
    grown = [frozenset[int]()]
    for part in parts:
        grown.append(grown[-1] | keys("".join(part)))
    stepwise = sum(one.passed(larger - smaller, larger) for smaller, larger in pairwise(grown))
    told = Counter(map(frozenset, pairs))
    to_and_fro = {pair for pair in told if told[pair] > 1 and not any(pair & other for other in told if other != pair)}
    within = {pair for pair in told.keys() - to_and_fro if frozenset(map(key_of, pair)) <= grown[-1]}
    assert stepwise == one.passed(grown[-1], grown[-1]) == len(within)


acts = st.lists(
    st.tuples(
        st.sampled_from([0, 1, FORGET_EVERY, 100, TIE_MEMORY + FORGET_EVERY]),
        st.sampled_from("pqr"),
        st.sets(names, min_size=2, max_size=5),
        names,
        names,
    ).filter(lambda act: act[3] != act[4]),
    max_size=12,
)


@given(acts, st.integers(0, 12))
def test_a_restored_book_goes_on_as_if_nothing_had_happened(
    done: list[tuple[int, str, set[str], str, str]], crash: int
) -> None:
    steady, shaky, window = book(), book(), START
    for number, (step, value, on_it, giver, taker) in enumerate(done):
        if number == crash:
            shaky = again(shaky)
        window += step
        for one in (steady, shaky):
            one.add(lead(on_it, value), window)
            one.pass_on(passing(giver, taker, number), window)
            one.forget(window)
    everybody = keys(NAMES)
    for one in (shaky, again(shaky)):
        assert one.snapshot() == steady.snapshot()
        assert one.overlapping(everybody) == steady.overlapping(everybody)
        assert one.passed(everybody, everybody) == steady.passed(everybody, everybody)
        for name in NAMES:
            assert one.partners(keys(name)) == steady.partners(keys(name))
            assert one.ties_of(key_of(name)) == steady.ties_of(key_of(name))


def test_a_restored_book_knows_no_more_than_what_it_took_over() -> None:
    one = book("ab")
    one.add(lead("ab"), START)
    one.restore(book("cd").snapshot())
    assert one.partners(keys("abcd")) == set()
    assert one.passers(keys("abcd")) == sorted(keys("cd"))
    assert overlapping(one, "ab") == {}
