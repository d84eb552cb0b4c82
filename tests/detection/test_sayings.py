"""What a person says of an alert: it is heeded once, and a dismissed group is quiet until it has doubled."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from streamer.detection.cluster_stage import CONFIRM, DISMISS, ClusterStage
from streamer.detection.evidence import LeadReport, Saying
from streamer.detection.records import Alert, Decision, Limit, LimitLifted, Membership
from streamer.detection.settings import AlertSettings
from tests.detection.handmade import WINDOW_MS, default_settings, lead, leads, watched

HOUR = 6  # windows
QUIET = 2 * 24 * HOUR
REMEMBERED = 30 * 24 * HOUR
START = 100
SETTINGS = replace(default_settings(), alert=AlertSettings(resolve_after_s=2 * 24 * 3600, update_every_s=3600))
DRIVEN: dict[str, Any] = {"requests": 40, "bins": 90}


def named(count: int) -> list[str]:
    return [f"a{number:03}" for number in range(count)]


def saying(action: str, alert_id: str, saying_id: str = "s-1") -> LeadReport:
    said = Saying(saying_id, action, alert_id, "ann", "a class of mine")
    return LeadReport(-1, -1, last=False, sayings=[said])


class Talk:
    """A stage with one link partition, told window by window, and people who say something of it."""

    def __init__(self) -> None:
        self.stage = ClusterStage(SETTINGS, 1)

    def tell(self, window: int, count: int) -> list[Decision]:
        """A group used alike, busy and regular, on one card and one device; on others when it has grown."""
        seen = watched(named(count), START + window, **DRIVEN)
        rows = seen.table().copy()
        rows["scores"] = 2.5
        rows["scores"][:, 2] = -2.5
        seen = seen._replace(rows=rows.tobytes())
        ties = [lead(named(count), f"{kind}{count}", kind=kind) for kind in ("payment", "device")]
        self.stage.observe(leads(START + window, *ties, watched=seen, tests=1))
        return self.stage.advance()

    def say(self, action: str, alert_id: str, saying_id: str = "s-1") -> list[Decision]:
        self.stage.observe(saying(action, alert_id, saying_id))
        return self.stage.advance()

    def restart(self) -> None:
        state = msgspec.msgpack.decode(msgspec.msgpack.encode(self.stage.snapshot()))
        self.stage = ClusterStage(SETTINGS, 1)
        self.stage.restore(state)

    def weight(self) -> float:
        opinion = self.stage._opinion
        return opinion.weight("evenness")


def alerts(decisions: list[Decision]) -> list[Alert]:
    return [found for found in decisions if isinstance(found, Alert)]


def limits_lifted(decisions: list[Decision]) -> list[str]:
    return [found.account_id for found in decisions if isinstance(found, LimitLifted)]


def fired(talk: Talk, count: int = 20) -> Alert:
    (alert,) = alerts(talk.tell(0, count))
    assert alert.status == "firing"
    return alert


def test_a_dismissed_alert_resolves_and_its_limits_are_lifted() -> None:
    talk = Talk()
    alert = fired(talk)
    decisions = talk.say(DISMISS, alert.alert_id)
    (resolved,) = alerts(decisions)
    assert (resolved.alert_id, resolved.revision, resolved.status) == (alert.alert_id, 2, "resolved")
    assert resolved.resolved_at == resolved.updated_at == (START + 1) * WINDOW_MS
    assert resolved.summary.endswith("Resolved: dismissed by ann.")
    assert limits_lifted(decisions) == named(20)
    assert len(decisions) == 21
    assert len(talk.stage.limits) == 0
    assert talk.stage.firing == []


def test_what_is_said_is_no_progress_of_a_partition() -> None:
    talk = Talk()
    alert = fired(talk)
    talk.say(DISMISS, alert.alert_id)
    assert talk.stage.closed_through == START


@pytest.mark.parametrize("restarted", [False, True])
def test_the_same_saying_twice_is_heeded_once(restarted: bool) -> None:  # noqa: FBT001
    talk = Talk()
    alert = fired(talk)
    assert talk.say(DISMISS, alert.alert_id)
    once = talk.weight()
    assert talk.say(DISMISS, alert.alert_id, "s-2") == []
    weight = talk.weight()
    assert weight < once < 1.0
    if restarted:
        talk.restart()
    for saying_id in ("s-1", "s-2"):
        assert talk.say(DISMISS, alert.alert_id, saying_id) == []
        assert talk.weight() == weight


def test_the_same_saying_twice_before_it_is_heeded_counts_once() -> None:
    once, twice = Talk(), Talk()
    for talk in (once, twice):
        alert = fired(talk)
    twice.stage.observe(saying(DISMISS, alert.alert_id))
    assert once.say(DISMISS, alert.alert_id) == twice.say(DISMISS, alert.alert_id)
    assert once.weight() == twice.weight()


@pytest.mark.parametrize("restarted", [False, True])
def test_a_dismissed_group_is_quiet_until_it_has_doubled(restarted: bool) -> None:  # noqa: FBT001
    talk = Talk()
    alert = fired(talk)
    talk.say(DISMISS, alert.alert_id)
    if restarted:
        talk.restart()
    for hours, count in enumerate((20, 25, 30, 35, 39), 1):
        assert talk.tell(2 * HOUR * hours, count) == []
    decisions = talk.tell(20 * HOUR, 40)
    (again,) = alerts(decisions)
    assert (again.alert_id, again.status, again.account_count) == (alert.alert_id, "firing", 40)
    assert [found.account_id for found in decisions if isinstance(found, Membership)] == named(40)[20:]
    assert [found.account_id for found in decisions if isinstance(found, Limit)] == named(40)


def test_who_dismisses_it_again_is_asked_again_when_it_has_doubled_again() -> None:
    talk = Talk()
    alert = fired(talk)
    talk.say(DISMISS, alert.alert_id)
    assert alerts(talk.tell(2 * HOUR, 40))
    assert talk.say(DISMISS, alert.alert_id, "s-2")
    assert talk.tell(4 * HOUR, 79) == []
    assert alerts(talk.tell(6 * HOUR, 80))


def test_a_confirmed_alert_goes_on_firing_with_its_limits() -> None:
    talk = Talk()
    alert = fired(talk)
    assert talk.say(CONFIRM, alert.alert_id) == []
    assert talk.stage.firing == [alert]
    assert len(talk.stage.limits) == 20
    assert talk.weight() > 1.0
    (grown,) = alerts(talk.tell(2 * HOUR, 30))
    assert (grown.alert_id, grown.revision, grown.account_count) == (alert.alert_id, 2, 30)


def test_what_is_said_of_an_alert_that_nobody_knows_changes_nothing() -> None:
    talk = Talk()
    alert = fired(talk)
    for number, other in enumerate(("a-0000000000000000", "a-", "", "nonsense", alert.alert_id[:-1])):
        assert talk.say(DISMISS, other, f"s-{number}") == []
    assert talk.weight() == 1.0
    assert talk.stage.firing == [alert]


def test_what_was_said_before_a_restart_is_heeded_after_it() -> None:
    talk = Talk()
    alert = fired(talk)
    talk.stage.observe(saying(DISMISS, alert.alert_id))
    talk.restart()
    (resolved,) = alerts(talk.stage.advance())
    assert resolved.status == "resolved"
    assert talk.stage.advance() == []


@pytest.mark.parametrize("restarted", [False, True])
def test_a_dismissed_group_that_rested_comes_back_as_quiet_as_it_was(restarted: bool) -> None:  # noqa: FBT001
    talk = Talk()
    alert = fired(talk)
    talk.say(DISMISS, alert.alert_id)
    assert talk.tell(QUIET + 1, 20) == []
    if restarted:
        talk.restart()
    assert talk.tell(2 * QUIET + 2, 39) == []
    decisions = talk.tell(3 * QUIET + 3, 40)
    (again,) = alerts(decisions)
    assert (again.alert_id, again.status, again.revision) == (alert.alert_id, "firing", 3)
    assert again.detected_at == (START + 3 * QUIET + 4) * WINDOW_MS
    assert {found.account_id for found in decisions if isinstance(found, Limit)} == set(named(40))


def test_a_dismissed_group_that_rested_for_long_is_forgotten_with_its_dismissal() -> None:
    talk = Talk()
    alert = fired(talk)
    talk.say(DISMISS, alert.alert_id)
    (anew,) = alerts(talk.tell(QUIET + REMEMBERED + 1, 20))
    assert (anew.status, anew.revision) == ("firing", 1)
    assert anew.alert_id != alert.alert_id
