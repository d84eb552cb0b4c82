"""The situation in numbers: bounded whatever happens, there from the start, and as the records say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, generate_latest

from streamer.detection.evidence import EvidenceItem
from streamer.notify.gauges import BOUNDS, FAMILIES, MAX_FAMILIES, RANKS, SituationGauges
from streamer.notify.records import FeedbackRecord, LimitRecord, read
from tests.notify.records import HOUR_MS, NOON_MS, account_alert, alert
from tests.notify.test_notices import NOW_MS, Desk

if TYPE_CHECKING:
    from streamer.notify.situation import Situation

BUDGET = {"critical": 0.01, "warning": 0.1, "info": 1.0}
IDENTITIES = ("account_id", "alert_id", "cluster_id", "ada", "a-1", "c-1")


def exposed(situation: Situation, now_ms: int = NOW_MS) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(SituationGauges(situation, BUDGET, 50, lambda: now_ms))
    return registry


def limit(account_id: str, hours: int, mode: str = "shadow") -> LimitRecord:
    text = (
        f'{{"account_id": "{account_id}", "action": "throttle", "mode": "{mode}", '
        f'"issued_at": "2026-03-02T12:00:00Z", "expires_at": "2026-03-02T{12 + hours}:00:00Z"}}'
    )
    found = read(text.encode(), LimitRecord)
    assert found is not None
    return found


def test_every_combination_is_there_before_anything_happens_and_no_name_ever_is() -> None:
    desk = Desk()
    before = generate_latest(exposed(desk.situation)).decode()
    desk.take(alert("a-1"), account_alert("ada"), alert("a-2", 2, severity="warning"))
    after = generate_latest(exposed(desk.situation)).decode()
    assert {line.rsplit(" ", 1)[0] for line in before.splitlines()} == {
        line.rsplit(" ", 1)[0] for line in after.splitlines()
    }
    assert before != after
    assert [name for name in IDENTITIES if f'"{name}' in after or f"{name}=" in after] == []


def test_sums_and_ranks_are_those_of_what_fires() -> None:
    desk = Desk()
    for number in range(1, RANKS + 3):
        desk.take(alert(f"a-{number}", account_count=number, request_count=1000 - number))
    desk.take(alert("a-12", 2, status="resolved"), account_alert("ada"))
    value = exposed(desk.situation).get_sample_value
    assert value("streamer_alerts_firing", {"kind": "cluster", "severity": "critical"}) == RANKS + 1
    assert value("streamer_alerts_firing", {"kind": "account", "severity": "warning"}) == 1
    assert value("streamer_campaign_accounts", {"severity": "critical"}) == sum(range(1, RANKS + 2))
    assert value("streamer_largest_campaign_accounts", {"rank": "1"}) == RANKS + 1
    assert value("streamer_largest_campaign_accounts", {"rank": "10"}) == 2
    assert value("streamer_largest_campaign_requests", {"rank": "1"}) == 999


def test_limits_run_out_in_event_time_and_are_lifted_at_once() -> None:
    desk = Desk()
    situation = desk.situation
    for account_id, hours, mode in (("ada", 1, "shadow"), ("bob", 3, "shadow"), ("cy", 3, "enforce")):
        situation.limit(account_id, limit(account_id, hours, mode), NOW_MS)
    value = exposed(situation).get_sample_value
    shadow, enforced = ({"mode": mode, "action": "throttle"} for mode in ("shadow", "enforce"))
    assert (value("streamer_limited_accounts", shadow), value("streamer_limited_accounts", enforced)) == (2, 1)
    later = exposed(situation, NOW_MS + 2 * HOUR_MS).get_sample_value
    assert (later("streamer_limited_accounts", shadow), later("streamer_limited_accounts", enforced)) == (1, 1)
    situation.limit("cy", None, NOW_MS)
    assert value("streamer_limited_accounts", enforced) == 0
    assert value("streamer_limited_accounts_cap") == 50


def test_claims_are_counted_by_the_week_and_verdicts_by_severity() -> None:
    desk = Desk()
    old = NOON_MS - 8 * 24 * HOUR_MS
    desk.take(alert("a-1", false_alarm_rate=3e-7), alert("a-2", false_alarm_rate=0.05, severity="info"))
    desk.take(alert("a-3", detected_at=old, false_alarm_rate=3e-7))
    for action, alert_id in (("confirm", "a-1"), ("dismiss", "a-1"), ("confirm", "a-2"), ("lift", "a-2")):
        desk.situation.feedback(FeedbackRecord(action=action, alert_id=alert_id), NOW_MS)
    value = exposed(desk.situation).get_sample_value
    claimed = [value("streamer_alerts_claimed_week", {"at_most": bound}) for bound in BOUNDS]
    assert claimed == [0, 0, 1, 1, 1, 1, 2, 2, 2]
    assert value("streamer_alerts_raised_week", {"severity": "info"}) == 1
    assert value("streamer_alerts_judged", {"verdict": "dismiss", "severity": "critical"}) == 1
    assert value("streamer_alerts_judged", {"verdict": "confirm", "severity": "critical"}) == 0
    assert value("streamer_false_alarm_budget_per_day", {"severity": "warning"}) == 0.1


def test_an_alert_that_is_raised_again_is_counted_and_claims_again() -> None:
    desk = Desk()
    later, latest = NOON_MS + 48 * HOUR_MS, NOON_MS + 96 * HOUR_MS
    desk.take(alert("a-1", false_alarm_rate=3e-7), alert("a-1", 2, status="resolved", false_alarm_rate=2e-7))
    desk.take(alert("a-1", 3, detected_at=later, updated_at=later, false_alarm_rate=0.05))
    desk.take(alert("a-1", 4, detected_at=later, updated_at=latest, false_alarm_rate=3e-9))
    value = exposed(desk.situation).get_sample_value
    assert value("streamer_alerts_raised_week", {"severity": "critical"}) == 2
    claimed = [value("streamer_alerts_claimed_week", {"at_most": bound}) for bound in BOUNDS]
    assert claimed == [0, 0, 1, 1, 1, 1, 2, 2, 2]
    # After a week the first is forgotten.
    value = exposed(desk.situation, NOW_MS + 4 * 24 * HOUR_MS).get_sample_value
    assert value("streamer_alerts_raised_week", {"severity": "critical"}) == 1


def test_families_nobody_knew_are_shown_but_not_without_end() -> None:
    desk = Desk()
    new = [EvidenceItem(f"new{number}", "odd", 1.0, 0.0, -2.0) for number in range(MAX_FAMILIES)]
    desk.take(alert("a-1", evidence=(EvidenceItem("evenness", "alike", 0.2, 1.0, -12.0), *new)))
    registry = exposed(desk.situation)
    shown = [s for f in registry.collect() if f.name == "streamer_evidence_weight" for s in f.samples]
    assert len(shown) == MAX_FAMILIES
    assert sum(sample.value for sample in shown) == 12 + 2 * MAX_FAMILIES
    assert registry.get_sample_value("streamer_evidence_weight", {"family": "evenness"}) == 12
    assert set(FAMILIES) <= {sample.labels["family"] for sample in shown}
