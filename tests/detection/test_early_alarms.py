"""An account's alert before its window closes: at once, once, and borne out by the close."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from streamer.detection.evidence import Burst, EarlyBurst, EvidenceItem, LeadReport, Saying
from streamer.detection.limits import EARLY_ROOM
from streamer.detection.records import Alert, Decision, Limit, LimitLifted
from tests.detection.handmade import WINDOW_MS, key_of, leads, watched
from tests.detection.test_cluster_stage import QUIET, SETTINGS, START, Timeline, alerts, named, only

END_MS = (START + 1) * WINDOW_MS


def burst(requests: float, said: str, account_id: str = "loud", log10_p: float = -10.0) -> Burst:
    item = EvidenceItem("burst", f"{said} {requests:g} requests", requests, 10.0, log10_p)
    return Burst(account_id, key_of(account_id), log10_p, item)


def early(requests: float, account_id: str = "loud", window: int = START, log10_p: float = -10.0) -> LeadReport:
    found = EarlyBurst(burst(requests, "at least", account_id, log10_p), 5, 1000 + int(requests), 77)
    return LeadReport(0, window, last=False, early=[found])


def closed(requests: int, window: int = START, account_id: str = "loud", log10_p: float = -10.0) -> LeadReport:
    seen = watched([account_id], window, requests=requests)
    return leads(window, watched=seen, bursts=[burst(requests, "", account_id, log10_p)])


def begun() -> Timeline:
    """A stage that has decided the window before."""
    one = Timeline()
    one.silence(-1)
    return one


def say(one: Timeline, report: LeadReport) -> list[Decision]:
    one.stage.observe(report)
    return one.stage.advance()


def test_the_alert_and_its_limit_come_before_the_close_with_the_times_of_the_close() -> None:
    one = begun()
    alert, limit = say(one, early(200))
    assert isinstance(alert, Alert)
    assert (alert.kind, alert.severity, alert.revision, alert.accounts) == ("account", "warning", 1, ("loud",))
    assert (alert.detected_at, alert.updated_at, alert.started_at) == (END_MS, END_MS, 5)
    assert (alert.request_count, alert.output_tokens, alert.limits_proposed) == (1200, 77, 1)
    assert alert.summary == "Account loud: at least 200 requests."
    assert isinstance(limit, Limit)
    assert (limit.account_id, limit.alert_id, limit.issued_at) == ("loud", alert.alert_id, END_MS)
    assert one.stage.closed_through == START - 1
    revised = only(say(one, closed(900)))
    assert (revised.alert_id, revised.revision, revised.severity) == (alert.alert_id, 2, "warning")
    assert (revised.detected_at, revised.updated_at, revised.request_count) == (END_MS, END_MS, 900)
    assert revised.summary == "Account loud:  900 requests."


def test_the_close_alone_would_have_raised_the_same_alert() -> None:
    one, other = begun(), begun()
    first = only(say(one, early(200)))
    say(one, closed(900))
    alone = only(say(other, closed(900)))
    (last,) = one.stage.firing
    assert (first.alert_id, first.detected_at) == (alone.alert_id, alone.detected_at)
    assert replace(last, revision=1) == alone


def test_more_is_said_only_when_it_weighs_more() -> None:
    one = begun()
    assert [(alert.severity, alert.limits_proposed) for alert in alerts(say(one, early(50)))] == [("info", 0)]
    assert say(one, early(100)) == []
    alert, limit = say(one, early(160))
    assert isinstance(alert, Alert)
    assert (alert.revision, alert.severity) == (2, "warning")
    assert isinstance(limit, Limit)
    assert say(one, early(320)) == []


def test_what_honest_traffic_brings_every_day_is_not_said() -> None:
    one = begun()
    assert say(one, early(160, log10_p=-1.0)) == []
    assert one.stage.clusters.by_id == {}
    assert only(say(one, early(200, log10_p=-9.0))).evidence[0].observed == 200


def test_repeats_and_smaller_counts_say_nothing_and_take_nothing_back() -> None:
    one = begun()
    assert say(one, early(200))
    for repeated in (early(200), early(160)):
        assert say(one, repeated) == []
    assert say(one, closed(900))
    after = one.stage.snapshot()
    for late in (early(200), early(1600)):
        assert say(one, late) == []
    assert one.stage.snapshot() == after


def test_it_waits_until_the_window_before_is_decided() -> None:
    one = begun()
    assert say(one, early(200, window=START + 1)) == []
    decisions = say(one, closed(900, account_id="before"))
    assert [type(decision) for decision in decisions] == [Alert, Limit, Alert, Limit]
    assert [(alert.accounts, alert.detected_at) for alert in alerts(decisions)] == [
        (("before",), END_MS),
        (("loud",), END_MS + WINDOW_MS),
    ]


def test_what_comes_together_with_the_close_is_decided_before_it() -> None:
    one, other = begun(), begun()
    for report in (early(50), early(200), closed(900)):
        one.stage.observe(report)
    together = one.stage.advance()
    apart = [*say(other, early(50)), *say(other, early(200)), *say(other, closed(900))]
    assert together == apart
    assert [alert.revision for alert in alerts(together)] == [1, 2, 3]


def test_the_close_stands_by_what_was_said_though_more_groups_were_judged_meanwhile() -> None:
    one, other = begun(), begun()
    barely = -3.05  # with a hundred tests a day .09 false alarms
    assert only(say(one, early(200, log10_p=barely))).false_alarm_rate < 0.1
    many = closed(900, log10_p=barely)._replace(tests=100_000)
    assert only(say(one, many)).false_alarm_rate > 0.1
    assert say(other, many) == []


def test_an_alert_that_fires_is_not_revised_for_each_bound() -> None:
    one = begun()
    say(one, early(200))
    say(one, closed(900))
    assert say(one, early(200, window=START + 1)) == []
    assert say(one, early(3200, window=START + 1)) == []
    assert say(one, closed(3300, window=START + 1)) == []


def test_a_restored_stage_goes_on_where_it_was() -> None:
    one = begun()
    say(one, early(50))
    one.stage.observe(early(200, "next", START + 1))
    again = Timeline()
    again.stage.restore(msgspec.msgpack.decode(msgspec.msgpack.encode(one.stage.snapshot())))
    assert again.stage.snapshot() == one.stage.snapshot()
    said = [[say(each, report) for report in (early(50), early(200), closed(900))] for each in (one, again)]
    assert said[0] == said[1]
    assert [alert.accounts[0] for alert in alerts(said[0][2])] == ["loud", "next"]


def test_what_is_dismissed_before_its_window_closes_ends_after_it_began() -> None:
    one = begun()
    alert = only(say(one, early(200)))
    saying = Saying("s1", "dismiss", alert.alert_id, "ann", "a test")
    resolved, lifted = say(one, LeadReport(-1, -1, last=False, sayings=[saying]))
    assert isinstance(resolved, Alert)
    assert (resolved.status, resolved.resolved_at, resolved.updated_at) == ("resolved", END_MS, END_MS)
    assert isinstance(lifted, LimitLifted)
    assert say(one, early(400)) == []
    assert say(one, closed(900)) == []


def test_an_accounts_limit_ends_with_its_alert_unless_a_cluster_has_taken_it_over() -> None:
    one = begun()
    say(one, early(200))
    say(one, early(200, "a001"))
    say(one, closed(900))
    taken = [d for d in one.tell(1, named(20)) if isinstance(d, Limit) and d.account_id == "a001"]
    cluster = next(alert for alert in one.stage.firing if alert.kind == "cluster")
    assert [limit.alert_id for limit in taken] == [cluster.alert_id]
    decisions = [d for window in range(2, QUIET + 8, 6) for d in one.tell(window, named(20))]
    lifted = [d.account_id for d in decisions if isinstance(d, LimitLifted)]
    assert lifted == ["loud"]
    assert {alert.kind for alert in one.stage.firing} == {"cluster"}


@pytest.mark.parametrize("order", [1, -1])
def test_near_the_cap_it_does_not_matter_who_was_loud_first(order: int) -> None:
    one = Timeline(replace(SETTINGS, limit=replace(SETTINGS.limit, max_accounts=EARLY_ROOM - 1)))
    full = Timeline(replace(SETTINGS, limit=replace(SETTINGS.limit, max_accounts=1)))
    names = ["a", "b"]
    for each in (one, full):
        each.silence(-1)
        for name in names[::order]:
            assert [alert.severity for alert in alerts(say(each, early(200, name)))] == ["warning"]
        assert len(each.stage.limits) == 0
    report = closed(900)._replace(watched=watched(names, START), bursts=[burst(900, "", name) for name in names])
    limited = [[d.account_id for d in say(each, report) if isinstance(d, Limit)] for each in (one, full)]
    assert limited == [["a", "b"], ["a"]]


@pytest.mark.parametrize("order", [1, -1])
def test_accounts_are_told_in_any_order(order: int) -> None:
    one = begun()
    for report in [early(200, "a"), early(200, "b"), early(400, "a")][::order]:
        say(one, report)
    both = [burst(900, "", "a"), burst(200, "", "b")]
    say(one, closed(900)._replace(watched=watched(["a", "b"], START), bursts=both))
    assert sorted((alert.accounts, alert.detected_at) for alert in one.stage.firing) == [
        (("a",), END_MS),
        (("b",), END_MS),
    ]
