"""One campaign as a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streamer.cases.activity import activity_of
from streamer.cases.case import Case
from streamer.cases.wording import counted, moment, per_day, printable
from streamer.web.bonds_picture import bonds_picture
from streamer.web.desk import Desk
from streamer.web.member_list import asked_of, member_page
from streamer.web.rendering import Renderer, segment
from streamer.web.timeline_picture import timeline_picture

SHOWN_SAID = 50
_ENDS = "'streamer limits list' has it as soon as it holds; it ends by itself."
LIMIT_STATES = ("shadow", "enforced", "lifted", "expired")


def render_case(desk: Desk, renderer: Renderer, case: Case, query: Mapping[str, str], **known: Any) -> str:  # noqa: ANN401 - what the template of every page is told
    """The whole page."""
    bonds = desk.bonds(case)
    return renderer.page(
        "case.html",
        case=case,
        path=case_path(case),
        figures=_figures(case),
        done=_done(query),
        exports=sorted(desk.exporters),
        time_picture=timeline_picture(activity_of(case)),
        bond_picture=bonds_picture(bonds),
        bonds=bonds,
        members=member_page(case, asked_of(query), bonds.names),
        limit_states=_limit_states(case),
        liftable=len(case.liftable),
        said=list(reversed(case.feedback))[:SHOWN_SAID],
        **known,
    )


def case_path(case: Case) -> str:
    """The address of a case."""
    return f"/alerts/{segment(case.alert.alert_id)}"


def _figures(case: Case) -> list[tuple[str, str]]:
    alert = case.alert
    found = [
        ("accounts", f"{alert.account_count:,}"),
        ("requests", f"{alert.request_count:,}"),
        ("output tokens", f"{alert.output_tokens:,}"),
        ("began", moment(alert.started_at)),
        ("alert", moment(alert.detected_at)),
        ("last news", moment(alert.updated_at)),
        ("score", f"{alert.score:.3g}"),
        ("false alarms as strong", per_day(alert.false_alarm_rate)),
        ("models", printable(", ".join(alert.models)) or "-"),
    ]
    if alert.resolved_at:
        found.insert(6, ("resolved", moment(alert.resolved_at)))
    return found


def _limit_states(case: Case) -> list[tuple[str, str]]:
    states = [state.state for state in case.limits.values()]
    return [(name, f"{states.count(name):,}") for name in LIMIT_STATES if name in states]


def _done(query: Mapping[str, str]) -> str | None:
    count = query.get("count", "")
    known = count.isascii() and count.isdigit() and len(count) < len("1000000000")
    accounts = counted(int(count), "account") if known else "some accounts"
    return {
        "confirm": "Confirmed. What you said is written down.",
        "dismiss": "Dismissed. What you said is written down. Limits that still hold can be lifted here.",
        "limit": f"A limit on {accounts} is asked for. {_ENDS}",
        "block": f"A block of {accounts} is asked for: where limits are enforced they are shut out. {_ENDS}",
        "lift": f"Lifted: the limits of {accounts} no longer hold.",
    }.get(query.get("done", ""))
