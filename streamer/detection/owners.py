"""Who answers for a group: an organization, a card and where it is used from; and who works by day, as people do."""

from __future__ import annotations

import numpy as np

from streamer.detection.clocks import Marks, marks
from streamer.detection.families import Table
from streamer.detection.profile import SETTLED, Rows
from streamer.detection.settings import HOUR_S, GroupSettings

PLACE_ADDRESS, PLACE_PAYMENT = 1, 2
SEVERAL = 3
FEW_OWNERS = 2
# People who work side by side rest for as long between two days of work; others, each at a day of its own, for as long.
REST_S, OWN_REST_S = 12 * HOUR_S, 10 * HOUR_S
DAY_S = 24 * HOUR_S
# Who is active in as few ten minutes of a day rests for as long by chance.
OFTEN = 12


def is_accountable(table: Table, settings: GroupSettings) -> bool:
    """Whether one organization, or one card where several of its accounts are, has nearly all of a group, or two do.

    A card's accounts count at addresses that each have several of them: at one, or at the servers of a firm. Two firms
    that use one tool look like one hand; more than `FEW_OWNERS` would be a way to hide behind.
    """
    rows = table.rows
    enough = settings.organization_ratio * len(rows)
    organizations = rows["organization"][rows["organization"] > 0]
    places = _at_one(rows["place"])
    _, at, counts = np.unique(places, axis=0, return_inverse=True, return_counts=True)
    cards = places[counts[at.ravel()] >= SEVERAL, 1]
    return any(
        int(np.sort(np.unique(owners, axis=0, return_counts=True)[1])[-FEW_OWNERS:].sum()) >= enough
        for owners in (organizations, places, cards)
    )


def _at_one(places: Rows) -> Rows:
    known: Rows = places[:, [PLACE_ADDRESS, PLACE_PAYMENT]]
    return known[(known > 0).all(axis=1)]


def strangers(table: Table) -> Table:
    """Leave out the accounts of whoever has several in the group: one organization, or one card at one address.

    That they are used alike is that owner's affair. A group that is all one owner's is left as it is, to be told so.
    """
    places = table.rows["place"][:, [PLACE_ADDRESS, PLACE_PAYMENT]]
    known = ((table.rows["organization"] > 0, table.rows["organization"]), ((places > 0).all(axis=1), places))
    alone = np.ones(len(table), dtype=np.bool_)
    for named, owners in known:
        if named.any():
            _, place, counts = np.unique(owners[named], axis=0, return_inverse=True, return_counts=True)
            alone[named] &= counts[place] < SEVERAL
    return Table(table.rows[alone]) if alone.any() and not alone.all() else table


def is_office(table: Table, settings: GroupSettings) -> bool:
    """Whether nearly all of a group come from one address, as far as is known, and rest for `REST_S` a day.

    People who share out one queue of work ask as evenly as accounts to which a scheduler deals it out. A scheduler has
    no reason to rest, nor to show that all is its own.
    """
    addresses = table.rows["place"][:, PLACE_ADDRESS]
    known = addresses[addresses > 0]
    if 2 * len(known) < len(table):
        return False
    if np.unique(known, return_counts=True)[1].max() < settings.organization_ratio * len(known):
        return False
    # Of those who have only just come it is not known yet whether they rest.
    settled = int((table.rows["span"] == SETTLED).sum())
    return 2 * settled >= len(table) and _rest_s(table) >= REST_S


def keep_hours(table: Table, least_times: int = 0) -> bool:
    """Whether most of a group have been there for a day, and rest for `OWN_REST_S` of it.

    Strangers who use one product may do so as evenly as a scheduler: a lesson a day, a cap, work paid by the piece; and
    so may people to whom tickets are given out. `least_times` is in how many ten minutes of the day most must have been
    active: what rests only because it does little shows nothing.
    """
    active = marks(table.rows["slots"])
    times = np.sort(active.sum(axis=1))
    often = int(times[len(times) // 2]) >= least_times
    return often and is_known_for_a_day(table) and float(np.median(longest_rests_s(active))) >= OWN_REST_S


def is_known_for_a_day(table: Table) -> bool:
    """Whether half of a group were first seen a day before they were last seen, or earlier."""
    rows = table.rows
    return 2 * int((rows["before_ms"] - rows["first_seen_ms"] >= DAY_S * 1000).sum()) >= len(rows)


def _rest_s(table: Table) -> float:
    return float(np.median(longest_rests_s(marks(table.rows["slots"]))))


def longest_rests_s(active: Marks) -> Rows:
    """Give for how long at a stretch accounts were not active in the last day; what lies across midnight is whole.

    >>> import numpy as np
    >>> active = np.zeros((2, 144), dtype=bool)
    >>> active[:, 60] = active[0, 66] = True
    >>> (longest_rests_s(active) / 3600).tolist()
    [22.833333333333332, 23.833333333333332]
    """
    count = active.shape[1]
    twice = np.concatenate((active, active), axis=1)
    # How many quiet slots stand before each: the place less that of the newest active slot before it.
    places = np.arange(2 * count)
    newest = np.maximum.accumulate(np.where(twice, places, -1), axis=1)
    quiet: Rows = np.minimum(places - newest, count).max(axis=1)
    found: Rows = quiet * (DAY_S / count)
    return found
