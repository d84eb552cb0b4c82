"""Records by hand: the smallest things that a stage takes in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from streamer.detection.account_stage import AccountStage
from streamer.detection.evidence import (
    CELL,
    PROMPT,
    USE,
    ActiveAccounts,
    EvidenceItem,
    Lead,
    LeadReport,
    WatchedAccounts,
    WindowReport,
)
from streamer.detection.gathering import Gathering
from streamer.detection.links import Link, stable_key
from streamer.detection.member_table import members_of
from streamer.detection.open_window import BY_HASH
from streamer.detection.profile import PROFILE, ROW, SETTLED, Rows
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
FREE, PAYG, ENTERPRISE, OTHER = 1, 3, 4, 6
HOURS, SLOTS = 24, 144
# Of the ten minutes of a day: those of one account that follow each other, and those at which accounts begin.
STEP, APART = 55, 7
Marks = npt.NDArray[np.bool_]
_NUMBERS = count()


def default_settings() -> DetectionSettings:
    """The defaults with windows of ten minutes and a lateness of five, whatever the defaults become."""
    return DetectionSettings(window=WindowSettings(window_s=WINDOW_S, lateness_s=LATENESS_S))


def at(offset_ms: int, account_id: str = "a", event_id: str | None = None, **fields: Any) -> RequestRecord:
    """A request some time after `START_MS`; its event id is new unless one is given."""
    name = f"e{next(_NUMBERS)}" if event_id is None else event_id
    return RequestRecord(name, START_MS + offset_ms, account_id, "large")._replace(**fields)


def begun(stage: AccountStage, offset_ms: int = 0) -> int:
    """Let the stream of a stage begin at an offset, with some requests of one account; return how many."""
    stage._clock.confirm(START_MS + offset_ms)
    for _ in range(8):
        stage.observe(at(offset_ms, "starter"))
    return 8


def key_of(account_id: str) -> int:
    """The key of an account."""
    return stable_key("account", account_id)


def link(value: str, kind: str = "payment") -> Link:
    """A link with its right key."""
    return Link(stable_key(kind, value), kind, value)


def asked_at(accounts: int, times: int) -> Marks:
    """The ten minutes of a day in which accounts ask: at any minute of the hour, each at its own times."""
    ask = (np.arange(SLOTS) * STEP + np.arange(accounts)[:, np.newaxis] * APART) % SLOTS
    active = np.zeros((accounts, SLOTS), dtype=np.bool_)
    np.put_along_axis(active, ask[:, :times], values=True, axis=1)
    return active


def slots_of(active: Marks) -> Rows:
    """What rows say of the ten minutes in which accounts were active."""
    bits = active.reshape(len(active), HOURS, SLOTS // HOURS) << np.arange(SLOTS // HOURS)
    found: Rows = bits.sum(axis=2).astype(np.uint8)
    return found


def rows_of(names: Sequence[str], *, requests: int = 10, **columns: Any) -> Rows:
    """Accounts at the end of a window, settled and all alike but for the `columns` given."""
    rows = np.zeros(len(names), dtype=ROW)
    rows["key"] = [key_of(name) for name in names]
    rows["first_seen_ms"] = START_MS - DAY_MS
    for name in ("requests", "requests_24h", "total_requests"):
        rows[name] = requests
    rows["stratum"], rows["span"], rows["bins"] = PAYG, SETTLED, 5
    rows["slots"] = slots_of(asked_at(len(names), requests))
    for name, values in columns.items():
        rows[name] = values
    return rows


class Prompt(NamedTuple):
    """A prompt that an account sent in a window, and when it was first refused (-1 if it was not)."""

    account_id: str
    value: int
    first_ms: int = 0
    refused_ms: int = -1
    kind: int = BY_HASH


def active_of(
    names: Sequence[str],
    values: Mapping[str, Iterable[str]] | None = None,
    prompts: Iterable[Prompt] = (),
    rows: Rows | None = None,
) -> ActiveAccounts:
    """Active accounts; `values` are the payment instruments that each uses."""
    place = {name: number for number, name in enumerate(names)}
    pairs = sorted((place[name], value) for name, used in (values or {}).items() for value in used)
    links = sorted({value for _, value in pairs})
    uses = np.array([(owner, links.index(value)) for owner, value in pairs], dtype=USE)
    asked = np.zeros(len(told := sorted(prompts)), dtype=PROMPT)
    for number, one in enumerate(told):
        entry = asked[number]
        entry["value"], entry["owner"], entry["kind"] = one.value, place[one.account_id], one.kind
        entry["first_ms"], entry["refused_ms"] = one.first_ms, one.refused_ms
    table = rows_of(names) if rows is None else rows
    return ActiveAccounts(
        list(names), table.tobytes(), [("large",)], [link(value) for value in links], uses.tobytes(), asked.tobytes()
    )


def gathered(*parts: ActiveAccounts) -> Gathering:
    """Everything that was told of a window."""
    return Gathering(parts)


def cells(counts: Mapping[int, int]) -> bytes:
    """A summary by codes of cells."""
    return np.array(sorted(counts.items()), dtype=CELL).tobytes()


def counts_in(summary: bytes) -> dict[int, int]:
    """What a summary counts, by codes of cells."""
    found = np.frombuffer(summary, dtype=CELL)
    return dict(zip(found["code"].tolist(), found["count"].tolist(), strict=True))


class Told(NamedTuple):
    """What a report tells of one account, in plain Python."""

    row: dict[str, Any]
    models: tuple[str, ...]
    links: tuple[Link, ...]
    prompts: tuple[tuple[int, int, int, int], ...]


def told(active: ActiveAccounts) -> dict[str, Told]:
    """What is told of each account, whatever the order in which it is told."""
    uses, prompts = np.frombuffer(active.uses, dtype=USE), np.frombuffer(active.prompts, dtype=PROMPT)
    found = {}
    for number, (name, row) in enumerate(zip(active.account_ids, active.table(), strict=True)):
        plain = {field: row[field].tolist() for field in ROW.names or () if field != "model"}
        links = sorted(active.links[place] for place in uses["link"][uses["owner"] == number].tolist())
        mine = prompts[prompts["owner"] == number]
        asked = sorted((int(p["value"]), int(p["first_ms"]), int(p["refused_ms"]), int(p["kind"])) for p in mine)
        found[name] = Told(plain, active.models[int(row["model"])], tuple(links), tuple(asked))
    return found


def bin_of(row: Mapping[str, Any], feature: int) -> int:
    """The bin of a feature in a row that was `told`."""
    return int(row["bins"][PROFILE.index(feature)])


def said(reports: Iterable[WindowReport]) -> list[tuple[object, ...]]:
    """What reports say, without how they were cut or ordered: no empty windows."""
    return [(r.window, told(r.active), counts_in(r.summary)) for r in reports if r.active.account_ids]


def watched(names: Sequence[str], window: int, **columns: Any) -> WatchedAccounts:
    """Accounts as the cluster stage hears of them."""
    rows = members_of(rows_of(names, **columns), window, 100.0, 0.0)
    return WatchedAccounts(list(names), rows.tobytes(), [("large",)])


def lead(names: Iterable[str], value: str = "pf", log10_p: float = -10.0, kind: str = "payment") -> Lead:
    """Accounts on one link value."""
    keys = np.array(sorted(map(key_of, names)), dtype=np.uint64)
    return Lead(link(value, kind), keys.tobytes(), log10_p)


def leads(window: int, *found: Lead, partition: int = 0, **fields: Any) -> LeadReport:
    """What one link partition says of one window."""
    return LeadReport(partition, window, list(found), **fields)


def evidence(log10_p: float = -10.0) -> list[EvidenceItem]:
    """Two families that speak."""
    return [
        EvidenceItem("evenness", "used alike", 0.1, 1.0, log10_p / 2),
        EvidenceItem("rhythm", "round the clock", 2.0, 0.0, log10_p / 2),
    ]


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
