from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from streamer.sources.simhash import hash_text, simhash64

WORDS = [f"word{at}" for at in range(5000)]


def distance(one: str, other: str) -> int:
    first, second = simhash64(one), simhash64(other)
    assert first is not None
    assert second is not None
    return (int(first, 16) ^ int(second, 16)).bit_count()


@given(st.integers(0, 10_000))
def test_near_identical_texts_differ_in_few_bits(seed: int) -> None:
    dice = random.Random(seed)
    words = dice.choices(WORDS, k=300)
    changed = list(words)
    changed[dice.randrange(300)] = "replacement"
    assert distance(" ".join(words), " ".join(changed)) <= 12


def test_unrelated_texts_differ_in_about_half_of_the_bits() -> None:
    dice = random.Random(5)
    texts = [" ".join(dice.choices(WORDS, k=100)) for _ in range(60)]
    distances = [distance(texts[at], texts[at + 1]) for at in range(59)]
    assert min(distances) > 12
    assert 30 <= sum(distances) / 59 <= 34


def test_case_spacing_and_punctuation_do_not_count() -> None:
    assert simhash64("Write a poem, about the SEA!") == simhash64("write  a poem about\nthe sea")


def test_one_edit_in_a_text_without_spaces_does_not_change_everything() -> None:
    text = "请写一首关于大海和星星以及远方的船只的长诗并且解释每一行的含义和背景" * 3
    assert distance(text, text.replace("船只", "飞机", 1)) <= 20


def test_what_holds_nothing_has_none() -> None:
    assert simhash64("") is simhash64("  \n") is None
    assert simhash64("!?!") is not None
    assert simhash64("one") is not None


def test_hashes_are_stable() -> None:
    assert hash_text("text") == "982d9e3eb996f559e633f4d194def376"
    assert simhash64("the quick brown fox jumps over the lazy dog") == simhash64(
        "the quick brown fox jumps over the lazy dog"
    )
    assert hash_text("text", key=b"0" * 16) != hash_text("text", key=b"1" * 16)
