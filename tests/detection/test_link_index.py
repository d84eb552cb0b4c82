"""Groups form, are judged when there is something new, and are forgotten."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.detection.gathering import Gathering
from streamer.detection.link_group import Group
from streamer.detection.link_index import LinkIndex
from streamer.detection.links import template_keys
from streamer.detection.population import POOLED, Reference, strata_of
from streamer.detection.profile import BINS, BUCKETS, SETTLED, Feature
from streamer.detection.settings import (
    DAY_S,
    HOUR_S,
    DetectionSettings,
    GroupSettings,
    LinkSettings,
    ReferenceSettings,
    WindowSettings,
)
from tests.detection.handmade import START_WINDOW, Prompt, active_of, gathered, key_of, link

WINDOW = WindowSettings(window_s=600)
DAY = 144
START = START_WINDOW // DAY * DAY  # the first window of a day and of an epoch of sightings
SETTINGS = LinkSettings(
    shards=8,
    sighting_slots=256,
    sighting_memory_s=DAY_S,
    max_groups_per_shard=100,
    max_members=50,
    hub_ratio=0.1,
    hub_min_accounts=20,
    horizon_s=DAY_S,
    idle_s=2 * DAY_S,
    judge_every_s=2 * HOUR_S,
    judge_growth_ratio=0.5,
)


def index(settings: LinkSettings = SETTINGS, partition: int = 0, partitions: int = 1) -> LinkIndex:
    everything = DetectionSettings(window=WINDOW, link=settings, group=GroupSettings(min_accounts=3))
    return LinkIndex(everything, partition, partitions)


def reference(accounts: int = 100, days: float = 2.0) -> Reference:
    settings = ReferenceSettings(min_accounts=1, warm_up_s=DAY_S)
    counts = np.zeros((strata_of(settings), Feature.COUNT, BUCKETS, BINS), dtype=np.int64)
    counts[POOLED, Feature.VOLUME, SETTLED, 5] = round(accounts * days)
    return Reference(0, counts, days, settings)


READY, COLD = reference(), reference(days=0.5)


def see(one: LinkIndex, window: int, accounts: str, value: str = "pf") -> None:
    one.see(on({name: [value] for name in accounts}), START + window)


def on(values: dict[str, list[str]]) -> Gathering:
    return gathered(active_of(sorted(values), values))


def asked(prompts: dict[str, list[int]]) -> Gathering:
    found = [Prompt(name, value) for name, values in prompts.items() for value in values]
    return gathered(active_of(sorted(prompts), prompts=found))


def judged(one: LinkIndex, window: int, known: Reference = READY) -> list[Group]:
    """The groups that are due, each judged by the requests that it has now: ten of each account."""
    found = []
    for group in one.due(window, known):
        group.judged(window, 10 * len(group.members))
        found.append(group)
    return found


def due(one: LinkIndex, window: int, known: Reference = READY) -> list[str]:
    return [group.link.value for group in judged(one, START + window, known)]


NAMES = {key_of(name): name for name in "abcdefghijklmnopqrstuvwxyz"}


def names(group: Group) -> str:
    return "".join(sorted(NAMES[key] for key in group.members))


def members(one: LinkIndex, value: str = "pf") -> str:
    group = one.groups.get(link(value).key)
    return "" if group is None else names(group)


def test_one_account_alone_makes_no_group() -> None:
    one = index()
    for window in range(3):
        see(one, window, "a")
    assert one.groups == {}


def test_two_in_one_window_make_a_group() -> None:
    one = index()
    see(one, 0, "ab")
    assert members(one) == "ab"


def test_a_later_one_makes_a_group_and_the_first_joins_when_it_comes_again() -> None:
    one = index()
    see(one, 0, "a")
    see(one, 5, "b")
    assert members(one) == "b"
    see(one, 6, "a")
    assert members(one) == "ab"


def test_an_account_counts_once_on_a_value_however_often_its_prompts_have_it() -> None:
    one = index()
    near = [0xAAAA_BBBB_CCCC_0000 + number for number in range(5)]
    one.see(asked({"a": near, "b": near[:1]}), START)
    shared = one.groups[template_keys(near)[0].tolist()[0]]
    assert names(shared) == "ab"
    assert shared.new_requests == 20


def test_accounts_on_different_values_have_nothing_to_do_with_each_other() -> None:
    one = index()
    see(one, 0, "a", "pf1")
    see(one, 0, "b", "pf2")
    assert one.groups == {}


def test_prompts_of_one_template_make_a_group() -> None:
    one = index()
    near, far = 0x0123_4567_89AB_CDEF, 0xFEDC_BA98_7654_3210
    one.see(asked({"a": [near], "b": [near ^ 0b101], "c": [far]}), START)
    assert one.groups
    assert {names(group) for group in one.groups.values()} == {"ab"}
    assert {group.link.kind for group in one.groups.values()} == {"template"}
    assert set(one.groups) <= set(template_keys([near])[0].tolist())


def test_a_group_is_due_at_once_and_then_when_it_grew_or_time_has_passed() -> None:
    one = index()
    see(one, 0, "abc")
    assert due(one, 0) == ["pf"]
    assert due(one, 0) == []  # nothing new
    see(one, 1, "")
    see(one, 2, "ab")  # 20 requests beside 30: more than half as many again
    assert due(one, 2) == ["pf"]
    see(one, 3, "abcdefgh")
    assert due(one, 3) == ["pf"]
    see(one, 4, "abc")  # 30 beside 80
    assert due(one, 4) == []
    see(one, 5, "a")  # 40 beside 80
    assert due(one, 5) == ["pf"]
    see(one, 16, "a")
    assert due(one, 16) == []
    see(one, 17, "a")  # two hours after it was judged
    assert due(one, 17) == ["pf"]


def test_nothing_is_due_before_the_reference_is_ready() -> None:
    one = index()
    see(one, 0, "abc")
    assert due(one, 0, COLD) == []
    see(one, 1, "a")
    assert due(one, 1) == ["pf"]


def test_a_group_that_was_improbable_is_due_more_often() -> None:
    one = index(replace(SETTINGS, judge_suspect_every_s=HOUR_S))
    see(one, 0, "abcdefgh")
    (group,) = judged(one, START)
    for suspect, windows in ((True, 6), (False, 12)):
        group.suspect = suspect
        first = group.judged_window - START
        found = []
        for window in range(first + 1, first + 13):
            see(one, window, "a" if window % 4 == 0 else "")
            group.new_requests = min(group.new_requests, 1)
            one._touched[group.link.key] = group
            found += [window - first] if due(one, window) else []
            if found:
                break
        assert found == [windows]


def test_groups_come_in_the_order_of_their_keys() -> None:
    one = index()
    values = [f"pf{number}" for number in range(20)]
    one.see(on(dict.fromkeys("abc", values)), START)
    keys = [group.link.key for group in judged(one, START)]
    assert len(keys) == 20
    assert keys == sorted(keys)


@pytest.mark.parametrize("later, left", [(DAY, "abc"), (DAY + 1, "c")])
def test_members_that_were_not_seen_for_a_day_are_forgotten(later: int, left: str) -> None:
    one = index()
    see(one, 0, "ab")
    see(one, later, "c")
    assert due(one, later) == ["pf"]
    assert members(one) == left


def test_what_too_many_share_is_a_hub_and_binds_nobody() -> None:
    one = index()
    crowd = "abcdefghijklmnopqrstu"
    see(one, 0, crowd[:20])
    assert due(one, 0) == ["pf"]
    see(one, 1, crowd)
    assert due(one, 1) == []
    assert (one.hub_count, one.groups) == (1, {})
    see(one, 2, "xy")
    assert due(one, 2) == []
    assert one.groups == {}


def test_a_share_of_a_large_population_is_needed_for_a_hub() -> None:
    one = index()
    see(one, 0, "abcdefghijklmnopqrstu")
    assert due(one, 0, reference(accounts=1000)) == ["pf"]
    assert one.hub_count == 0


def test_before_the_population_is_known_only_memory_bounds_a_group() -> None:
    one = index(replace(SETTINGS, max_members=5))
    see(one, 0, "abcde")
    assert due(one, 0, COLD) == []
    assert len(one.groups) == 1
    see(one, 1, "f")
    assert due(one, 1, COLD) == []
    assert (one.hub_count, one.groups) == (1, {})


def test_a_hub_must_show_again_that_it_is_one() -> None:
    one = index()
    see(one, 0, "abcdefghijklmnopqrstu")
    due(one, 0)
    see(one, 2 * DAY, "ab")
    assert (one.hub_count, members(one)) == (1, "")
    see(one, 3 * DAY, "ab")
    assert (one.hub_count, members(one)) == (0, "ab")


def test_what_was_a_hub_binds_nobody_before_a_day_has_shown_that_it_is_none() -> None:
    one = index()
    see(one, 0, "abcdefghijklmnopqrstu")
    due(one, 0)
    for window in (3 * DAY, 4 * DAY - 1):
        see(one, window, "abcdefghij")
        assert due(one, window) == []
        one = restored(one)
    see(one, 4 * DAY, "abcdefghij")
    assert due(one, 4 * DAY) == ["pf"]


def test_half_of_what_makes_a_hub_makes_one_again() -> None:
    one = index()
    see(one, 0, "abcdefghijklmnopqrstu")
    due(one, 0)
    see(one, 3 * DAY, "abcdefghijk")
    assert due(one, 3 * DAY) == []
    assert (one.hub_count, members(one)) == (1, "")


def test_a_group_that_nobody_used_for_long_is_forgotten() -> None:
    one = index()
    see(one, 0, "ab")
    see(one, 2 * DAY, "x", "other")
    assert members(one) == "ab"
    see(one, 3 * DAY, "x", "other")
    assert members(one) == ""


def test_a_shard_holds_no_more_groups_than_it_may_until_one_is_forgotten() -> None:
    one = index(replace(SETTINGS, shards=1, max_groups_per_shard=2))
    for value in ("pf1", "pf2", "pf3"):
        see(one, 0, "ab", value)
    assert [members(one, value) for value in ("pf1", "pf2", "pf3")] == ["ab", "ab", ""]
    see(one, 3 * DAY, "ab", "pf3")
    assert [members(one, value) for value in ("pf1", "pf2", "pf3")] == ["", "", "ab"]


def test_a_full_shard_leaves_the_others_alone() -> None:
    one = index(replace(SETTINGS, shards=2, max_groups_per_shard=3))
    values = [f"pf{number}" for number in range(40)]
    one.see(on(dict.fromkeys("ab", values)), START)
    assert Counter(key % 2 for key in one.groups) == {0: 3, 1: 3}


def restored(one: LinkIndex, settings: LinkSettings = SETTINGS) -> LinkIndex:
    again = index(settings)
    again.restore(msgspec.msgpack.decode(msgspec.msgpack.encode(one.snapshot())))
    return again


def test_a_restored_index_knows_its_hubs() -> None:
    one = index()
    see(one, 0, "abcdefghijklmnopqrstu")
    due(one, 0)
    again = restored(one)
    see(again, 1, "ab")
    assert (again.hub_count, again.groups) == (1, {})


def test_a_restored_index_is_as_full_as_it_was() -> None:
    tight = replace(SETTINGS, shards=1, max_groups_per_shard=1)
    one = index(tight)
    see(one, 0, "ab", "pf1")
    again = restored(one, tight)
    see(again, 1, "ab", "pf2")
    assert [members(again, value) for value in ("pf1", "pf2")] == ["ab", ""]


life = st.lists(
    st.tuples(
        st.integers(0, 2 * DAY),
        st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from(["p", "q", "r", "s"])), min_size=1, max_size=4),
    ),
    min_size=1,
    max_size=10,
)


def on_pairs(pairs: list[tuple[str, str]]) -> Gathering:
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return on({name: sorted(set(used)) for name, used in values.items()})


def told_of(one: LinkIndex, window: int) -> list[tuple[int, str]]:
    return [(group.link.key, names(group)) for group in judged(one, window)]


def live(one: LinkIndex, seen: list[tuple[int, list[tuple[str, str]]]]) -> list[tuple[int, str]]:
    window, found = START, []
    for step, pairs in seen:
        window += step + 1
        one.see(on_pairs(pairs), window)
        found += told_of(one, window)
    return found


@given(life, st.integers(2, 4))
def test_partitions_together_find_what_one_process_finds(
    seen: list[tuple[int, list[tuple[str, str]]]], partitions: int
) -> None:
    # Few groups and few slots, so that the bounds are reached; each partition sweeps only when it sees something.
    tight = replace(SETTINGS, shards=8, sighting_slots=2, max_groups_per_shard=1)
    expected = live(index(tight), seen)
    found: list[tuple[int, str]] = []
    for partition in range(partitions):
        mine = [
            (
                step,
                [(name, value) for name, value in pairs if link(value).key % 8 % partitions == partition],
            )
            for step, pairs in seen
        ]
        one, window = index(tight, partition, partitions), START
        for step, pairs in mine:
            window += step + 1
            if pairs:
                one.see(on_pairs(pairs), window)
            found += told_of(one, window)
    assert sorted(found) == sorted(expected)


@given(life, st.integers(0, 10))
def test_a_restored_index_goes_on_as_if_nothing_had_happened(
    seen: list[tuple[int, list[tuple[str, str]]]], crash: int
) -> None:
    steady = index()
    windows = [START + sum(step + 1 for step, _ in seen[: at + 1]) for at in range(len(seen))]
    expected: list[tuple[int, str]] = []
    found: list[tuple[int, str]] = []
    one = index()
    for at, (window, (_, pairs)) in enumerate(zip(windows, seen, strict=True)):
        if at == crash:
            one = restored(one)
        for each, said in ((steady, expected), (one, found)):
            each.see(on_pairs(pairs), window)
            said.extend(told_of(each, window))
    assert found == expected
    assert set(one.groups) == set(steady.groups)


def test_accounts_that_are_long_gone_do_not_make_a_hub() -> None:
    one = index()
    see(one, 0, "abcdefghijklmno")
    see(one, DAY + 1, "pqrstuvwxyz")
    assert due(one, DAY + 1) == ["pf"]
    assert (one.hub_count, members(one)) == (0, "pqrstuvwxyz")
