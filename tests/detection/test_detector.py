"""The three stages in a row on small worlds: a campaign is found, what only looks like one is not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from streamer.detection.detector import Detector
from streamer.detection.records import Alert, Decision, Limit, Membership
from streamer.detection.request import RequestRecord
from streamer.detection.settings import ReferenceSettings
from tests.detection.handmade import key_of
from tests.detection.pipeline import replay
from tests.detection.traffic import DAY_MS, HOUR_MS, START_MS, Campaign, settings, traffic

# Judging begins after 43 hours; what is new in these worlds comes after 48.
SETTINGS = replace(settings(), reference=ReferenceSettings(min_accounts=50, min_stratum_accounts=50))
BEGIN_MS = START_MS + 2 * DAY_MS


def ordered(requests: Iterable[RequestRecord]) -> list[RequestRecord]:
    return sorted(requests, key=lambda request: (request.timestamp_ms, request.event_id))


@pytest.fixture(scope="module")
def people() -> list[RequestRecord]:
    return traffic(seed=11)


def others(prefix: str, count: int, seed: int, **shared: Any) -> list[RequestRecord]:
    """People again, under other names, with what they share; each as much and when they like."""
    return [
        request._replace(
            event_id=f"{prefix}{request.event_id}",
            account_id=f"{prefix}{request.account_id}",
            device_id=f"{prefix}{request.device_id}",
            payment_fingerprint=f"{prefix}{request.payment_fingerprint}",
            system_prompt_hash=None,
        )._replace(**shared)
        for request in traffic(seed=seed, people=count)
    ]


def school(count: int = 40) -> list[RequestRecord]:
    """A class: accounts made this morning, one address, one stack, one exercise, an hour of unequal zeal."""
    rng = np.random.default_rng(5)
    found: list[RequestRecord] = []
    for pupil in range(count):
        time_ms = BEGIN_MS + 9 * HOUR_MS + int(rng.integers(0, 10 * 60_000))
        for number in range(1 + int(rng.lognormal(2.0, 0.8))):
            time_ms += int(rng.lognormal(4.0, 1.3) * 1000)
            found.append(
                RequestRecord(
                    event_id=f"s{pupil}-{number}",
                    timestamp_ms=time_ms,
                    account_id=f"s{pupil}",
                    model="large",
                    plan="payg",
                    account_created_ms=BEGIN_MS + 9 * HOUR_MS,
                    client_ip="198.51.100.7",
                    user_agent="client/1",
                    tls_fingerprint="t-client/1",
                    device_id=f"ds{pupil}",
                    email_domain="school.example",
                    prompt_simhash=f"{0x0F0F_3C3C_5A5A_9696 ^ (1 << int(rng.integers(0, 64))):016x}",
                    output_tokens=int(rng.lognormal(5, 1)),
                    status=200,
                )
            )
    return found


def clusters(decisions: list[Decision]) -> list[Alert]:
    """Alerts of clusters that are more than for the record."""
    return [d for d in decisions if isinstance(d, Alert) and d.kind == "cluster" and d.severity != "info"]


def members(decisions: list[Decision]) -> set[str]:
    return {d.account_id for d in decisions if isinstance(d, Membership)}


FIRM = {"client_ip": "203.0.113.9", "payment_fingerprint": "firm-card", "email_domain": "firm.example"}
LOOK_ALIKES = {
    "a class": school(),
    "a firm that answers for its people": others("f", 60, 21, organization_id="firm", **FIRM),
    "a firm that nobody answers for": others("f", 60, 21, **FIRM),
    "a popular tool": others("t", 150, 22, system_prompt_hash="tool", user_agent="tool/1", tls_fingerprint="t"),
    "a carrier's address": others("n", 80, 23, client_ip="100.64.3.1"),
}


@pytest.mark.parametrize("kind", LOOK_ALIKES)
def test_what_only_looks_like_a_campaign_raises_no_alert(people: list[RequestRecord], kind: str) -> None:
    detector = Detector(SETTINGS)
    crowd = {key_of(request.account_id) for request in LOOK_ALIKES[kind]}
    decisions: list[Decision] = []
    judged = set()
    requests = ordered(people + LOOK_ALIKES[kind])
    for start in range(0, len(requests), 500):
        decisions += detector.observe_all(list(requests[start : start + 500]))
        groups = detector.links._index.groups.values()
        judged |= {
            group.link.kind for group in groups if group.judged_window >= 0 and len(crowd & set(group.members)) > 8
        }
    decisions += detector.finish()
    assert judged & {"payment", "address_block", "system_prompt"}  # it was looked at, and found harmless
    assert clusters(decisions) == []
    assert members(decisions) == set()


def test_among_all_of_them_the_campaign_is_found_and_nobody_else() -> None:
    crowd = [request for kind in LOOK_ALIKES for request in LOOK_ALIKES[kind] if "answers for its" not in kind]
    decisions = replay(ordered(traffic(seed=11, campaign=Campaign()) + crowd), SETTINGS)
    found = clusters(decisions)
    assert {alert.severity for alert in found} & {"critical", "warning"}
    assert all(len(alert.evidence) >= 2 for alert in found)
    named = members(decisions)
    assert len(named) >= 30
    assert {name[0] for name in named} == {"c"}
    limits = [d for d in decisions if isinstance(d, Limit)]
    assert {limit.mode for limit in limits} == {"shadow"}
    assert {limit.account_id for limit in limits} <= named


def test_the_same_machine_under_one_accountable_organization_is_its_own_business(people: list[RequestRecord]) -> None:
    bots = traffic(seed=11, people=0, campaign=Campaign())
    assert clusters(replay(ordered(people + bots), SETTINGS))
    firm = [request._replace(organization_id="lab") for request in bots]
    assert clusters(replay(ordered(people + firm), SETTINGS)) == []


def test_a_campaign_that_is_all_there_is_from_the_start_is_not_judged_before_there_is_a_population() -> None:
    bots = traffic(seed=1, people=0, days=1, campaign=Campaign(start_ms=START_MS))
    assert clusters(replay(bots, SETTINGS)) == []


def test_an_account_that_hammers_is_told_once(people: list[RequestRecord]) -> None:
    burst = [
        RequestRecord(f"h{number}", BEGIN_MS + 12 * HOUR_MS + number * 100, "hammer", "large", plan="payg")
        for number in range(3000)
    ]
    alerts = [d for d in replay(ordered(people + burst), SETTINGS) if isinstance(d, Alert)]
    assert {(a.alert_id, a.kind, a.accounts) for a in alerts} == {(alerts[0].alert_id, "account", ("hammer",))}
    # When it is beyond everybody, when it is far beyond, and when it is known how much there was; none pages anybody.
    assert [a.severity for a in alerts] == ["info", "warning", "warning"]
    assert alerts[0].evidence[0].family == "burst"


def test_every_request_is_accounted_for(people: list[RequestRecord]) -> None:
    detector = Detector(SETTINGS)
    detector.observe_all([again for at, request in enumerate(people) for again in [request] * (1 + (at % 10 == 0))])
    detector.finish()
    assert (detector.counts.used, detector.counts.duplicates) == (len(people), -(-len(people) // 10))
    assert (detector.counts.late, detector.counts.ahead) == (0, 0)
    assert detector.finish() == []


def test_nothing_in_gives_nothing_out() -> None:
    detector = Detector(SETTINGS)
    assert (detector.advance(), detector.finish(), detector.finish()) == ([], [], [])
