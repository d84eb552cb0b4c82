"""The cluster stage names accounts by likeness, and makes one of clusters that one program drives."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest

from streamer.detection.cluster import Cluster, Finding
from streamer.detection.cluster_stage import ClusterStage
from streamer.detection.evidence import Behaviours, EvidenceItem, HandOff, Lead, LeadReport
from streamer.detection.profile import PROFILE, Feature
from streamer.detection.records import Alert, Decision, Limit, LimitLifted, Membership
from streamer.detection.settings import HOUR_S, LikenessSettings, LimitSettings
from tests.detection.crowds import Values, driven, honest, named, told_of
from tests.detection.handmade import WINDOW_MS, default_settings, key_of, lead, leads, watched

HOUR = 6  # windows
DAY = 24 * HOUR
POPULATION = 20_000 * DAY
NOW = POPULATION + 2 * DAY
SETTINGS = replace(
    default_settings(), limit=LimitSettings(mode="enforce"), likeness=LikenessSettings(every_s=3 * HOUR_S)
)


def behave(names: list[str], values: Values) -> Behaviours:
    return Behaviours(names, told_of(names, values).tobytes())


def told(window: int, names: list[str], *found: Lead, even: bool = True, **fields: Any) -> LeadReport:
    """Accounts that are used alike, if `even`, busy and regular, and the values that some are on."""
    seen = watched(names, NOW + window, requests=40, bins=90)
    rows = seen.table().copy()
    if not even:
        rows["bins"][:, PROFILE.index(Feature.VOLUME)] = 6 * np.arange(len(names))
    rows["scores"] = 2.5
    rows["scores"][:, 2] = -2.5
    return leads(NOW + window, *found, watched=seen._replace(rows=rows.tobytes()), tests=1, **fields)


class Timeline:
    """A stage that saw how honest accounts behave two days ago, the day after it began.

    `shaken`, it is restored before each report; `cold`, it began no day earlier.
    """

    def __init__(self, *, shaken: bool = False, cold: bool = False) -> None:
        self.stage, self.shaken = ClusterStage(SETTINGS, 1), shaken
        if not cold:
            self.say(leads(POPULATION - DAY, behaviours=behave(["first"], honest(1))))
        self.say(leads(POPULATION, behaviours=behave(named("past", 1200), honest(1200))))

    def say(self, report: LeadReport) -> list[Decision]:
        if self.shaken:
            state = msgspec.msgpack.decode(msgspec.msgpack.encode(self.stage.snapshot()))
            self.stage = ClusterStage(SETTINGS, 1)
            self.stage.restore(state)
        self.stage.observe(report)
        return self.stage.advance()

    def group(self, window: int, names: list[str], program: int | None = None, *more: str) -> list[Decision]:
        """A group on a card of its own; with `program`, it is told how it behaves."""
        behaviours = behave(names, driven(len(names), program, window)) if program else Behaviours([], b"")
        every = [*names, *more]
        return self.say(told(window, every, lead(every, f"card-{names[0]}"), behaviours=behaviours))

    def nothing_new(self, window: int) -> list[Decision]:
        """Some group was judged, and it is none."""
        return self.say(leads(NOW + window, tests=1))

    def of(self, name: str) -> Cluster:
        return self.stage.clusters.by_id[self.stage.clusters.of_account[key_of(name)]]


def members(decisions: list[Decision], prefix: str = "") -> set[str]:
    return {one.account_id for one in decisions if isinstance(one, Membership) and one.account_id.startswith(prefix)}


def alerts(decisions: list[Decision]) -> list[Alert]:
    return [one for one in decisions if isinstance(one, Alert)]


def campaign(*, shaken: bool = False, early: bool = False) -> tuple[Timeline, list[Decision]]:
    """A cluster of 40 on a card, and 20 that share nothing with it but the program, named after nine hours.

    `early`, it was there already on the day by which the population is known.
    """
    one = Timeline(shaken=shaken)
    if early:
        one.say(leads(POPULATION + 1, behaviours=behave(named("m", 40), driven(40, 1, 77))))
    crowd, like = behave(named("new", 200), honest(200, 5)), behave(named("like", 20), driven(20, 1, 99))
    decisions = one.say(leads(NOW - 1, behaviours=crowd)) + one.group(0, named("m", 40), 1)
    decisions += one.say(leads(NOW + 1, behaviours=like))
    assert not members(decisions, "like")
    for window in range(2, 10 * HOUR):
        decisions += one.nothing_new(window)
    assert len(members(decisions, "like")) >= 15
    return one, decisions


def test_accounts_alike_become_members_with_limits_and_the_alert_counts_them() -> None:
    one, decisions = campaign()
    like = members(decisions, "like")
    assert len(members(decisions, "new")) <= 1
    (cluster,) = one.stage.clusters.by_id.values()
    told_at = {d.since for d in decisions if isinstance(d, Membership) and d.account_id in like}
    assert told_at == {(NOW + 6 * HOUR + 1) * WINDOW_MS}  # looks after three hours and three more
    assert {d.links for d in decisions if isinstance(d, Membership) and d.account_id in like} == {()}
    assert like <= {d.account_id for d in decisions if isinstance(d, Limit)}
    (alert,) = one.stage.firing
    assert alert.account_count == len(cluster.accounts) == 40 + len(cluster.accounts.keys() - cluster.held())
    known = [d for d in decisions if isinstance(d, Membership) and d.account_id in like]
    assert {(d.request_count, d.output_tokens) for d in known} == {(40, 4000)}


def test_nobody_is_named_on_what_is_known_of_the_first_day_alone() -> None:
    for cold in (True, False):
        one = Timeline(cold=cold)
        decisions = one.group(0, named("m", 40), 1)
        decisions += one.say(leads(NOW + 1, behaviours=behave(named("like", 20), driven(20, 1, 99))))
        for window in range(2, 10 * HOUR):
            decisions += one.nothing_new(window)
        assert bool(members(decisions, "like")) is not cold


@pytest.mark.parametrize("family, some", [("newness", False), ("hand_off", True)])
def test_where_hand_offs_are_only_quick_nobody_is_named_for_behaving_alike(family: str, some: bool) -> None:  # noqa: FBT001
    one = Timeline()
    decisions = one.group(0, named("m", 40), 1)
    evidence = [EvidenceItem(name, "found", 1.0, 0.0, -5.0) for name in ("failover", family)]
    one.of("m0000").findings["surest"] = Finding(NOW, -300.0, evidence, 0.0, is_alarming=True)
    decisions += one.say(leads(NOW + 1, behaviours=behave(named("like", 20), driven(20, 1, 99))))
    for window in range(2, 10 * HOUR):
        decisions += one.nothing_new(window)
    assert bool(members(decisions, "like")) is some


def test_a_stage_that_is_restored_again_and_again_names_the_same() -> None:
    assert campaign(shaken=True)[1] == campaign()[1]
    assert campaign(shaken=True, early=True)[1] == campaign(early=True)[1]


def test_a_union_does_not_grow_from_accounts_that_likeness_named() -> None:
    one, decisions = campaign()
    like = sorted(members(decisions, "like"))
    strangers = named("x", 12)
    # Some of those named share a card with strangers: too few to be looked at on their own.
    window = 11 * HOUR
    card = lead([*like[:3], *strangers], "weak", log10_p=-0.5)
    one.say(told(window, [*named("m", 40), *like, *strangers], lead(named("m", 40), "card-m0000"), card))
    assert not keys_in(one.of("m0000")) & {key_of(name) for name in strangers}
    # Nor when the cluster is looked at again of itself.
    one.say(told(window + 2 * HOUR, [*named("m", 40), *like, *strangers]))
    assert not keys_in(one.of("m0000")) & {key_of(name) for name in strangers}
    assert all(one.of("m0000").accounts[key_of(name)].by_likeness for name in like)


def test_what_was_known_of_an_account_stays_when_its_behaviour_is_forgotten() -> None:
    one, decisions = campaign()
    like, names = sorted(members(decisions, "like")), named("m", 40)
    accounts = one.of("m0000").accounts
    before = {name: (accounts[key_of(name)].first_seen_ms, accounts[key_of(name)].requests) for name in like}
    for window in range(12 * HOUR, 4 * DAY, 12 * HOUR):
        one.say(told(window, names, lead(names, "card-m0000")))
    accounts = one.of("m0000").accounts
    assert {name: (accounts[key_of(name)].first_seen_ms, accounts[key_of(name)].requests) for name in like} == before


def keys_in(cluster: Cluster) -> set[int]:
    return set(cluster.accounts)


def test_a_tie_to_those_who_are_held_holds_them_too() -> None:
    one, decisions = campaign()
    like = sorted(members(decisions, "like"))
    names = named("m", 40)
    one.say(told(11 * HOUR, [*names, *like], lead([*names, *like[:4]], "card-m0000")))
    cluster = one.of("m0000")
    held = cluster.held()
    assert {key_of(name) for name in like[:4]} <= held
    assert not {key_of(name) for name in like[4:]} & held
    assert not members(one.nothing_new(11 * HOUR + 1), "like")  # they were told of already


def test_a_hand_off_to_those_who_are_held_holds_them_too() -> None:
    one, decisions = campaign()
    like = sorted(members(decisions, "like"))
    names = named("m", 40)
    passed = [HandOff(key_of(f"m{n:04}"), key_of(name), 0, 900, by_shape=False) for n, name in enumerate(like[:3])]
    one.say(told(11 * HOUR, [*names, *like], lead(names, "card-m0000"), hand_offs=passed))
    held = one.of("m0000").held()
    assert {name for name in like if key_of(name) in held} == set(like[:3])


def kin(program: int) -> tuple[Timeline, list[Decision], list[Decision]]:
    """Two clusters on two cards; of the younger it is told later how it behaves."""
    one = Timeline()
    before = one.group(0, named("a", 20), 1) + one.group(1, named("b", 20))
    assert len(one.stage.clusters.by_id) == 2
    return one, before, one.group(3 * HOUR, named("b", 20), program)


def test_clusters_of_one_kind_become_one_under_the_name_of_the_oldest() -> None:
    one, before, after = kin(1)
    (cluster,) = one.stage.clusters.by_id.values()
    first, second = alerts(before)
    assert cluster.cluster_id == first.cluster_id
    assert len(cluster.accounts) == 40
    resolved, grown = sorted(alerts(after), key=lambda alert: alert.alert_id != second.alert_id)
    assert (resolved.alert_id, resolved.status) == (second.alert_id, "resolved")
    assert resolved.summary.endswith(f"Resolved: merged into {first.cluster_id}.")
    assert (grown.alert_id, grown.status, grown.account_count) == (first.alert_id, "firing", 40)
    assert one.stage.firing == [grown]
    lifted = [d for d in after if isinstance(d, LimitLifted)]
    limits = [d for d in after if isinstance(d, Limit)]
    assert {d.account_id for d in lifted} == set(named("b", 20)) == {d.account_id for d in limits}
    assert {d.alert_id for d in lifted} == {second.alert_id}
    assert {d.alert_id for d in limits} == {first.alert_id}
    told_of_b = [d for d in after if isinstance(d, Membership) and d.account_id in named("b", 20)]
    assert {(d.cluster_id, d.status) for d in told_of_b} == {(first.cluster_id, "member")}


@pytest.mark.parametrize("program", [2, 3])
def test_clusters_of_two_kinds_stay_two(program: int) -> None:
    one, _, after = kin(program)
    assert len(one.stage.clusters.by_id) == 2
    assert not [alert for alert in alerts(after) if alert.status == "resolved"]


@pytest.mark.parametrize("tied, clusters", [(False, 2), (True, 1)])
def test_a_record_of_a_crowd_that_behaves_like_a_campaign_joins_it_only_where_something_ties_them(
    tied: bool,  # noqa: FBT001
    clusters: int,
) -> None:
    one = Timeline()
    names, program = named("b", 20), driven(20, 1, 3 * HOUR)
    one.group(0, named("a", 20), 1)
    cards = [lead(names, "card-b0000"), *([lead(["a0000", "b0000"], "another card")] if tied else [])]
    for window, behaviours in ((1, Behaviours([], b"")), (3 * HOUR, behave(names, program))):
        one.say(told(window, names, *cards, even=False, behaviours=behaviours))
    assert len(one.stage.clusters.by_id) == clusters
    assert one.of("a0000").is_alarming()
    assert one.of("b0000").is_alarming() is (clusters == 1)


def test_a_few_who_pass_requests_on_join_the_cluster_whose_kin_they_are() -> None:
    names = named("p", 4)
    passed = [HandOff(key_of(names[n]), key_of(names[n + 1]), 0, 900, by_shape=False) for n in (0, 2)]
    for program, joins in ((1, True), (2, False)):
        one = Timeline()
        one.group(0, named("a", 20), 1)
        card = lead(named("a", 20), "card-a0000")
        behaviours = behave(names, driven(4, program, 9))
        one.say(told(2 * HOUR, [*named("a", 20), *names], card, hand_offs=passed, behaviours=behaviours))
        assert {key_of(name) in one.of("a0000").held() for name in names} == {joins}
