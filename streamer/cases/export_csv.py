"""A case as one CSV table: a line for each indicator and each member."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from streamer.cases.bonds import names_of
from streamer.cases.case import Case
from streamer.cases.indicators import indicators_of
from streamer.cases.templates import renamed

COLUMNS = (
    "record",
    "kind",
    "value",
    "account_count",
    "status",
    "score",
    "since",
    "first_seen_at",
    "request_count",
    "output_tokens",
    "evidence",
    "links",
    "limit",
    "limit_expires_at",
    "alert_id",
    "cluster_id",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_csv(case: Case, *, pseudonymized: bool) -> str:
    """The whole table, with its head."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for row in _rows(case, pseudonymized=pseudonymized):
        writer.writerow({name: _cell(value) for name, value in row.items()})
    return text.getvalue()


def _rows(case: Case, *, pseudonymized: bool) -> Iterator[dict[str, object]]:
    about = {"alert_id": case.alert.alert_id, "cluster_id": case.alert.cluster_id or ""}
    for found in indicators_of(case, pseudonymized=pseudonymized):
        yield {
            "record": "indicator",
            "kind": found.kind,
            "value": found.value,
            "account_count": found.account_count,
            **about,
        }
    names = names_of(case)
    for member in sorted(case.members, key=lambda member: (-member.score, member.account_id)):
        limit = case.limits.get(member.account_id)
        yield {
            "record": "member",
            "kind": "account",
            "value": member.account_id,
            "status": member.status,
            "score": member.score,
            "since": member.since,
            "first_seen_at": member.first_seen_at or "",
            "request_count": member.request_count,
            "output_tokens": member.output_tokens,
            "evidence": " ".join(member.evidence),
            "links": " ".join(renamed(member.links, names)),
            "limit": f"{limit.limit.action} {limit.state}" if limit else "",
            "limit_expires_at": limit.limit.expires_at if limit else "",
            **about,
        }


def _cell(value: object) -> object:
    # A spreadsheet would take these for formulas, and the text is somebody else's.
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
