"""What an alert claims is counted on those that could have been one."""

from __future__ import annotations

import msgspec
import pytest

from streamer.detection.claims import Claims
from streamer.detection.cluster import Suspect
from streamer.detection.clusters import Clusters
from streamer.detection.settings import DAY_S
from tests.detection.handmade import default_settings, evidence, link

SETTINGS = default_settings()
DAY = SETTINGS.window.windows(DAY_S)


def suspect(first: int, score: float, *, is_alarming: bool = False, is_excused: bool = False) -> Suspect:
    keys = frozenset(range(first, first + 10))
    return Suspect(
        "cluster",
        f"s{first}",
        0,
        dict.fromkeys(keys, 0.9),
        frozenset(),
        keys,
        keys,
        (link("card"),),
        evidence(),
        -score,
        is_alarming=is_alarming,
        is_excused=is_excused,
    )


def taught(*, is_excused: bool) -> Claims:
    """Four groups a day for a week, of scores around ten; of some claims the last day counts not yet."""
    claims = Claims(SETTINGS, Clusters(SETTINGS.alert, 1000))
    for day in range(8):
        for number in range(4):
            claims.count(day * DAY + number, leads=1, unions=1)
            claims.claim(suspect(100 * (4 * day + number), 8.0 + number, is_excused=is_excused), day * DAY + number)
    return claims


def rate(claims: Claims, score: float, *, is_alarming: bool) -> float:
    return claims.claim(suspect(10**6, score, is_alarming=is_alarming), 8 * DAY).rate


@pytest.mark.parametrize("is_excused", [False, True])
def test_who_is_excused_says_nothing_of_alarms_and_counts_among_records(is_excused: bool) -> None:  # noqa: FBT001
    claims = taught(is_excused=is_excused)
    assert rate(claims, 10.0, is_alarming=False) == 2.0
    of_alarms = rate(claims, 10.0, is_alarming=True)
    assert of_alarms < 0.1 if is_excused else of_alarms == 2.0


def test_a_snapshot_keeps_both_counts() -> None:
    claims = taught(is_excused=True)
    restored = replace_by_snapshot(claims)
    for is_alarming in (False, True):
        assert rate(restored, 10.0, is_alarming=is_alarming) == rate(claims, 10.0, is_alarming=is_alarming)


def replace_by_snapshot(claims: Claims) -> Claims:
    restored = Claims(SETTINGS, Clusters(SETTINGS.alert, 1000))
    restored.restore(msgspec.msgpack.decode(msgspec.msgpack.encode(claims.snapshot())))
    return restored
