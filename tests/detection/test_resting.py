"""Clusters that rest: what comes back is known by its name, for a while."""

from __future__ import annotations

import msgspec
import pytest

from streamer.detection import resting
from streamer.detection.cluster import Cluster, ClusterAccount
from streamer.detection.resting import RestingClusters
from streamer.detection.settings import AlertSettings

SETTINGS = AlertSettings(min_overlap=4, overlap_ratio=0.5)
MONTH = 30 * 144  # windows
NOW = 1000


def cluster(
    name: str, keys: range, kind: str = "cluster", first: int = 7, revision: int = 5, quiet_below: int = 0
) -> Cluster:
    accounts = {key: ClusterAccount(f"a{key}", 0, 1.0) for key in keys}
    return Cluster(name, kind, first, first + 1, accounts, revision=revision, quiet_below=quiet_below)


def asleep(*clusters: Cluster, window: int = NOW) -> RestingClusters:
    found = RestingClusters(SETTINGS, MONTH)
    for one in clusters:
        found.put(one, window)
    return found


def again(book: RestingClusters) -> RestingClusters:
    other = asleep(cluster("c-left-over", range(9)))
    other.restore(msgspec.msgpack.decode(msgspec.msgpack.encode(book.snapshot())))
    return other


def test_what_comes_back_has_its_name_its_age_and_what_was_said_of_it_but_no_accounts() -> None:
    book = asleep(cluster("c-1", range(20), revision=5, quiet_below=40))
    found = book.wake("cluster", range(10, 30), NOW + 9)
    assert found == Cluster("c-1", "cluster", 7, NOW + 9, revision=5, quiet_below=40)
    assert len(book) == 0  # it rests no more
    assert book.wake("cluster", range(10, 30), NOW + 9) is None


def test_the_one_that_shares_most_comes_back() -> None:
    for order in (1, -1):
        book = asleep(
            *[cluster("c-1", range(20)), cluster("c-2", range(14, 40)), cluster("c-3", range(50, 60))][::order]
        )
        found = book.wake("cluster", range(8, 24), NOW)
        assert found is not None
        assert found.cluster_id == "c-1"
        assert len(book) == 2
    ties = asleep(cluster("c-2", range(8)), cluster("c-1", range(8)))
    found = ties.wake("cluster", range(8), NOW)
    assert found is not None
    assert found.cluster_id == "c-2"


@pytest.mark.parametrize(
    "size, shared, wakes",
    [
        (20, 10, True),  # half of the smaller
        (20, 9, False),
        (6, 4, True),  # four at least
        (6, 3, False),
        (3, 3, True),  # or all of it
        (3, 2, False),
        (1, 1, True),
    ],
)
@pytest.mark.parametrize("larger", ["rests", "returns"])
def test_it_must_share_as_much_as_makes_two_groups_one_cluster(
    size: int,
    shared: int,
    wakes: bool,  # noqa: FBT001
    larger: str,
) -> None:
    small, large = range(size), range(size - shared, size - shared + 40)
    rests, returns = (large, small) if larger == "rests" else (small, large)
    assert (asleep(cluster("c-1", rests)).wake("cluster", returns, NOW) is not None) is wakes


def test_an_account_is_no_group() -> None:
    book = asleep(cluster("c-1", range(20), "account"))
    assert book.wake("cluster", range(20), NOW) is None
    found = book.wake("account", range(20), NOW)
    assert found is not None
    assert (found.cluster_id, found.kind) == ("c-1", "account")


@pytest.mark.parametrize("later, known", [(MONTH, True), (MONTH + 1, False)])
def test_after_a_month_it_is_forgotten(later: int, known: bool) -> None:  # noqa: FBT001
    book = asleep(cluster("c-1", range(20)))
    book.put(cluster("c-2", range(30, 50)), NOW + 1)
    assert (book.wake("cluster", range(20), NOW + later) is not None) is known
    assert len(book) == 1
    assert book.wake("cluster", range(30, 50), NOW + MONTH + 1) is not None


def test_of_too_many_those_that_rest_longest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resting, "MAX_RESTING", 3)
    clusters = [cluster(f"c-{number}", range(10 * number, 10 * number + 10)) for number in range(5)]
    for book in (asleep(*clusters), again(asleep(*clusters))):
        assert len(book) == 3
        assert book.wake("cluster", clusters[1].accounts, NOW) is None
        assert book.wake("cluster", clusters[2].accounts, NOW) is not None
        for one in (clusters[2], clusters[0]):  # the third came back and rests again: not the longest any more
            book.put(one, NOW + 1)
        woken = [found for one in clusters if (found := book.wake("cluster", one.accounts, NOW + 2))]
        assert [one.cluster_id for one in woken] == ["c-0", "c-2", "c-4"]


def test_loud_accounts_do_not_make_it_forget_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resting, "MAX_RESTING", 3)
    book = asleep(cluster("c-group", range(20)))
    for number in range(9):
        book.put(cluster(f"c-{number}", range(number, number + 1), "account"), NOW)
    assert len(book) == 4
    assert book.wake("cluster", range(20), NOW) is not None


def test_what_rests_is_kept_over_a_restart() -> None:
    book = asleep(
        cluster("c-2", range(2**64 - 20, 2**64), revision=9, quiet_below=3), cluster("c-1", range(5), "account")
    )
    other = again(book)
    assert other.snapshot() == book.snapshot()
    for one in (book, other):
        assert len(one) == 2
        assert one.wake("cluster", range(2**64 - 10, 2**64), NOW) == Cluster(
            "c-2", "cluster", 7, NOW, revision=9, quiet_below=3
        )
