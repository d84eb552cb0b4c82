"""Cases made up for tests: a campaign as large as is wanted, with all that a record can tell."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from streamer.cases.records import AlertRecord, Hour, LimitRecord, MemberRecord, Reason, SharedLink, kind_and_value
from streamer.cases.store import CaseStore
from streamer.sinks.feedback import Feedback, FeedbackAction

BEGAN = datetime(2026, 3, 4, 6, tzinfo=UTC)
ALERT_ID, CLUSTER_ID = "a-72fdee9c5d488526", "c-72fdee9c5d488526"


def text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.000Z"


def alert(alert_id: str = ALERT_ID, revision: int = 1, **more: object) -> AlertRecord:
    known = {
        "summary": "60 accounts that share one prompt template look driven by one hand (evenness); 335 requests.",
        "severity": "critical",
        "cluster_id": alert_id.replace("a-", "c-"),
        "started_at": text(BEGAN),
        "detected_at": text(BEGAN + timedelta(hours=4, minutes=20)),
        "updated_at": text(BEGAN + timedelta(hours=4 + revision)),
        "score": 14.574,
        "false_alarm_rate": 2.9e-4,
        "account_count": 60,
        "request_count": 335 * revision,
        "output_tokens": 407_632,
        "models": ("meridian-3.5", "meridian-4"),
        "runbook": "deploy/runbooks/campaign.md",
    }
    return AlertRecord(alert_id=alert_id, revision=revision, **{**known, **more})  # type: ignore[arg-type]


def evidence(accounts: int) -> tuple[Reason, ...]:
    return (
        Reason(
            "evenness",
            f"{accounts:,} accounts are used alike: 24 to 28 requests in 24 h (middle 80%); rates scatter by a factor "
            "of 1.06, people's by 2.59",
            1.062,
            2.587,
            -72.4,
        ),
        Reason("template", "one prompt template at accounts that share nothing else", 24_100.0, 3.2, -41.0),
        Reason("newness", "newer than 98% of accounts of the same plan, on average over the group", 2.021, 0.0, -3.83),
    )


def member(number: int, rng: random.Random, accounts: int, cluster_id: str = CLUSTER_ID) -> MemberRecord:
    named = BEGAN + timedelta(hours=4 + rng.randrange(60))
    links = [
        "template:9f3c2ab47710de55" if rng.random() < 0.96 else "template:1d20b8c7a9e4f633",
        f"payment:pf_{int(rng.paretovariate(0.7)) % 40:02d}c41f",
        f"client_stack:python-httpx/0.2{rng.choices((7, 6, 8), (70, 22, 8))[0]} | ja4_t13d1516h2_8daaf6152771",
        *(f"address_block:203.{rng.randrange(max(2, accounts // 60)) % 250}.{number % 250}.0/24" for _ in range(2)),
    ]
    if rng.random() < 0.6:
        links.append(f"signup_cohort:{490_902 + rng.randrange(9)}|mail.example|free")
    return MemberRecord(
        account_id=f"acct_{rng.getrandbits(64):016x}",
        cluster_id=cluster_id,
        since=text(named),
        score=round(rng.betavariate(8, 1.5), 4),
        evidence=("evenness", "template"),
        links=tuple(links),
        first_seen_at=text(BEGAN - timedelta(hours=rng.randrange(48))),
        request_count=int(rng.gauss(26, 2)) * 3,
        output_tokens=int(rng.gauss(26, 2)) * 3_000,
        status="left" if rng.random() < 0.01 else "member",
    )


def timeline(hours: int, accounts: int, rng: random.Random) -> tuple[Hour, ...]:
    found = []
    for hour in range(hours):
        at_work = min(accounts, int(accounts * min(1.0, (hour + 2) / 20) * rng.uniform(0.55, 0.68)))
        found.append(Hour(text(BEGAN + timedelta(hours=hour)), int(at_work * rng.uniform(1.5, 1.9)), at_work))
    return tuple(found)


def shared(members: Sequence[MemberRecord], most: int = 12) -> tuple[SharedLink, ...]:
    counts: dict[str, int] = {}
    for each in members:
        for link in each.links:
            counts[link] = counts.get(link, 0) + 1
    top = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:most]
    return tuple(SharedLink(*kind_and_value(link), count) for link, count in top)


def campaign(store: CaseStore, accounts: int, *, seed: int = 1, hours: int = 72, revisions: int = 6) -> None:
    """One campaign with everything."""
    rng = random.Random(seed)
    members = [member(number, rng, accounts) for number in range(accounts)]
    for revision in range(1, revisions + 1):
        count = accounts * revision // revisions
        requests = count * 13 * revision
        store.alert(
            alert(
                revision=revision,
                account_count=count,
                accounts=tuple(each.account_id for each in members[: min(count, 1000)]),
                request_count=requests,
                output_tokens=requests * 1_180,
                evidence=evidence(count),
                links=shared(members),
                timeline=timeline(hours, accounts, rng),
                updated_at=text(BEGAN + timedelta(hours=hours * revision // revisions)),
                summary=f"{count:,} accounts that share one prompt template and a few payment instruments look driven "
                f"by one hand (evenness, template, newness); {requests:,} requests so far.",
            )
        )
    for each in members:
        store.member(each)
        if rng.random() < 0.8:
            store.limit(limit(each.account_id))


def limit(account_id: str, *, alert_id: str = ALERT_ID, expires_h: int = 240, mode: str = "shadow") -> LimitRecord:
    return LimitRecord(
        account_id=account_id,
        action="throttle",
        requests_per_minute=2,
        mode=mode,
        alert_id=alert_id,
        reason="member of a campaign",
        issued_at=text(BEGAN + timedelta(hours=5)),
        expires_at=text(BEGAN + timedelta(hours=expires_h)),
    )


def said(action: FeedbackAction, number: int = 1, **more: str | None) -> Feedback:
    known: dict[str, str | None] = {"alert_id": ALERT_ID, "author": "kim", "created_at": "2026-03-04T12:00:00.000Z"}
    return Feedback(feedback_id=f"f-{number}", action=action, **{**known, **more})  # type: ignore[arg-type]
