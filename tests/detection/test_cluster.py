"""Groups that overlap become one cluster; an account is in one at most."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.detection.cluster import Clusters
from streamer.detection.evidence import Suspect
from streamer.detection.settings import AlertSettings
from tests.detection.handmade import DAY_MS, START_MS, candidate, suspect

SETTINGS = AlertSettings(overlap_ratio=0.3, min_overlap=3)


def clusters() -> Clusters:
    return Clusters(SETTINGS)


def placed(one: Clusters) -> list[str]:
    """The accounts of each cluster, the oldest cluster first."""
    ordered = sorted(one.by_id.values(), key=lambda cluster: (cluster.first_window, cluster.cluster_id))
    return ["".join(sorted(cluster.accounts)) for cluster in ordered]


def test_a_group_on_its_own_becomes_a_cluster_of_its_own() -> None:
    one = clusters()
    cluster, new, absorbed = one.place(suspect("abcdef"), 7)
    assert (new, absorbed) == (list("abcdef"), [])
    assert {account.since_ms for account in cluster.accounts.values()} == {7}
    one.place(suspect("uvwxyz", value="other"), 7)
    assert placed(one) in (["abcdef", "uvwxyz"], ["uvwxyz", "abcdef"])


def test_the_same_group_again_is_the_same_cluster_and_names_only_who_is_new() -> None:
    one = clusters()
    first = one.place(suspect("abcdef"), 0).cluster
    cluster, new, _ = one.place(suspect("abcdefg", window=1), 9)
    assert cluster is first
    assert new == ["g"]
    assert cluster.accounts["a"].since_ms == 0
    assert (cluster.first_window, cluster.last_window) == (0, 1)


@pytest.mark.parametrize(
    "accounts, joins",
    [("abcuvwxyz", True), ("abuvwxyz", False), ("abcuvwxyzj", True)],
)
def test_groups_that_share_enough_join(accounts: str, joins: bool) -> None:  # noqa: FBT001
    # Three of ten, which is 30% of the smaller one.
    one = clusters()
    one.place(suspect("abcdefghij"), 0)
    one.place(suspect(accounts, window=1, value="other"), 0)
    assert len(one.by_id) == (1 if joins else 2)


def test_sharing_three_is_not_enough_for_large_groups() -> None:
    one = clusters()
    one.place(suspect("abcdefghijklmnopqrst"), 0)
    one.place(suspect("abcABCDEFGHIJKLMNOPQ", window=1, value="other"), 0)
    assert len(one.by_id) == 2


def test_a_group_stays_apart_without_the_accounts_that_belong_elsewhere() -> None:
    one = clusters()
    one.place(suspect("abcdef"), 0)
    _, new, _ = one.place(suspect("abuvwxyz", window=1, value="other"), 0)
    assert new == list("uvwxyz")
    assert placed(one) == ["abcdef", "uvwxyz"]


def test_a_group_that_is_mostly_scattered_over_clusters_goes_to_the_one_with_the_most() -> None:
    one = clusters()
    one.place(suspect("abcdefghijklmnopqrst"), 0)
    one.place(suspect("ABCDEFGHIJKLMNOPQRST", value="other"), 0)
    found = one.place(suspect(["a", "b", "A", "new"], window=1, value="third"), 0)
    assert "new" in found.cluster.accounts
    assert "a" in found.cluster.accounts
    assert len(one.by_id) == 2


def test_a_group_that_overlaps_two_clusters_makes_them_one_under_the_older_name() -> None:
    one = clusters()
    older = one.place(suspect("abcd", window=3, value="old"), 0).cluster
    younger = one.place(suspect("wxyz", window=5, value="young"), 0).cluster
    cluster, new, absorbed = one.place(suspect("bcdxyzn", window=6, value="bridge"), 0)
    assert cluster is older
    assert absorbed == [younger]
    assert new == ["n", "w", "x", "y", "z"]
    assert placed(one) == ["abcdnwxyz"]
    assert one.place(suspect("wxyz", window=7, value="young"), 0).cluster is older


def test_what_spoke_for_one_of_two_speaks_for_both() -> None:
    one = clusters()
    one.place(suspect("abcd", value="old"), 0)
    one.place(suspect("wxyz", window=5, value="young", log10_p=-20.0), 0)
    cluster = one.place(suspect("abcdwxyz", window=6, value="bridge"), 0).cluster
    assert cluster.strongest().log10_p == -20.0


def test_of_one_window_the_name_decides_whoever_comes_first() -> None:
    names = set()
    for values in (("p", "q"), ("q", "p")):
        one = clusters()
        groups = {"p": "abcd", "q": "wxyz"}
        for value in values:
            one.place(suspect(groups[value], value=value), 0)
        names.add(one.place(suspect("abcdwxyz", window=1, value="bridge"), 0).cluster.cluster_id)
    assert len(names) == 1


def test_the_name_does_not_depend_on_who_was_there_and_differs_by_value_and_window() -> None:
    names = [
        clusters().place(suspect(accounts, window=window, value=value), 0).cluster.cluster_id
        for accounts, window, value in (("abcd", 0, "p"), ("wxyz", 0, "p"), ("abcd", 1, "p"), ("abcd", 0, "q"))
    ]
    assert names[0] == names[1]
    assert len(set(names)) == 3


def test_a_cluster_that_rested_frees_its_accounts() -> None:
    one = clusters()
    cluster = one.place(suspect("abcdef"), 0).cluster
    one.drop(cluster)
    again, new, _ = one.place(suspect("abcdef", window=9), 0)
    assert again.cluster_id != cluster.cluster_id
    assert new == list("abcdef")


def test_what_is_known_of_an_account_is_the_newest_but_its_best_score() -> None:
    one = clusters()
    one.place(suspect("abcd")._replace(candidates=[candidate(name, 0.9, 10) for name in "abcd"]), 0)
    later = [candidate(name, 0.2, 15)._replace(models=("small",)) for name in "abcd"]
    cluster = one.place(suspect("abcd", window=1)._replace(candidates=later), 0).cluster
    known = cluster.accounts["a"]
    assert (known.score, known.requests, known.output_tokens) == (0.9, 15, 1500)
    assert known.models == ("large", "small")


def test_a_judgement_replaces_the_older_one_of_its_value_and_the_strongest_speaks() -> None:
    one = clusters()
    one.place(suspect("abcd", log10_p=-20.0), 0)
    one.place(suspect("abcd", window=1, log10_p=-8.0), 0)
    cluster = one.place(suspect("abcd", window=1, value="other", log10_p=-12.0), 0).cluster
    assert sorted(found.log10_p for found in cluster.findings.values()) == [-12.0, -8.0]
    assert cluster.strongest().log10_p == -12.0


def test_old_judgements_are_dropped_but_never_the_newest() -> None:
    one = clusters()
    one.place(suspect("abcd", value="old", log10_p=-20.0), 0)
    cluster = one.place(suspect("abcd", window=50, value="new"), 0).cluster
    cluster.forget_findings(10)
    assert cluster.strongest().window == 50
    cluster.forget_findings(100)
    assert len(cluster.findings) == 1


def test_a_cluster_began_when_a_tenth_of_its_accounts_had() -> None:
    one = clusters()
    names = [
        candidate(f"a{number}")._replace(first_seen_ms=START_MS + number if number else START_MS - 300 * DAY_MS)
        for number in range(10)
    ]
    assert one.place(suspect("")._replace(candidates=names), 0).cluster.started_ms() == START_MS + 1


def hammering(name: str, window: int) -> Suspect:
    one = suspect([name], window=window, value=name)
    return one._replace(kind="account", link_kind="account")


def test_one_account_is_followed_on_its_own_beside_its_cluster() -> None:
    one = clusters()
    one.place(suspect("abcdef"), 0)
    single = one.place(hammering("a", 1), 0).cluster
    assert (single.kind, set(single.accounts)) == ("account", {"a"})
    assert one.place(hammering("a", 2), 0).cluster is single
    one.drop(single)
    assert one.place(hammering("a", 3), 0).cluster.cluster_id != single.cluster_id
    assert one.place(suspect("abcdef", window=3), 0).new_accounts == []


groups = st.lists(
    st.tuples(st.sets(st.sampled_from("abcdefghijklmnopqrstuvwxyz"), min_size=4, max_size=12), st.sampled_from("pqrs")),
    max_size=15,
)


@given(groups)
def test_an_account_is_in_one_cluster_at_most_and_named_as_new_once(found: list[tuple[set[str], str]]) -> None:
    one = clusters()
    home: dict[str, str] = {}
    for window, (accounts, value) in enumerate(found):
        cluster, new, absorbed = one.place(suspect(sorted(accounts), window=window, value=value), window)
        gone = {other.cluster_id for other in absorbed}
        for name in new:
            assert home.get(name) is None or home[name] in gone
            home[name] = cluster.cluster_id
        assert {name: each for each, named in one.by_id.items() for name in named.accounts} == home
        assert sum(len(each.accounts) for each in one.by_id.values()) == len(home)
        assert cluster.accounts


@given(groups, st.integers(0, 15))
def test_restored_clusters_go_on_as_if_nothing_had_happened(found: list[tuple[set[str], str]], crash: int) -> None:
    steady, shaky = clusters(), clusters()
    for window, (accounts, value) in enumerate(found):
        if window == crash:
            state = msgspec.msgpack.decode(msgspec.msgpack.encode(shaky.snapshot()))
            shaky = clusters()
            shaky.restore(state)
        made = suspect(sorted(accounts), window=window, value=value)
        one, other = steady.place(made, window), shaky.place(made, window)
        assert (one.cluster.cluster_id, one.new_accounts) == (other.cluster.cluster_id, other.new_accounts)
    assert shaky.snapshot() == steady.snapshot()
