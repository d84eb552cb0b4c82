"""A campaign whose accounts share nothing and are never refused: the cluster stage finds it by how they behave."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from streamer.detection.account_book import CAPABILITIES
from streamer.detection.cluster import Suspect
from streamer.detection.cluster_stage import ClusterStage
from streamer.detection.clusters import Clusters
from streamer.detection.evidence import Behaviours, LeadReport, WatchedAccounts
from streamer.detection.records import Alert, Decision, Membership
from streamer.detection.settings import CellSettings, DetectionSettings
from tests.detection.crowds import Values, driven, honest, named, told_of
from tests.detection.handmade import WINDOW_MS, default_settings, evidence, key_of, leads, watched

DAY = 144  # windows
LOOK = DAY // 4
BEGAN = 20_000 * DAY
CAME = BEGAN + 9 * DAY
SETTINGS = default_settings()
OFF = replace(SETTINGS, cells=CellSettings(enabled=False))
NO_EXCESS = replace(SETTINGS, group=replace(SETTINGS.group, disabled_families=("crowded_cell",)))


def told(names: list[str], values: Values, window: int, *, even: bool = True) -> LeadReport:
    """Newcomers: how they behave, and how they are: used as evenly as a scheduler does, or as people do."""
    since_ms = (window - DAY) * WINDOW_MS
    behaves = Behaviours(names, told_of(names, values, first_seen_ms=since_ms).tobytes())
    who = watched(names, window, requests=20, first_seen_ms=since_ms, span=2)
    rows = who.table().copy()
    draw = np.random.default_rng(5)
    rows["bins"] = (
        draw.integers(-20, 20, size=rows["bins"].shape) if not even else draw.integers(-2, 3, size=rows["bins"].shape)
    )
    # At any ten minutes, twenty of a day.
    marks = np.zeros((len(names), DAY), dtype=np.uint8)
    for row in marks:
        row[draw.permutation(DAY)[:20]] = 1
    rows["slots"] = np.packbits(marks.reshape(len(names), 24, 6), axis=2, bitorder="little")[:, :, 0]
    newcomers = WatchedAccounts(who.account_ids, rows.tobytes(), who.models)
    return leads(window, behaviours=behaves, newcomers=newcomers, tests=1)


class Timeline:
    """A stage that has seen honest newcomers for nine days; `shaken`, it is restored before each report."""

    def __init__(self, settings: DetectionSettings = SETTINGS, *, shaken: bool = False) -> None:
        self.settings, self.shaken = settings, shaken
        self.stage = ClusterStage(settings, 1)
        for day in range(9):
            self.say(told(named(f"past{day}-", 300), honest(300, day), BEGAN + day * DAY, even=False))

    def say(self, report: LeadReport) -> list[Decision]:
        if self.shaken:
            state = msgspec.msgpack.decode(msgspec.msgpack.encode(self.stage.snapshot()))
            self.stage = ClusterStage(self.settings, 1)
            self.stage.restore(state)
        self.stage.observe(report)
        return self.stage.advance()

    def pass_day(self, *, even: bool = True, count: int = 60, says_what: bool = True) -> list[Decision]:
        """Let accounts that one program drives come among as many honest ones, and ask on for a day."""
        decisions: list[Decision] = []
        values = driven(count, 1)
        if not says_what:
            values[:, :CAPABILITIES] = np.nan
        for look in range(4):
            window = CAME + look * LOOK
            decisions += self.say(told(named("new", 150), honest(150, 90), window - 1, even=False))
            decisions += self.say(told(named("bot", count), values, window, even=even))
        return decisions


def loud(decisions: list[Decision]) -> list[Alert]:
    return [one for one in decisions if isinstance(one, Alert) and one.severity != "info"]


@pytest.mark.parametrize("shaken", [False, True])
def test_what_shares_nothing_opens_a_ticket_and_no_page(shaken: bool) -> None:  # noqa: FBT001 - a case
    decisions = Timeline(shaken=shaken).pass_day()
    (alert, *_) = loud(decisions)
    assert {one.severity for one in loud(decisions)} == {"warning"}
    assert {item.family for item in alert.evidence} >= {"evenness", "crowded_cell"}
    ours = [name for name in alert.accounts if name.startswith("bot")]
    assert len(ours) >= 40
    assert len(ours) >= 0.9 * len(alert.accounts)
    assert alert.links == ()
    # Seen once may be chance.
    assert alert.detected_at > (CAME + 1) * WINDOW_MS
    assert {one.account_id for one in decisions if isinstance(one, Membership)} >= set(ours)


def test_it_is_one_answer_after_every_restart() -> None:
    assert Timeline().pass_day() == Timeline(shaken=True).pass_day()


@pytest.mark.parametrize("settings", [OFF, NO_EXCESS])
def test_without_cells_nobody_says_so(settings: DetectionSettings) -> None:
    assert not loud(Timeline(settings).pass_day())


def test_people_who_come_for_one_event_are_for_the_record_at_most() -> None:
    assert not loud(Timeline().pass_day(even=False))


def test_of_whom_it_is_not_known_what_they_ask_for_there_is_a_record_at_most() -> None:
    decisions = Timeline().pass_day(says_what=False)
    assert any(isinstance(one, Alert) and one.evidence[0].family == "evenness" for one in decisions)
    assert not loud(decisions)


def test_no_more_newcomers_are_held_than_there_is_room_for() -> None:
    few = replace(SETTINGS, cells=CellSettings(max_accounts=100))
    stage = Timeline(few).stage
    _, (names, *_), _ = stage.snapshot()["newcomers"]
    assert 0 < len(names) <= 125
    assert names == sorted(names, key=key_of)


def crowd(keys: range, *, is_alarming: bool = False, by_likeness: bool = True) -> Suspect:
    every = frozenset(keys)
    fit = dict.fromkeys(sorted(every), 1.0)
    core = frozenset() if by_likeness else every
    found = Suspect("cluster", "cell|1", 5, fit, frozenset(), every, core, (), evidence(), -10.0, enough=8)
    return found._replace(is_alarming=is_alarming, by_likeness=by_likeness)


def place(clusters: Clusters, suspect: Suspect) -> list[int]:
    placed = clusters.place(suspect, {key: str(key) for key in suspect.candidates}, 1)
    assert placed is not None
    return sorted(placed.cluster.accounts)


def test_until_it_alarms_a_crowd_is_whom_the_newest_look_finds() -> None:
    clusters = Clusters(SETTINGS.alert, 100)
    assert place(clusters, crowd(range(20))) == [*range(20)]
    assert place(clusters, crowd(range(8, 28))) == [*range(8, 28)]
    assert clusters.of_account.keys() == {*range(8, 28)}
    assert place(clusters, crowd(range(10, 30), is_alarming=True)) == [*range(10, 30)]
    assert place(clusters, crowd(range(15, 35))) == [*range(10, 35)]


def test_whom_ties_hold_stay_whatever_behaves_otherwise() -> None:
    clusters = Clusters(SETTINGS.alert, 100)
    place(clusters, crowd(range(20), by_likeness=False))
    assert place(clusters, crowd(range(8, 28))) == [*range(28)]
    (cluster,) = clusters.by_id.values()
    assert cluster.held() == frozenset(range(20))


def test_of_what_is_too_small_nothing_is_said() -> None:
    assert not Timeline().pass_day(count=6)
