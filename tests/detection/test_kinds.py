"""Accounts of several programs are told apart, those of one are not, whatever the order."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as trials
from hypothesis import strategies as st
from scipy.sparse import csgraph

from streamer.detection.kinds import MAX_SORTED, Crowd, components, one_kind, sort_out
from streamer.detection.likeness import Floats
from tests.detection.crowds import Values, driven, honest


def alone(values: Values, first_key: int = 0) -> list[Crowd]:
    """Each account a group of its own."""
    scores = values.astype(np.float64)
    return [Crowd(frozenset((first_key + at,)), scores[at], 1) for at in range(len(scores))]


def together(values: Values) -> Crowd:
    return Crowd(frozenset(range(len(values))), values.astype(np.float64).sum(axis=0), len(values))


def keys_of(groups: list[Crowd]) -> set[frozenset[int]]:
    return {group.keys for group in groups}


@pytest.mark.parametrize("seed", range(5))
def test_two_clouds_are_two_groups_and_one_is_one(seed: int) -> None:
    one, other = alone(driven(12, 1, seed)), alone(driven(9, 2, seed), 100)
    assert keys_of(sort_out(one + other)) == {frozenset(range(12)), frozenset(range(100, 109))}
    (found,) = sort_out(one)
    assert (found.keys, found.known) == (frozenset(range(12)), 12)
    assert found.total == pytest.approx(sum(group.total for group in one))


def test_strangers_stay_apart() -> None:
    assert len(sort_out(alone(2 * honest(8)))) > 4


def test_nothing_is_sorted_out_of_nothing() -> None:
    assert sort_out([]) == []
    (one,) = alone(driven(1, 1))
    assert sort_out([one]) == [one]


@trials(max_examples=25)
@given(st.integers(0, 50), st.randoms(use_true_random=False))
def test_the_order_does_not_matter(seed: int, rng: random.Random) -> None:
    groups = alone(np.concatenate((driven(6, 1, seed), driven(5, 2, seed), driven(1, 3, seed))))
    mixed = rng.sample(groups, len(groups))
    assert keys_of(sort_out(mixed)) == keys_of(sort_out(groups))
    assert len(sort_out(groups)) == 3


def test_no_more_groups_are_compared_than_can_be() -> None:
    many = [together(driven(1, 1)) for _ in range(MAX_SORTED + 7)]
    assert sum(group.known for group in sort_out(many)) == MAX_SORTED


def test_the_more_is_known_the_surer_is_the_answer() -> None:
    same = [one_kind(together(driven(n, 1, 0)), together(driven(n, 1, 1))) for n in (1, 4, 16, 64)]
    apart = [one_kind(together(driven(n, 1, 0)), together(driven(n, 2, 1))) for n in (1, 4, 16, 64)]
    assert same == sorted(same)
    assert same[0] > 0
    assert apart == sorted(apart, reverse=True)
    assert apart[0] < 0


def test_it_is_the_ratio_of_two_probabilities_and_symmetrical() -> None:
    # Against the densities of normal distributions: middles of the population, accounts scattered about them.
    rng = np.random.default_rng(4)
    one, other = rng.normal(size=(3, 1)), rng.normal(size=(2, 1))

    def log_density(values: Floats) -> float:
        spread = 0.6 * np.eye(len(values)) + 0.4
        found = -0.5 * values[:, 0] @ np.linalg.solve(spread, values[:, 0]) - 0.5 * np.linalg.slogdet(spread)[1]
        return float(found)

    expected = log_density(np.concatenate((one, other))) - log_density(one) - log_density(other)
    some, others = (Crowd(frozenset(), values.sum(axis=0), len(values)) for values in (one, other))
    assert one_kind(some, others) == pytest.approx(expected)
    assert one_kind(others, some) == pytest.approx(expected)


pairs = st.lists(st.tuples(st.integers(0, 14), st.integers(0, 14)), max_size=14)


@given(st.sets(st.integers(0, 12)), pairs)
def test_components_are_those_of_the_graph_of_pairs(keys: set[int], joined: list[tuple[int, int]]) -> None:
    graph = np.zeros((15, 15))
    for one, other in joined:
        graph[one, other] = {one, other} <= keys  # who is not asked about joins nobody
    label = csgraph.connected_components(graph, directed=False)[1]
    parts = {frozenset(key for key in keys if label[key] == label[of]) for of in keys}
    assert components(keys, joined) == sorted(parts, key=min)
