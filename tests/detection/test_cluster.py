"""Groups that overlap become one cluster; an account is in one at most."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.detection.cluster import Suspect
from streamer.detection.clusters import Clusters, Placement
from streamer.detection.settings import AlertSettings
from tests.detection.handmade import evidence, link

SETTINGS = AlertSettings(overlap_ratio=0.3, min_overlap=3)
NAMES = {ord(name): name for name in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"}


def clusters() -> Clusters:
    return Clusters(SETTINGS, 1000)


def suspect(accounts: str, window: int = 0, value: str = "pf", log10_p: float = -10.0, score: float = 0.5) -> Suspect:
    keys = list(map(ord, accounts))
    scores = dict.fromkeys(keys, score)
    return Suspect(
        kind="cluster",
        name=value,
        window=window,
        candidates=scores,
        doubtful=frozenset(),
        keys=frozenset(keys),
        core=frozenset(keys),
        links=(link(value),),
        evidence=evidence(log10_p),
        log10_p=log10_p,
        is_alarming=True,
        enough=4,
    )


def put(one: Clusters, found: Suspect, now_ms: int = 0) -> Placement:
    placed = one.place(found, NAMES, now_ms)
    assert placed is not None
    return placed


def text(keys: list[int] | dict[int, object]) -> str:
    return "".join(sorted(map(chr, keys)))


def placed(one: Clusters) -> list[str]:
    """The accounts of each cluster, the oldest cluster first."""
    ordered = sorted(one.by_id.values(), key=lambda cluster: (cluster.first_window, cluster.cluster_id))
    return [text({**cluster.accounts}) for cluster in ordered]


def test_a_group_on_its_own_becomes_a_cluster_of_its_own() -> None:
    one = clusters()
    cluster, new, absorbed, _ = put(one, suspect("abcdef"), 7)
    assert (text(new), absorbed) == ("abcdef", [])
    assert {(account.account_id, account.since_ms) for account in cluster.accounts.values()} == {
        (name, 7) for name in "abcdef"
    }
    put(one, suspect("uvwxyz", value="other"), 7)
    assert sorted(placed(one)) == ["abcdef", "uvwxyz"]


def test_the_same_group_again_is_the_same_cluster_and_names_only_who_is_new() -> None:
    one = clusters()
    first = put(one, suspect("abcdef")).cluster
    cluster, new, *_ = put(one, suspect("abcdefg", window=1), 9)
    assert cluster is first
    assert text(new) == "g"
    assert cluster.accounts[ord("a")].since_ms == 0
    assert (cluster.first_window, cluster.last_window) == (0, 1)


@pytest.mark.parametrize("accounts, joins", [("abcuvwxyz", True), ("abuvwxyz", False), ("abcuvwxyzj", True)])
def test_groups_that_share_enough_join(accounts: str, joins: bool) -> None:  # noqa: FBT001
    one = clusters()
    put(one, suspect("abcdefghij"))
    put(one, suspect(accounts, window=1, value="other"))
    assert len(one.by_id) == (1 if joins else 2)


def test_sharing_three_is_not_enough_for_large_groups() -> None:
    one = clusters()
    put(one, suspect("abcdefghijklmnopqrst"))
    put(one, suspect("abcABCDEFGHIJKLMNOPQ", window=1, value="other"))
    assert len(one.by_id) == 2


def test_a_group_stays_apart_without_the_accounts_that_belong_elsewhere() -> None:
    one = clusters()
    put(one, suspect("abcdef"))
    assert text(put(one, suspect("abuvwxyz", window=1, value="other")).new_accounts) == "uvwxyz"
    assert placed(one) == ["abcdef", "uvwxyz"]


def test_a_group_of_which_too_few_are_free_is_none() -> None:
    one = clusters()
    put(one, suspect("abcdefghijklmnopqrst"))
    put(one, suspect("ABCDEFGHIJKLMNOPQRST", value="other"))
    scattered = suspect("aAxyz", window=1, value="third")
    assert one.place(scattered, NAMES, 0) is None
    doubtful = suspect("abAB", window=1)._replace(keys=frozenset(map(ord, "abABuvwxyz")))
    assert one.place(doubtful, NAMES, 0) is None
    assert len(one.by_id) == 2


def test_of_a_record_only_whom_an_alarm_would_name_comes_along() -> None:
    one = clusters()
    record = put(one, suspect("abcdefgh")._replace(is_alarming=False)).cluster
    record.named = {ord("d"), ord("h")}
    alarm = suspect("abcduvwxyz", window=1, value="other")
    doubted = alarm._replace(candidates={ord(name): 0.5 for name in "abcuvwxyz"})
    cluster, _, _, left = put(one, doubted)
    assert cluster is record
    assert placed(one) == ["abcuvwxyz"]
    assert [account.account_id for account in left] == ["d", "h"]
    # What alarms already keeps whom it has.
    put(one, suspect("abcxyzABCDEFG", window=2, value="third"))
    assert placed(one) == ["ABCDEFGabcuvwxyz"]


def test_a_record_of_which_an_alarm_would_name_nobody_stays_as_it_is() -> None:
    one = clusters()
    put(one, suspect("abcdefgh")._replace(is_alarming=False))
    alarm = suspect("abcuvwxyz", window=1, value="other")
    put(one, alarm._replace(candidates={ord(name): 0.5 for name in "uvwxyz"}))
    assert placed(one) == ["abcdefgh", "uvwxyz"]


def test_a_group_that_is_mostly_scattered_over_clusters_goes_to_the_one_with_the_most() -> None:
    one = clusters()
    put(one, suspect("abcdefghijklmnopqrst"))
    put(one, suspect("ABCDEFGHIJKLMNOPQRST", value="other"))
    assert "abz" in "".join(c for c in text({**put(one, suspect("abAz", window=1)).cluster.accounts}) if c in "abz")
    assert len(one.by_id) == 2


def test_a_group_that_overlaps_two_clusters_makes_them_one_under_the_older_name() -> None:
    one = clusters()
    older = put(one, suspect("abcd", window=3, value="old")).cluster
    younger = put(one, suspect("wxyz", window=5, value="young", log10_p=-20.0)).cluster
    cluster, new, absorbed, _ = put(one, suspect("bcdxyzn", window=6, value="bridge"))
    assert cluster is older
    assert absorbed == [younger]
    assert text(new) == "nwxyz"
    assert placed(one) == ["abcdnwxyz"]
    assert cluster.strongest().log10_p == -20.0  # what spoke for one speaks for both
    assert put(one, suspect("wxyz", window=7, value="young")).cluster is older


def test_the_name_does_not_depend_on_who_was_there_and_differs_by_value_and_window() -> None:
    names = [
        put(clusters(), suspect(accounts, window=window, value=value)).cluster.cluster_id
        for accounts, window, value in (("abcd", 0, "p"), ("wxyz", 0, "p"), ("abcd", 1, "p"), ("abcd", 0, "q"))
    ]
    assert names[0] == names[1]
    assert len(set(names)) == 3


def test_a_cluster_that_rested_frees_its_accounts() -> None:
    one = clusters()
    cluster = put(one, suspect("abcdef")).cluster
    one.drop(cluster)
    again, new, *_ = put(one, suspect("abcdef", window=9))
    assert again.cluster_id != cluster.cluster_id
    assert text(new) == "abcdef"


def test_of_an_account_the_best_score_is_kept() -> None:
    one = clusters()
    put(one, suspect("abcd", score=0.9))
    assert put(one, suspect("abcd", window=1, score=0.2)).cluster.accounts[ord("a")].score == 0.9


def test_who_is_far_from_typical_again_and_again_leaves() -> None:
    one = clusters()
    cluster = put(one, suspect("abcdef")).cluster
    gone = [cluster.doubt([ord("f"), ord("z")], window, 10) for window in (10, 15, 20, 30, 40)]
    assert gone == [[], [], [], [], [ord("f")]]
    one.leave(cluster, [ord("f")])
    assert one.overlap([ord("f")]).total() == 0
    assert placed(one) == ["abcde"]
    cluster.doubt([ord("e")], 50, 10)
    put(one, suspect("abcde", window=55))  # typical again
    assert [cluster.doubt([ord("e")], window, 10) for window in (60, 70, 80)] == [[], [], []]


def test_a_judgement_replaces_the_older_one_of_its_value_and_the_strongest_speaks() -> None:
    one = clusters()
    put(one, suspect("abcd", log10_p=-20.0))
    put(one, suspect("abcd", window=1, log10_p=-8.0))
    cluster = put(one, suspect("abcd", window=1, value="other", log10_p=-12.0)).cluster
    assert sorted(found.log10_p for found in cluster.findings.values()) == [-12.0, -8.0]
    assert cluster.strongest().log10_p == -12.0


def test_old_judgements_are_dropped_but_never_the_newest() -> None:
    one = clusters()
    put(one, suspect("abcd", value="old", log10_p=-20.0))
    cluster = put(one, suspect("abcd", window=50, value="new")).cluster
    cluster.forget_findings(10)
    assert cluster.strongest().window == 50
    cluster.forget_findings(100)
    assert len(cluster.findings) == 1


def hammering(name: str, window: int) -> Suspect:
    return suspect(name, window=window, value=name)._replace(kind="account")


def test_one_account_is_followed_on_its_own_beside_its_cluster() -> None:
    one = clusters()
    put(one, suspect("abcdef"))
    single = put(one, hammering("a", 1)).cluster
    assert (single.kind, text({**single.accounts})) == ("account", "a")
    assert put(one, hammering("a", 2)).cluster is single
    one.drop(single)
    assert put(one, hammering("a", 3)).cluster.cluster_id != single.cluster_id
    assert put(one, suspect("abcdef", window=3)).new_accounts == []


groups = st.lists(
    st.tuples(st.sets(st.sampled_from("abcdefghijklmnopqrstuvwxyz"), min_size=4, max_size=12), st.sampled_from("pqrs")),
    max_size=15,
)


@given(groups)
def test_an_account_is_in_one_cluster_at_most_and_named_as_new_once(found: list[tuple[set[str], str]]) -> None:
    one = clusters()
    home: dict[int, str] = {}
    for window, (accounts, value) in enumerate(found):
        placement = one.place(suspect("".join(sorted(accounts)), window=window, value=value), NAMES, window)
        if placement is None:
            continue
        gone = {other.cluster_id for other in placement.absorbed}
        for key in placement.new_accounts:
            assert home.get(key) is None or home[key] in gone
            home[key] = placement.cluster.cluster_id
        assert {key: each for each, named in one.by_id.items() for key in named.accounts} == home == one.of_account
        assert sum(len(each.accounts) for each in one.by_id.values()) == len(home)
        assert placement.cluster.accounts


@given(groups, st.integers(0, 15))
def test_restored_clusters_go_on_as_if_nothing_had_happened(found: list[tuple[set[str], str]], crash: int) -> None:
    steady, shaky = clusters(), clusters()
    for window, (accounts, value) in enumerate(found):
        if window == crash:
            state = msgspec.msgpack.decode(msgspec.msgpack.encode(shaky.snapshot()))
            shaky = clusters()
            shaky.restore(state)
        made = suspect("".join(sorted(accounts)), window=window, value=value)
        one, other = steady.place(made, NAMES, window), shaky.place(made, NAMES, window)
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            assert (one.cluster.cluster_id, one.new_accounts) == (other.cluster.cluster_id, other.new_accounts)
    assert shaky.snapshot() == steady.snapshot()
