"""What people said moves the weights of families, within bounds."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.detection.evidence import EvidenceItem
from streamer.detection.opinion import HIGHEST, LOWEST, MAX_EXAMPLES, STRENGTH_CAP, Opinion

FAMILIES = ("evenness", "rhythm", "hand_off", "newness")


def item(family: str, log10_p: float = -STRENGTH_CAP) -> EvidenceItem:
    return EvidenceItem(family, "", 1.0, 0.0, log10_p)


def told(*verdicts: tuple[str, bool]) -> Opinion:
    """Verdicts about alerts of one family each."""
    one = Opinion()
    for family, confirmed in verdicts:
        one.learn([item(family)], confirmed=confirmed)
    return one


def again(one: Opinion) -> Opinion:
    restored = Opinion()
    restored.restore(msgspec.msgpack.decode(msgspec.msgpack.encode(one.snapshot())))
    return restored


def weights(one: Opinion) -> dict[str, float]:
    return {family: one.weight(family) for family in FAMILIES}


def test_every_family_weighs_the_same_until_somebody_said_something() -> None:
    assert set(weights(Opinion()).values()) == {1.0}
    assert told(("evenness", True)).weight("rhythm") == 1.0


def test_dismissals_lower_the_weight_of_a_family_and_confirmations_raise_it() -> None:
    falls = [told(*[("evenness", False)] * times).weight("evenness") for times in range(6)]
    rises = [told(*[("evenness", True)] * times).weight("evenness") for times in range(6)]
    assert falls == sorted(set(falls), reverse=True)
    assert rises == sorted(set(rises))
    assert falls[-1] < 1.0 < rises[-1]


def test_what_is_said_of_one_family_is_not_said_of_another() -> None:
    one = told(*[("evenness", False), ("hand_off", True)] * 20)
    assert one.weight("evenness") < 1.0 < one.weight("hand_off")
    assert one.weight("newness") == 1.0


def test_the_family_that_spoke_louder_answers_for_more() -> None:
    one = Opinion()
    one.learn([item("evenness", -10.0), item("rhythm", -2.0)], confirmed=False)
    assert one.weight("evenness") < one.weight("rhythm") < 1.0


def test_beyond_the_cap_nothing_is_louder() -> None:
    loud, louder = Opinion(), Opinion()
    loud.learn([item("evenness", -STRENGTH_CAP)], confirmed=True)
    louder.learn([item("evenness", -300.0)], confirmed=True)
    assert weights(loud) == weights(louder)


def test_it_says_beforehand_how_likely_a_confirmation_is() -> None:
    one = Opinion()
    assert one.learn([item("evenness")], confirmed=True) == pytest.approx(0.5)
    expected = [one.learn([item("evenness")], confirmed=True) for _ in range(5)]
    assert expected == sorted(set(expected))
    assert expected[0] > 0.5


@pytest.mark.parametrize("confirmed, bound", [(True, HIGHEST), (False, LOWEST)])
def test_however_often_the_same_is_said_the_weight_stays_within_bounds(confirmed: bool, bound: float) -> None:  # noqa: FBT001
    assert told(*[("evenness", confirmed)] * 200).weight("evenness") == bound
    assert LOWEST > 0


verdicts = st.lists(
    st.tuples(st.lists(st.tuples(st.sampled_from(FAMILIES), st.floats(-300, 0)), max_size=4), st.booleans()),
    max_size=40,
)
Verdicts = list[tuple[list[tuple[str, float]], bool]]


@given(verdicts, st.integers(1, 5))
def test_whatever_is_learned_no_weight_leaves_its_bounds(found: Verdicts, times: int) -> None:
    one = Opinion()
    for evidence, confirmed in found * times:
        assert 0 <= one.learn([item(*part) for part in evidence], confirmed=confirmed) <= 1
        assert all(LOWEST <= weight <= HIGHEST for weight in weights(one).values())


@given(verdicts, st.integers(0, 40))
def test_a_restored_opinion_is_the_same_and_learns_on(found: Verdicts, crash: int) -> None:
    steady, shaky = Opinion(), Opinion()
    for number, (evidence, confirmed) in enumerate(found):
        if number == crash:
            shaky = again(shaky)
        items = [item(*part) for part in evidence]
        assert steady.learn(items, confirmed=confirmed) == shaky.learn(items, confirmed=confirmed)
    assert weights(again(shaky)) == weights(steady)


def test_a_restored_opinion_knows_no_more_than_what_it_took_over() -> None:
    one = told(*[("rhythm", False)] * 5)
    one.is_new("s-1")
    one.restore(Opinion().snapshot())
    assert weights(one) == weights(Opinion())
    assert one.is_new("s-1")


def test_a_saying_is_new_once_also_after_a_restart() -> None:
    one = Opinion()
    assert [one.is_new(name) for name in ("s-1", "s-2", "s-1")] == [True, True, False]
    restored = again(one)
    assert [restored.is_new(name) for name in ("s-2", "s-3", "s-3")] == [False, True, False]


def test_of_many_sayings_the_newest_are_remembered() -> None:
    one = Opinion()
    for number in range(MAX_EXAMPLES + 1):
        assert one.is_new(f"s-{number}")
    assert len(one.snapshot()["seen"]) == MAX_EXAMPLES
    assert not one.is_new("s-1")
    assert not one.is_new(f"s-{MAX_EXAMPLES}")
    assert one.is_new("s-0")


def test_of_many_examples_the_older_half_is_unlearned_and_a_restart_makes_no_difference() -> None:
    one = told(*[("evenness", False)] * MAX_EXAMPLES)
    assert len(one.snapshot()["examples"]) == MAX_EXAMPLES
    assert one.weight("evenness") == LOWEST
    one.learn([item("rhythm")], confirmed=True)
    assert len(one.snapshot()["examples"]) == MAX_EXAMPLES // 2
    kept = told(*[("evenness", False)] * (MAX_EXAMPLES // 2 - 1), ("rhythm", True))
    assert weights(one) == weights(kept) == weights(again(one))
    for _ in range(MAX_EXAMPLES // 2):
        one.learn([item("evenness")], confirmed=True)
    assert len(one.snapshot()["examples"]) == MAX_EXAMPLES
    assert weights(again(one)) == weights(one)
