"""Who is driven by the program of a cluster is found; who is honest, or of another program, is not."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from streamer.detection.likeness import OWN_SHRINKAGE, Backdrop, Likeness, Scale, fit, ratios_by_others
from streamer.detection.links import Keys
from streamer.detection.settings import LikenessSettings
from tests.detection.crowds import Values, driven, honest, named, told_of

SETTINGS = LikenessSettings()
DAYS = 3
SEEDS = range(4)


def backdrop_of(values: Values, days: int) -> Backdrop:
    return Backdrop(told_of(named("p", len(values)), values), days)


@cache
def backdrop(seed: int = 0) -> Backdrop:
    """How honest accounts behaved on three days."""
    return backdrop_of(honest(DAYS * 1500, 100 + seed), DAYS)


def alike(members: Values, others: Values, of: Backdrop, settings: LikenessSettings = SETTINGS) -> list[int]:
    return Likeness(members, of).alike(others, strangers(others), len(members), settings)


def strangers(values: Values) -> Keys:
    """Keys of accounts that nobody saw before."""
    return np.arange(len(values), dtype=np.uint64)


@pytest.mark.parametrize("seed", SEEDS)
def test_who_the_same_program_drives_is_found_and_nobody_else(seed: int) -> None:
    mixed = np.concatenate((honest(1500, seed), driven(60, 1, seed + 50), driven(60, 2, seed)))
    found = alike(driven(40, 1, seed), mixed, backdrop(seed))
    assert len(found) == len(set(found))
    same = [at for at in found if 1500 <= at < 1560]
    assert len(same) >= 45
    assert len(found) - len(same) <= SETTINGS.new_error_ratio * len(found)
    assert not [at for at in found if at >= 1560]


def test_the_share_of_honest_accounts_stays_near_what_was_allowed_where_the_two_are_hard_to_tell_apart() -> None:
    named = wrong = 0
    for seed in range(8):
        # A cloud nearly as wide as the population, around a middle that is not far from its own.
        cloud = [(0.45 * driven(n, 3, s, 1.2).astype(np.float64)).astype(np.float16) for n, s in ((60, seed), (80, 99))]
        found = alike(cloud[0], np.concatenate((honest(1500, seed), cloud[1])), backdrop(seed))
        named += len(found)
        wrong += sum(at < 1500 for at in found)
    assert named > 8 * 60  # some are found: it is not by silence that no one is wronged
    assert wrong <= 2 * SETTINGS.error_ratio * (named + 8 * 60)


@pytest.mark.parametrize("seed", SEEDS)
def test_honest_accounts_alone_are_left_alone(seed: int) -> None:
    found = alike(driven(40, 1, seed), honest(3000, seed), backdrop(seed))
    assert len(found) <= 1
    # Nor does a cluster that is no program's but any honest accounts name others.
    assert len(alike(honest(40, 50 + seed), honest(3000, seed), backdrop(seed))) <= 1


def test_the_likest_come_first() -> None:
    of, members, others = backdrop(), driven(40, 1), driven(60, 1, 5)
    odds = Likeness(members, of).odds(others, strangers(others)).now
    found = alike(members, others, of)
    assert len(found) > 40
    assert odds[found].tolist() == sorted(odds[found].tolist(), reverse=True)


def test_who_is_of_the_same_bent_but_far_beyond_all_members_is_of_another_subject() -> None:
    of, members = backdrop(), driven(40, 1)
    beyond = (1.8 * driven(30, 1, 5, 0.1).astype(float)).astype(np.float16)
    assert (Likeness(members, of).odds(beyond, strangers(beyond)).now == -np.inf).all()
    assert alike(members, beyond, of) == []


def test_where_all_who_were_there_before_are_left_out_of_the_count_it_is_made_without_them() -> None:
    of, members, others = backdrop(), driven(40, 1), driven(60, 1, 5)
    found = Likeness(members, of).alike(others, strangers(others), len(members), SETTINGS, set(of.owners.tolist()))
    assert len(found) <= len(others)


def test_nobody_is_named_where_no_error_is_allowed() -> None:
    strict = replace(SETTINGS, error_ratio=0.0)
    assert alike(driven(40, 1), driven(60, 1, 5), backdrop(), strict) == []
    strict = replace(SETTINGS, new_error_ratio=0.0)
    assert alike(driven(40, 1), driven(60, 1, 5), backdrop(), strict) == []


def test_the_population_is_counted_as_large_as_it_is() -> None:
    # The same cloud, hard to tell apart, among ever more accounts of which nothing else is known.
    members, others = ((0.5 * driven(n, 3, s, 1.2).astype(float)).astype(np.float16) for n, s in ((60, 0), (80, 99)))
    found = [len(alike(members, np.concatenate((others, honest(size))), backdrop())) for size in (1000, 15_000)]
    assert found[0] > found[1]


def test_what_a_gateway_does_not_tell_does_no_harm() -> None:
    missing = [2, 11, 30]
    members, others, crowd = driven(40, 1), driven(60, 1, 5), honest(1500, 1)
    sample = honest(DAYS * 1500, 100)
    for some in (members, others, crowd, sample):
        some[:, missing] = np.nan
    found = alike(members, np.concatenate((crowd, others)), backdrop_of(sample, DAYS))
    assert sum(at >= 1500 for at in found) >= 45
    assert sum(at < 1500 for at in found) <= 2
    others[::2, 5:9] = np.nan  # and of some accounts even less is known
    again = alike(members, np.concatenate((crowd, others)), backdrop_of(sample, DAYS))
    assert sum(at >= 1500 for at in again) >= 40


def test_scores_are_normal_unknown_ones_in_the_middle_and_never_without_end() -> None:
    sample = honest(2000)
    sample[::3, 4] = np.nan
    scale = Scale(sample)
    scores = scale.scores(sample)
    known = ~np.isnan(sample)
    assert np.isfinite(scores).all()
    assert (scores[~known] == 0).all()
    assert abs(scores[known].mean()) < 0.01
    assert abs(scores[known].std() - 1) < 0.02
    far = np.full((2, sample.shape[1]), 6e4, dtype=np.float16) * np.array([[1], [-1]], dtype=np.float16)
    high, low = scale.scores(far)
    assert (high > 3).all()
    assert high == pytest.approx(-low, abs=0.2)
    assert np.isfinite(high).all()


def test_a_value_that_nearly_all_have_is_in_the_middle() -> None:
    column = np.array([[0.0]] * 98 + [[1.0]] * 2, dtype=np.float16)
    assert abs(Scale(column).scores(column[:1])[0, 0]) < 0.1
    assert Scale(column).scores(column[-1:])[0, 0] > 2


def test_a_column_that_is_told_of_nobody_says_nothing() -> None:
    sample = honest(1500)
    sample[:, 3] = np.nan
    values = driven(5, 1)
    other = values.copy()
    other[:, 3] = 9
    of = backdrop_of(sample, 1)
    assert np.array_equal(of.scale.scores(values), of.scale.scores(other))


def test_who_is_of_another_subject_than_its_group_is_strange() -> None:
    group = np.concatenate((driven(40, 1), honest(4, 9)))
    ratios = ratios_by_others(group, backdrop())
    assert (ratios[:40] > 0).all()
    assert (ratios[40:] < -10).all()


def test_each_is_judged_by_others_than_itself() -> None:
    # A stranger that is part of its own measure passes for one of the group.
    group = np.concatenate((driven(27, 1), honest(1, 3)))
    lone = ratios_by_others(group, backdrop())[-1]
    scores = backdrop().scale.scores(group)
    by_itself = fit(scores, OWN_SHRINKAGE).log_density(scores) - backdrop().normal.log_density(scores)
    assert lone < -10 < by_itself[-1]
