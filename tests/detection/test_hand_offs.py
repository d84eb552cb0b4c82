"""Requests that were refused at one account and sent by another within seconds."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.detection.evidence import HandOff
from streamer.detection.hand_offs import HandOffs
from streamer.detection.open_window import BY_SHAPE
from tests.detection.handmade import (
    START_WINDOW,
    WINDOW_MS,
    Prompt,
    active_of,
    default_settings,
    gathered,
    key_of,
)

DEFAULTS = default_settings()
SETTINGS = replace(
    DEFAULTS,
    group=replace(DEFAULTS.group, hand_off_s=120),
    link=replace(DEFAULTS.link, shards=16, prompt_slots=256, sighting_memory_s=86_400),
)
VALUE = 0x1234_5678_9ABC_DEF0


def hand_offs(partition: int = 0, partitions: int = 1) -> HandOffs:
    return HandOffs(SETTINGS, partition, partitions)


def see(one: HandOffs, window: int, *prompts: Prompt) -> list[HandOff]:
    names = sorted({prompt.account_id for prompt in prompts})
    return one.see(gathered(active_of(names, prompts=prompts)), START_WINDOW + window)


def pairs(found: list[HandOff]) -> list[tuple[str, str, int]]:
    names = {key_of(name): name for name in "abcdefgh"}
    return [(names[p.giver], names[p.taker], p.after_ms) for p in found]


@pytest.mark.parametrize(
    "sent_ms, found", [(999, False), (1000, True), (6000, True), (121_000, True), (121_001, False)]
)
def test_who_sends_within_two_minutes_what_was_refused_elsewhere_took_it_over(
    sent_ms: int,
    found: bool,  # noqa: FBT001
) -> None:
    told = see(hand_offs(), 0, Prompt("a", VALUE, 500, 1000), Prompt("b", VALUE, sent_ms))
    assert pairs(told) == ([("a", "b", sent_ms - 1000)] if found else [])
    assert [p.at_ms for p in told] == ([START_WINDOW * WINDOW_MS + sent_ms] if found else [])


@pytest.mark.parametrize("sent_ms, found", [(0, True), (60_000, True), (60_001, False)])
def test_a_refusal_near_the_end_of_a_window_is_taken_up_in_the_next(sent_ms: int, found: bool) -> None:  # noqa: FBT001
    one = hand_offs()
    assert see(one, 0, Prompt("a", VALUE, 0, WINDOW_MS - 60_000)) == []
    told = pairs(see(one, 1, Prompt("b", VALUE, sent_ms)))
    assert told == ([("a", "b", sent_ms + 60_000)] if found else [])


def test_a_window_without_anything_in_it_lets_nothing_pass() -> None:
    one = hand_offs()
    see(one, 0, Prompt("a", VALUE, 0, WINDOW_MS - 1000))
    assert see(one, 2, Prompt("b", VALUE, 0)) == []


def test_sending_again_what_was_refused_to_oneself_is_no_hand_off() -> None:
    assert see(hand_offs(), 0, Prompt("a", VALUE, 100, 100)) == []
    one = hand_offs()
    see(one, 0, Prompt("a", VALUE, 0, WINDOW_MS - 1000))
    assert see(one, 1, Prompt("a", VALUE, 0)) == []


def test_what_is_refused_again_at_the_taker_goes_on_to_a_third() -> None:
    told = see(hand_offs(), 0, Prompt("a", VALUE, 0, 0), Prompt("b", VALUE, 3000, 3000), Prompt("c", VALUE, 5000))
    assert pairs(told) == [("a", "b", 3000), ("b", "c", 2000)] or pairs(told) == [("b", "c", 2000), ("a", "b", 3000)]


def test_a_prompt_that_many_send_is_everybodys() -> None:
    crowd = [Prompt(name, VALUE, 1000 * at) for at, name in enumerate("bcd")]
    assert see(hand_offs(), 0, Prompt("a", VALUE, 0, 0), *crowd) == []


def test_a_prompt_that_somebody_else_had_before_shows_nothing() -> None:
    one = hand_offs()
    see(one, 0, Prompt("x", VALUE))
    assert see(one, 3, Prompt("a", VALUE, 0, 0), Prompt("b", VALUE, 1000)) == []
    two = hand_offs()
    see(two, 0, Prompt("a", VALUE))
    assert pairs(see(two, 3, Prompt("a", VALUE, 0, 0), Prompt("b", VALUE, 1000))) == [("a", "b", 1000)]


def test_other_prompts_have_nothing_to_do_with_it() -> None:
    assert see(hand_offs(), 0, Prompt("a", VALUE, 0, 0), Prompt("b", VALUE + 1, 1000)) == []


@pytest.mark.parametrize("value", [0, 1, 2**63, 2**64 - 1])
def test_every_value_can_be_handed_over_and_a_shape_says_that_it_is_one(value: int) -> None:
    told = see(hand_offs(), 0, Prompt("a", value, 0, 0, BY_SHAPE), Prompt("b", value, 1000, -1, BY_SHAPE))
    assert [p.by_shape for p in told] == [True]
    assert [p.by_shape for p in see(hand_offs(), 0, Prompt("a", value, 0, 0), Prompt("b", value, 1))] == [False]


prompts = st.builds(
    lambda name, number, first, refused: Prompt(name, number * 0x9E37_79B9_7F4A_7C15 % 2**64, first, refused),
    st.sampled_from("abcd"),
    st.integers(0, 5),
    st.sampled_from([0, 1000, 300_000, 590_000]),
    st.sampled_from([-1, 500, 299_000, 580_000, 595_000]),
)
lives = st.lists(
    st.lists(prompts, max_size=6, unique_by=lambda prompt: (prompt.account_id, prompt.value)), min_size=1, max_size=6
)


@given(lives, st.integers(2, 4))
def test_partitions_together_find_what_one_finds(seen: list[list[Prompt]], partitions: int) -> None:
    whole, parts = hand_offs(), [hand_offs(number, partitions) for number in range(partitions)]
    for window, found in enumerate(seen):
        expected = see(whole, window, *found)
        together = [passed for part in parts for passed in see(part, window, *found)]
        assert sorted(together) == sorted(expected)


@given(lives, st.integers(0, 5))
def test_restored_hand_offs_go_on_as_if_nothing_had_happened(seen: list[list[Prompt]], crash: int) -> None:
    steady, shaky = hand_offs(), hand_offs()
    for window, found in enumerate(seen):
        if window == crash:
            state = msgspec.msgpack.decode(msgspec.msgpack.encode(shaky.snapshot()))
            shaky = hand_offs()
            shaky.restore(state)
        assert see(shaky, window, *found) == see(steady, window, *found)
    assert shaky.snapshot() == steady.snapshot()
