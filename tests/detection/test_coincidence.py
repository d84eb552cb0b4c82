"""Accounts of a group on one rare prompt, against what as many strangers have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import numpy as np

from streamer.detection.coincidence import Coincidences
from streamer.detection.evidence import EvidenceItem, HandOff
from streamer.detection.lead_book import LeadBook
from streamer.detection.settings import ReferenceSettings
from tests.detection.handmade import default_settings, key_of, lead

DEFAULTS = default_settings()
EPOCH, DAY = 36, 144  # windows
SETTINGS = replace(
    DEFAULTS,
    reference=ReferenceSettings(epoch_s=EPOCH * 600, lag_epochs=1, memory_epochs=4),
    group=replace(DEFAULTS.group, min_accounts=8, cause_correlation=0.3),
    link=replace(DEFAULTS.link, horizon_s=86_400),
)
START = 100 * EPOCH
NOW = START + 2 * EPOCH
PEOPLE = 2000


def names_of(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{number}" for number in range(count)]


class World:
    """Strangers of whom three each have a prompt in common, known for two epochs."""

    def __init__(self, *, learned: bool = True, clustered: Sequence[str] = ()) -> None:
        self.book = LeadBook(SETTINGS)
        self.known = Coincidences(SETTINGS, self.book)
        drawn = np.random.default_rng(3).permutation(PEOPLE)
        for number in range(300):
            self.tie([f"p{at}" for at in drawn[3 * number : 3 * number + 3]], f"own-{number}", START)
        if learned:
            self.learn(clustered)

    def learn(self, clustered: Sequence[str] = ()) -> None:
        self.known.learn(START, PEOPLE, {key_of(name) for name in clustered})

    def tie(self, names: Sequence[str], value: str, window: int = NOW, kind: str = "template") -> None:
        self.book.add(lead(names, value, kind=kind), window)

    def test(self, names: Sequence[str], window: int = NOW) -> EvidenceItem | None:
        return self.known.test(frozenset(map(key_of, names)), window)

    def claim(self, names: Sequence[str], window: int = NOW) -> float:
        item = self.test(names, window)
        assert item is not None
        return item.log10_p


def test_a_group_on_a_prompt_that_few_others_have_is_told_of() -> None:
    world, driven = World(), names_of("d", 30)
    world.tie([*driven[:24], "p1"], "one")
    item = world.test(driven)
    assert item is not None
    assert (item.family, item.observed) == ("template_coincidence", 0.8)
    assert item.log10_p < -3
    assert item.expected < 0.05
    assert item.statement.startswith("24 of 30 accounts")


def test_other_values_in_common_are_no_prompts() -> None:
    world, driven = World(), names_of("d", 30)
    world.tie(driven, "card", kind="payment")
    assert world.claim(driven) == 0.0


def test_a_prompt_counts_once_and_not_each_pair_of_it() -> None:
    world, driven = World(), names_of("d", 30)
    world.tie(driven[:10], "one")
    once = world.claim(driven)
    for number in range(5):  # the same prompt under other keys
        world.tie(driven[:10], f"again-{number}")
    assert world.claim(driven) == once
    world.tie(driven[10:20], "two")
    assert world.claim(driven) < once


def test_strangers_are_told_of_no_more_often_than_is_claimed() -> None:
    world = World()
    rng = np.random.default_rng(5)
    claims = [world.claim([f"p{at}" for at in rng.choice(PEOPLE, 40, replace=False)]) for _ in range(300)]
    assert sum(claim <= -1 for claim in claims) <= 30 + 16
    assert sum(claim <= -2 for claim in claims) <= 3 + 6


def test_a_prompt_that_many_others_have_says_nothing() -> None:
    world, driven = World(), names_of("d", 10)
    world.tie([*driven[:3], *(f"p{at}" for at in range(300))], "popular")
    assert world.claim(driven) == 0.0


def test_what_a_hand_off_has_in_common_is_known_already() -> None:
    world, driven = World(), names_of("d", 10)
    world.tie(driven[:2], "passed")
    before = world.claim(driven)
    world.book.pass_on(HandOff(key_of("d0"), key_of("d1"), 0, 900, by_shape=False), NOW)
    assert world.claim(driven) == 0.0 > before
    world.tie(driven[:3], "passed")
    assert world.claim(driven) < 0.0


def test_prompts_of_long_ago_are_no_coincidence() -> None:
    world, driven = World(), names_of("d", 30)
    world.tie(driven, "one", NOW - DAY - 1)
    assert world.claim(driven) == 0.0
    world.tie(driven, "one", NOW - DAY)
    assert world.claim(driven) < -3


def test_nothing_is_said_before_the_past_is_known_nor_of_a_handful() -> None:
    world, driven = World(learned=False), names_of("d", 30)
    world.tie(driven, "one")
    world.known.learn(NOW, 0, set())
    assert world.test(driven) is None
    world.learn()
    assert world.test(driven, START + EPOCH - 1) is None  # the epoch of now is no past
    assert world.test(driven, START + EPOCH) is not None
    assert world.test(driven[:7]) is None


def test_what_clusters_have_in_common_is_not_learned() -> None:
    crowd = names_of("c", 60)
    with_them, without = World(learned=False), World(learned=False)
    for world in (with_them, without):
        for number in range(200):
            world.tie(crowd[number % 40 : number % 40 + 20], f"c-{number}", START)
    with_them.learn()
    without.learn(clustered=crowd)
    one, other = (world.test(names_of("d", 30)) for world in (with_them, without))
    assert one is not None
    assert other is not None
    assert other.expected < one.expected


def test_a_restart_forgets_nothing() -> None:
    world, driven = World(), names_of("d", 30)
    world.tie(driven[:20], "one")
    again = Coincidences(SETTINGS, world.book)
    again.restore(msgspec.msgpack.decode(msgspec.msgpack.encode(world.known.snapshot())))
    assert again.test(frozenset(map(key_of, driven)), NOW) == world.test(driven)
