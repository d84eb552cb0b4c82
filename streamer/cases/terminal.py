"""An explanation on a terminal: the sentence, the evidence, a picture of the time and one of the links."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from streamer.cases.activity import Activity
from streamer.cases.bonds import NONE, REST, BondKind, Bonds
from streamer.cases.case import Case, LimitState
from streamer.cases.explanation import Explained, Explanation, surest
from streamer.cases.records import MemberRecord, hour_text, kind_and_value
from streamer.cases.templates import renamed
from streamer.cases.wording import counted, improbability, kind_name, moment, number, per_day, printable, value_name

COLOURS = {"critical": "red", "warning": "yellow", "info": "blue"}
_EIGHTHS = " ▁▂▃▄▅▆▇█"
_HEIGHT = 5
_BAR = 20
_OVERLAPS = 3


def render(explanation: Explanation) -> RenderableType:
    """The whole answer."""
    parts: list[RenderableType] = []
    for explained in explanation.cases:
        parts += [*_account(explained, explanation.limit), *_case(explained), Text()]
    if not explanation.cases and explanation.limit is not None:
        parts.append(Text(f"{printable(explanation.asked)} is named by no alert that is known, but limited."))
        parts.append(_limit(explanation.limit))
    return Group(*parts[:-1] if explanation.cases else parts)


def _account(explained: Explained, limit: LimitState | None) -> Iterator[RenderableType]:
    member = explained.member
    if member is None:
        return
    case = explained.case
    state = "is one of" if member.status == "member" else "was, and no longer is, one of"
    yield Text(
        f"{printable(member.account_id)} {state} the {len(case.live_members):,} accounts of this group: "
        f"since {moment(member.since)}, score {member.score:.2f}.",
        style="bold",
    )
    ties = _ties(explained.bonds, member)
    if ties.row_count:
        yield Text("What ties it to the others:")
        yield Padding(ties, (0, 0, 0, 2))
    if limit is not None:
        yield _limit(limit)
    yield Text()


def _ties(bonds: Bonds, member: MemberRecord) -> Table:
    sizes = {(bond.kind, bond.value): bond.account_count for kind in bonds.kinds for bond in kind.largest}
    table = Table.grid(padding=(0, 2))
    for kind, value in map(kind_and_value, renamed(member.links, bonds.names)):
        count = sizes.get((kind, value))
        shared = f"with {count - 1:,} others" if count else ""
        table.add_row(Text(kind_name(kind)), Text(value_name(kind, value)), Text(shared, style="dim"))
    return table


def _limit(state: LimitState) -> Text:
    limit = state.limit
    rate = "" if limit.requests_per_minute is None else f" to {number(limit.requests_per_minute)} requests a minute"
    return Text(f"Limit: {limit.action}{rate}, {state.state}; until {moment(limit.expires_at)}.")


def _case(explained: Explained) -> Iterator[RenderableType]:
    case, alert = explained.case, explained.case.alert
    colour = COLOURS.get(alert.severity, "white")
    verdict = f", {case.verdict} by a person" if case.verdict else ""
    yield Text.assemble(
        ("■ ", colour),
        (f"{alert.severity.upper()} ", f"bold {colour}"),
        f"{alert.status}{verdict} · {printable(alert.alert_id)}, revision {alert.revision}"
        + (f" · {printable(alert.cluster_id)}" if alert.cluster_id else ""),
    )
    yield Text(printable(alert.summary), style="bold")
    yield _figures(case)
    yield Text("\nEvidence", style="bold")
    yield _evidence(case)
    if explained.activity.steps:
        yield Text("\nRequests over time", style="bold")
        yield from _activity(explained.activity)
    yield Text("\nHow the accounts hang together", style="bold")
    yield _links(explained.bonds)
    yield Text("\nSurest accounts, as they were when named", style="bold")
    yield _members(case)
    if case.feedback:
        yield Text("\nWhat people said", style="bold")
        yield _said(case)


def _figures(case: Case) -> Table:
    alert = case.alert
    held = len(case.holding)
    table = Table.grid(padding=(0, 2))
    for name, value in (
        ("began", moment(alert.started_at)),
        ("alert", f"{moment(alert.detected_at)}, last news {moment(alert.updated_at)}"),
        ("size", f"{alert.account_count:,} accounts, {alert.request_count:,} requests, {alert.output_tokens:,} tokens"),
        ("false alarm", f"{per_day(alert.false_alarm_rate)}, as claimed"),
        ("limits", f"{held:,} hold of {len(case.limits):,}"),
    ):
        table.add_row(Text(name, style="dim"), Text(value))
    return table


def _evidence(case: Case) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("family", "observed", "expected", "chance"):
        table.add_column(name, justify="left" if name == "family" else "right", no_wrap=True)
    table.add_column("what was found")
    for reason in case.alert.evidence:
        table.add_row(
            Text(printable(reason.family)),
            number(reason.observed),
            number(reason.expected),
            improbability(reason.log10_p),
            Text(printable(reason.statement)),
        )
    return table


def _activity(activity: Activity) -> Iterator[RenderableType]:
    steps = activity.steps
    most = max(1, *(step.request_count for step in steps))
    width = len(f"{most:,}")
    for row in range(_HEIGHT, 0, -1):
        columns = "".join(_column(step.request_count * _HEIGHT * 8 / most - (row - 1) * 8) for step in steps)
        label = f"{most:,}" if row == _HEIGHT else "0" if row == 1 else ""
        yield Text(f"{label:>{width}} {columns}", no_wrap=True, overflow="crop")
    busiest = max(1, *(step.account_count for step in steps))
    accounts = "".join(_EIGHTHS[round(step.account_count * 8 / busiest)] for step in steps)
    yield Text(f"{'':>{width}} {accounts}", style="cyan", no_wrap=True, overflow="crop")
    length = "an hour" if activity.step_hours == 1 else f"{activity.step_hours} hours"
    told = "growth between revisions, spread evenly; " if activity.from_revisions else ""
    yield Text(
        f"{hour_text(steps[0].hour)} to {hour_text(steps[-1].hour)}, a column is {length}; {told}"
        f"below: accounts, up to {busiest:,}",
        style="dim",
    )


def _column(eighths: float) -> str:
    filled = max(0, min(8, round(eighths)))
    return _EIGHTHS[filled]


def _links(bonds: Bonds) -> RenderableType:
    if not bonds.kinds:
        return Text("The records do not say what binds them.", style="dim")
    tree = Tree(Text(f"{bonds.accounts:,} accounts"), guide_style="dim")
    for place, kind in enumerate(bonds.kinds):
        after = bonds.kinds[place + 1] if place + 1 < len(bonds.kinds) else None
        _branch(tree, bonds, kind, after)
    return tree


def _branch(tree: Tree, bonds: Bonds, kind: BondKind, after: BondKind | None) -> None:
    branch = tree.add(Text(kind_name(kind.kind), style="bold"))
    for place, bond in enumerate(kind.largest):
        filled = max(1, round(_BAR * bond.account_count / max(bonds.accounts, 1)))
        label = Text.assemble(
            (f"{'█' * min(filled, _BAR):<{_BAR}} ", "cyan"),
            f"{bond.account_count:>7,}  {value_name(bond.kind, bond.value)}",
        )
        label.truncate(100, overflow="ellipsis")
        leaf = branch.add(label)
        met = [each for each in bonds.overlaps if each.one == (kind.kind, place) and each.other[1] not in (REST, NONE)]
        for overlap in met[:_OVERLAPS] if after is not None else ():
            other = after.largest[overlap.other[1]] if after is not None else bond
            leaf.add(
                Text(
                    f"{overlap.account_count:,} of them also on {kind_name(other.kind)} {value_name(*other[:2])}",
                    style="dim",
                )
            )
    if kind.rest_values:
        branch.add(
            Text(
                f"… {counted(kind.rest_values, 'smaller value')} on {counted(kind.rest_accounts, 'account')}, "
                f"{kind.rest_largest:,} at most each",
                style="dim",
            )
        )
    if kind.without:
        branch.add(Text(f"… {counted(kind.without, 'account')} without one", style="dim"))


def _members(case: Case) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("account", "score", "since", "requests", "limit"):
        table.add_column(name, justify="right" if name in ("score", "requests") else "left")
    for member in surest(case):
        limit = case.limits.get(member.account_id)
        table.add_row(
            Text(printable(member.account_id)),
            f"{member.score:.2f}",
            moment(member.since),
            f"{member.request_count:,}" if member.request_count else "-",
            Text(f"{limit.limit.action}, {limit.state}") if limit else "-",
        )
    return table


def _said(case: Case) -> Table:
    table = Table.grid(padding=(0, 2))
    for said in case.feedback:
        about = f"{said.action} {said.account_id}" if said.account_id else said.action
        table.add_row(moment(said.created_at), Text(printable(f"{about}, {said.author}: {said.reason}")))
    return table
