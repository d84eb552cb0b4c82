"""Records by hand: the smallest things that a stage takes in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count
from typing import Any

from streamer.detection.account_stage import AccountStage
from streamer.detection.evidence import Candidate, EvidenceItem, Profile, Row, Suspect, SuspectReport
from streamer.detection.links import Link, stable_key
from streamer.detection.population import SETTLED
from streamer.detection.records import Alert
from streamer.detection.request import RequestRecord
from streamer.detection.settings import DetectionSettings, WindowSettings

START_MS = 1_780_272_000_000
WINDOW_S, LATENESS_S = 600, 300
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
WINDOW_MS, LATENESS_MS = WINDOW_S * 1000, LATENESS_S * 1000
START_WINDOW = START_MS // WINDOW_MS
_NUMBERS = count()


def default_settings() -> DetectionSettings:
    """The defaults with windows of ten minutes and a lateness of five, whatever the defaults become."""
    return DetectionSettings(window=WindowSettings(window_s=WINDOW_S, lateness_s=LATENESS_S))


def at(offset_ms: int, account_id: str = "a", event_id: str | None = None, **fields: Any) -> RequestRecord:
    """A request some time after `START_MS`; its event id is new unless one is given."""
    name = f"e{next(_NUMBERS)}" if event_id is None else event_id
    return RequestRecord(name, START_MS + offset_ms, account_id, "large")._replace(**fields)


def begun(stage: AccountStage, offset_ms: int = 0) -> int:
    """Let the stream of a stage begin at an offset; return how many requests that took."""
    for _ in range(8):
        stage.observe(at(offset_ms, "starter"))
    return 8


def profile(
    account_id: str,
    window: int = START_WINDOW,
    *,
    requests: int = 10,
    bins: tuple[int, int, int, int, int] = (5, 5, 5, 5, 5),
    organization: str | None = None,
    stratum: str = "payg",
    span: int = SETTLED,
) -> Profile:
    """An account at the end of a window; `bins` are volume, hours, rhythm, output, age."""
    return Profile(
        account_id=account_id,
        account_key=stable_key("account", account_id),
        window=window,
        stratum=stratum,
        organization=organization,
        first_seen_ms=START_MS - DAY_MS,
        span_class=span,
        requests=requests,
        requests_24h=requests,
        total_requests=requests,
        total_output_tokens=0,
        volume_bin=bins[0],
        hours_bin=bins[1],
        rhythm_bin=bins[2],
        output_bin=bins[3],
        age_bin=bins[4],
        surprise=0.0,
        models=("large",),
    )


def link(value: str, kind: str = "payment") -> Link:
    """A link with its right key."""
    return Link(stable_key(kind, value), kind, value)


def row(account_id: str, window: int, values: Iterable[str] = (), templates: Sequence[int] = ()) -> Row:
    """An active account with payments and prompts."""
    return Row(profile(account_id, window), [link(value) for value in values], list(templates))


def candidate(account_id: str, score: float = 0.5, requests: int = 10) -> Candidate:
    """An account of a suspect group."""
    return Candidate(account_id, score, START_MS, requests, 100 * requests, ("large",))


def evidence(log10_p: float = -10.0) -> list[EvidenceItem]:
    """Two families that speak."""
    return [
        EvidenceItem("evenness", "used alike", 0.1, 1.0, log10_p / 2),
        EvidenceItem("rhythm", "round the clock", 2.0, 0.0, log10_p / 2),
    ]


def suspect(accounts: Iterable[str], window: int = 0, value: str = "pf", log10_p: float = -10.0) -> Suspect:
    """A group on one payment instrument."""
    names = [candidate(name) for name in accounts]
    made = link(value)
    return Suspect("cluster", made.kind, value, made.key, window, len(names), names, evidence(log10_p), log10_p)


def suspects(window: int, *found: Suspect, partition: int = 0, tests: int = 1, idle: bool = False) -> SuspectReport:
    """What one link partition says of one window."""
    return SuspectReport(partition, window, [s._replace(window=window) for s in found], tests, 1000, idle=idle)


def alert(alert_id: str = "a-1", severity: str = "critical", status: str = "firing") -> Alert:
    """An alert of which only the policy's part matters."""
    return Alert(
        alert_id=alert_id,
        revision=1,
        status=status,
        kind="cluster",
        severity=severity,
        summary="why",
        cluster_id="c-1",
        started_at=0,
        detected_at=0,
        updated_at=0,
        resolved_at=None,
        score=10.0,
        false_alarm_rate=0.001,
        account_count=3,
        accounts=(),
        request_count=0,
        output_tokens=0,
        models=(),
        evidence=(),
        limits_proposed=0,
        runbook="",
    )
