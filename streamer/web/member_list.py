"""The members of a case, a page of them at a time: filtered, sorted, with links to the other pages."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from streamer.cases.case import Case, LimitState
from streamer.cases.records import MemberRecord, kind_and_value
from streamer.cases.templates import renamed
from streamer.cases.wording import kind_name, value_name

PAGE = 50
SHOWN_TIES = 2
SHOWS: Final = ("all", "members", "left", "limited")
_KEYS: Final[Mapping[str, Callable[[MemberRecord], Any]]] = {
    "account": lambda member: member.account_id,
    "score": lambda member: member.score,
    "since": lambda member: member.since,
    "first_seen": lambda member: member.first_seen_at or "",
    "requests": lambda member: member.request_count,
    "tokens": lambda member: member.output_tokens,
}
_DOWN_FIRST: Final = frozenset({"score", "requests", "tokens"})


@dataclass(frozen=True, slots=True)
class Asked:
    """What a visitor wants to see of the members."""

    text: str = ""
    show: str = "all"
    sort: str = "score"
    down: bool = True
    page: int = 1

    def query(self, **changes: object) -> str:
        """The address of this, or of this with changes."""
        found = {"q": self.text, "show": self.show, "sort": self.sort, "down": int(self.down), "page": self.page}
        return urlencode({**found, **changes})

    def sorted_by(self, column: str) -> str:
        """The address that sorts by a column; the other way round where it does already."""
        down = not self.down if column == self.sort else column in _DOWN_FIRST
        return self.query(sort=column, down=int(down), page=1)


@dataclass(frozen=True, slots=True)
class Row:
    """One member, with its limit, what a person `asked` to be done to it, and its first few ties in words."""

    member: MemberRecord
    limit: LimitState | None
    asked: str | None
    ties: tuple[tuple[str, str], ...]
    more_ties: int


@dataclass(frozen=True, slots=True)
class MemberPage:
    """One page of members."""

    asked: Asked
    rows: tuple[Row, ...]
    found: int
    pages: int


def asked_of(query: Mapping[str, str]) -> Asked:
    """Read the address; what makes no sense there is as if it were not there."""
    show, sort, page = query.get("show", "all"), query.get("sort", "score"), query.get("page", "1")
    return Asked(
        text=query.get("q", "").strip()[:200],
        show=show if show in SHOWS else "all",
        sort=sort if sort in _KEYS else "score",
        down=query.get("down", "1") != "0",
        page=int(page) if page.isascii() and page.isdigit() and len(page) < len("10000000") else 1,
    )


def member_page(case: Case, asked: Asked, names: Mapping[str, str]) -> MemberPage:
    """Filter, sort and cut; `names` has the links that are told under another name."""
    limited, wanted = case.liftable, case.asked
    found = [member for member in case.members if _is_shown(member, asked, names, limited)]
    found.sort(key=lambda member: member.account_id)
    found.sort(key=_KEYS[asked.sort], reverse=asked.down)
    pages = max(1, -(-len(found) // PAGE))
    page = min(max(asked.page, 1), pages)
    rows = tuple(
        _row(case, member, names, wanted.get(member.account_id)) for member in found[(page - 1) * PAGE : page * PAGE]
    )
    return MemberPage(Asked(asked.text, asked.show, asked.sort, asked.down, page), rows, len(found), pages)


def _is_shown(member: MemberRecord, asked: Asked, names: Mapping[str, str], limited: Collection[str]) -> bool:
    if asked.show == "limited":
        if member.account_id not in limited:
            return False
    elif asked.show != "all" and (member.status == "member") != (asked.show == "members"):
        return False
    if not asked.text or asked.text in member.account_id:
        return True
    return any(asked.text in link or asked.text in names.get(link, "") for link in member.links)


def _row(case: Case, member: MemberRecord, names: Mapping[str, str], wanted: str | None) -> Row:
    links = renamed(member.links, names)
    ties = tuple((kind_name(kind), value_name(kind, value)) for kind, value in map(kind_and_value, links[:SHOWN_TIES]))
    return Row(member, case.limits.get(member.account_id), wanted, ties, max(0, len(links) - SHOWN_TIES))
