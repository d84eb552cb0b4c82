"""How improbable is this group of accounts, taken together.

Each account's features come as normal scores against the lagged population. A group is judged by families that do not
follow from one another; what formed the group is no evidence about it. The probability of a group combines all families
that were tested; its evidence lists those that speak.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

import numpy as np

from streamer.detection.evidence import EvidenceItem
from streamer.detection.families import CAUSE, Column, Passing, Table, evenness, failover, hand_off, rhythm
from streamer.detection.links import OWNED, PROMPTS
from streamer.detection.owners import OFTEN, is_accountable, is_known_for_a_day, is_office, keep_hours
from streamer.detection.probability import fisher
from streamer.detection.profile import PROFILE, Feature
from streamer.detection.settings import GroupSettings

MIN_FAMILIES = 2
PASSING = frozenset(("hand_off", "failover"))
ONCE = 1
# People change over to a second account soon, if not as a program does: how many hand-offs there are and how quick they
# are count beside each other only where both are as improbable.
BOTH_LOG10_P = -2.0
# What forms a group in which nobody shares anything: behaviour.
CELL = "cell"
NOTHING: frozenset[str] = frozenset()
CONFIRMING = frozenset(("joint_pivot", "template_coincidence", "synchrony", "displaced_volume", "capabilities"))
# Many new accounts that work hard for a day or two have also been seen for as long, and ask about as much; each account
# on a timer of its own asks as often as the others, at all hours.
FOLLOWS_FROM = {"evenness": frozenset(("newness", "volume", "rhythm"))}
# What a program asks, and when, is so wherever it runs: strangers who run one that was published are as even. Where
# it goes through one list, what was refused to one is soon asked by another.
FOLLOWS_FROM_PROGRAM = frozenset(
    ("volume", "rhythm", "no_follow_up", "synchrony", "capabilities", "template_coincidence", "failover")
)
# Who came on one day was silent before, and is active together from then on.
FOLLOWS_FROM_COMING = frozenset(("synchrony",))
FORMED_BY = {
    "signup_cohort": frozenset(("newness",)),
    CELL: frozenset(("newness", "output", "no_follow_up", "capabilities", "many_languages")),
}
TYPICAL_DEVIATIONS = 3.5
# What one asks for, and in how many languages, changes from day to day also where one hand deals it out: it would tell
# its accounts apart.
_TYPICAL = tuple(place for place, feature in enumerate(PROFILE) if feature not in (Feature.FOCUS, Feature.TONGUES))


class Judgement(NamedTuple):
    """What a group test found: the evidence that speaks, and the probability of all families taken together.

    `is_alarming` says that two families speak that do not follow from one another, one of them a clear trace of
    control; `is_excused` that they would, but that one follows from the other, or that the accounts live as people do.
    """

    evidence: list[EvidenceItem]
    log10_p: float
    is_alarming: bool
    is_excused: bool = False


def control(table: Table, settings: GroupSettings) -> float:
    """Give log10 of the least probable trace that a scheduler may leave in a group, for leads; 0 if there is none."""
    tests = (("evenness", evenness), ("rhythm", rhythm))
    found = [test(table, settings) for family, test in tests if family not in settings.disabled_families]
    return min((item.log10_p for item in found if item is not None), default=0.0)


def _is_control(
    item: EvidenceItem,
    passing: Passing,
    link_kinds: Collection[str],
    settings: GroupSettings,
    clear: Sequence[EvidenceItem],
) -> bool:
    """Whether an item is a clear trace of control.

    One hand-off may be chance, whatever its probability says; and more of them among those who ask the same anyway.
    Beside hand-offs that chance hardly brings, evenness needs not be as clear as it must be alone.
    """
    if item.family in PASSING:
        enough = settings.min_hand_offs if PROMPTS.issuperset(link_kinds) else ONCE + 1
        return passing.seen >= enough and item.log10_p <= settings.hand_off_log10_p
    passed_on = any(other.family == "hand_off" and other.log10_p <= settings.hand_off_log10_p for other in clear)
    needed = settings.hand_off_log10_p if passed_on else settings.control_log10_p
    return item.family == "evenness" and item.log10_p <= needed


def _speaks_too(other: EvidenceItem, item: EvidenceItem, *, came: bool, asks: bool) -> bool:
    """Whether an item says more than follows from a trace of control; itself does.

    In a group that only just `came` more follows, and in one of which all that is known is what it `asks`. Who is
    refused at one account is soon at another, if it is a person's; only a program is much quicker than that.
    """
    if {other.family, item.family} == PASSING:
        return other.log10_p <= BOTH_LOG10_P
    follow = FOLLOWS_FROM.get(item.family, NOTHING)
    if follow and came:
        follow |= FOLLOWS_FROM_COMING
    if follow and asks:
        follow |= FOLLOWS_FROM_PROGRAM
    return other.family not in follow


def _as_it_is(_: str) -> float:
    return 1.0


def enough(passing: Passing, settings: GroupSettings) -> int:
    """Give how many accounts a group must have: fewer where several hand-offs within it were seen."""
    return settings.min_passers if passing.seen >= settings.min_hand_offs else settings.min_accounts


def judge(
    table: Table,
    passing: Passing,
    link_kinds: Collection[str],
    settings: GroupSettings,
    weight: Callable[[str], float] = _as_it_is,
    others: Sequence[EvidenceItem] = (),
) -> Judgement | None:
    """Test a group by all families; None where it is too small, or an owner answers for it.

    An office never alarms, nor do those who keep hours and pass nothing on, however evenly they work.

    `weight` says how much a family counts in the probability of all together; `others` are findings of families that
    need to know more than the accounts.
    """
    if len(table) < enough(passing, settings) or is_accountable(table, settings):
        return None
    formed = FORMED_BY.get(next(iter(link_kinds)), NOTHING) if len(link_kinds) == 1 else NOTHING
    of_control = [evenness(table, settings), hand_off(passing), failover(passing, settings.hand_off_s)]
    of_cause = [test(table, settings) for family, test in {"rhythm": rhythm, **CAUSE}.items() if family not in formed]
    found = (*of_control, *of_cause, *others)
    tested = [item for item in found if item is not None and item.family not in settings.disabled_families]
    if not tested:
        return None
    speaking = sorted((i for i in tested if i.log10_p <= settings.record_log10_p), key=lambda i: i.log10_p)
    clear = [item for item in speaking if item.log10_p <= settings.family_log10_p]
    came, asks = not is_known_for_a_day(table), PROMPTS.issuperset(link_kinds)
    controls = [item for item in clear if _is_control(item, passing, link_kinds, settings, clear)]
    speaks = any(
        sum(_speaks_too(other, item, came=came, asks=asks) for other in clear) >= MIN_FAMILIES for item in controls
    )
    passes_on = not PASSING.isdisjoint(item.family for item in clear)
    alarming = speaks and not (is_office(table, settings) or (not passes_on and _lives(table, link_kinds)))
    even = len(clear) >= MIN_FAMILIES and any(item.family == "evenness" for item in controls)
    excused = (speaks or even) and not alarming
    return Judgement(speaking, _combined(tested, weight), alarming, excused)


def _lives(table: Table, link_kinds: Collection[str]) -> bool:
    """Whether the accounts of a group keep hours, as people do; clearly so where a card or a device ties them."""
    return keep_hours(table, least_times=0 if OWNED.isdisjoint(link_kinds) else OFTEN)


def _combined(tested: Sequence[EvidenceItem], weight: Callable[[str], float]) -> float:
    """Give the probability of all families, or of those that do not only confirm: silence weakens nothing."""
    every = [(item.family, weight(item.family) * item.log10_p) for item in tested]
    without = [log10_p for family, log10_p in every if family not in CONFIRMING]
    of_all = fisher([log10_p for _, log10_p in every])
    return min(of_all, fisher(without)) if without else of_all


def typicality(table: Table, of: Table | None = None) -> Column:
    """Give how typical each account is of a group (`of`, or the table itself).

    It is 1 in the group's middle, and 0 or less beyond its edge. The edge is at `TYPICAL_DEVIATIONS` robust deviations
    from the group's median in everything that is known of both (Hampel 1974), a deviation being at least a quarter of
    the population's. Nobody is typical of whom nothing is known.
    """
    far = np.zeros(len(table))
    for feature in _TYPICAL:
        values, standard = table.scores[:, feature], (of or table).scores[:, feature]
        known = np.sort(standard[~np.isnan(standard)])
        if len(known) and 2 * len(known) >= len(standard):
            median = known[len(known) // 2]
            deviation = 1.4826 * float(np.sort(np.abs(known - median))[len(known) // 2])
            width = TYPICAL_DEVIATIONS * max(deviation, 0.25)
            far = np.fmax(far, np.abs(values - median) / width)
    far[np.isnan(table.scores).all(axis=1)] = 1.0
    fit: Column = 1.0 - far
    return fit
