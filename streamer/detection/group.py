"""How improbable is this group of accounts, taken together?

Each account's features come as normal scores against the lagged population. A group is judged by families that do not
follow from one another; what formed the group is no evidence about it. Evenness, hand-offs and how quick they are, are
traces of control (a scheduler behind many accounts); the others follow from common cause as well. The probability of a
group combines all families that were tested; its evidence lists those that speak.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from streamer.detection.evidence import EvidenceItem
from streamer.detection.profile import PROFILE, Feature, Rows
from streamer.detection.settings import GroupSettings

MIN_FAMILIES = 2
CONTROL = ("evenness", "hand_off", "failover")
FORMED_BY = {"signup_cohort": "newness"}
TYPICAL_DEVIATIONS = 3.5
VOLUME_BINS_PER_OCTAVE = 8
FLOOR_LOG10 = -300.0
TINY = 1e-280
# No delay is taken as less likely than this: clocks are not that exact.
QUICKEST = 0.02
Column = npt.NDArray[np.float64]


class Judgement(NamedTuple):
    """What a group test found: the evidence that speaks, and the probability of all families taken together.

    `is_alarming` says that two families speak, at least one of them a clear trace of control.
    """

    evidence: list[EvidenceItem]
    log10_p: float
    is_alarming: bool


class Passing(NamedTuple):
    """Hand-offs within a group: how many were seen, how many chance alone would bring, and how quick they were.

    `quickness` has, of each, the share of the time allowed that passed before it.
    """

    seen: int
    expected: float
    quickness: tuple[float, ...] = ()


def log10_of(p: float) -> float:
    """Give log10 of a probability, bounded below so that it stays a number."""
    return max(FLOOR_LOG10, math.log10(p)) if p > 0 else FLOOR_LOG10


def upper_tail(z: float) -> float:
    """Give log10 P(Z > z) for a standard normal, accurate far into the tail."""
    return max(FLOOR_LOG10, float(special.log_ndtr(-z)) / math.log(10))


def fisher(log10_ps: Sequence[float]) -> float:
    """Combine independent probabilities (Fisher 1932); log10 in, log10 out.

    >>> round(fisher([-2.0, -2.0]), 2)
    -2.99
    """
    statistic = -2.0 * math.log(10) * sum(log10_ps)
    p = float(special.chdtrc(2 * len(log10_ps), statistic))
    if p > 0:
        return log10_of(p)
    half, k = statistic / 2, len(log10_ps)
    return max(FLOOR_LOG10, (-half + (k - 1) * math.log(half) - math.lgamma(k)) / math.log(10))


def evenness_log10(freedom: int, squares: float) -> float:
    """Give log10 P(chi-square <= squares), exact as far as numbers go and by the leading term beyond."""
    p = float(special.gammainc(freedom / 2, squares / 2))
    if p > TINY:
        return math.log10(p)
    half, x = freedom / 2, max(squares / 2, 1e-300)
    return min(0.0, (half * math.log(x) - x - math.lgamma(half + 1)) / math.log(10))


def passing_log10(passing: Passing) -> float:
    """Give log10 P(as many hand-offs or more), Poisson; by the leading term where it is beyond numbers."""
    if not passing.seen:
        return 0.0
    p = float(special.gammainc(passing.seen, passing.expected))
    if p > TINY:
        return math.log10(p)
    n, mean = passing.seen, passing.expected
    return min(0.0, (n * math.log(mean) - mean - math.lgamma(n + 1)) / math.log(10))


class Table:
    """The members of a group (`profile.MEMBER`) with their scores, a column for each of `PROFILE`; NaN where unknown."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.scores = rows["scores"].astype(np.float64)

    def __len__(self) -> int:
        """Count the members."""
        return len(self.rows)

    def column(self, feature: int) -> Column:
        """Give the scores of a feature, without the members of which it is not known."""
        values = self.scores[:, PROFILE.index(feature)]
        known: Column = values[~np.isnan(values)]
        return known


def _mean_test(values: Column, correlation: float) -> tuple[float, float]:
    """Test whether a mean is above the population's, given what common cause explains: (mean, log10 p)."""
    size = len(values)
    mean = float(values.sum()) / size
    return mean, upper_tail(mean * math.sqrt(size / (1 + (size - 1) * correlation)))


def evenness(table: Table, settings: GroupSettings) -> EvidenceItem | None:
    """Test whether the accounts are used more equally than people use theirs.

    Chi-square of the scatter of the logarithms of their rates against `evenness_floor_ratio` of the population's: an
    honest group may be that much more alike than strangers are. The population's is that of the same plans, and of
    accounts that have been seen for as long.
    """
    rows = table.rows
    counts = np.sort(rows["requests_24h"])
    if len(counts) < settings.min_accounts or counts[len(counts) // 2] < settings.min_requests:
        return None
    usual = float(rows["usual"].astype(np.float64).sum()) / len(rows)
    if math.isnan(usual):
        return None
    rates = rows["bins"][:, PROFILE.index(Feature.VOLUME)].astype(np.float64)
    deviations = rates - rates.sum() / len(rates)
    freedom = len(rates) - 1
    squares = float(deviations @ deviations) + freedom / 12  # a bin's own width scatters by a twelfth of its square
    log10_p = evenness_log10(freedom, squares / (usual * settings.evenness_floor_ratio))
    low, high = int(counts[len(counts) // 10]), int(counts[-1 - len(counts) // 10])
    factor, normal = (2 ** (math.sqrt(found) / VOLUME_BINS_PER_OCTAVE) for found in (squares / freedom, usual))
    statement = (
        f"{len(rates)} accounts are used alike: {low} to {high} requests in 24 h (middle 80%); rates scatter by a "
        f"factor of {factor:.2f}, people's by {normal:.2f}"
    )
    return EvidenceItem("evenness", statement, round(factor, 3), round(normal, 3), max(FLOOR_LOG10, log10_p))


def rhythm(table: Table, settings: GroupSettings) -> EvidenceItem | None:
    """Test whether requests come without sessions and without a human day: the stronger of gaps and hours."""
    found = []
    for feature, words in ((Feature.RHYTHM, "gaps are more even than"), (Feature.HOURS, "day is flatter than")):
        values = -table.column(feature)
        if len(values) >= settings.min_accounts:
            mean, log10_p = _mean_test(values, settings.rhythm_correlation)
            found.append((log10_p, mean, words))
    if not found:
        return None
    log10_p, mean, words = min(found)
    share = 100 * float(special.ndtr(mean))
    statement = f"the {words} those of {share:.0f}% of accounts with as many requests, on average over the group"
    return EvidenceItem("rhythm", statement, round(mean, 3), 0.0, min(0.0, log10_p + math.log10(len(found))))


def hand_off(passing: Passing) -> EvidenceItem | None:
    """Test whether refused requests go on at other accounts of the group more often than chance brings (Poisson)."""
    if not passing.seen:
        return None
    log10_p = max(FLOOR_LOG10, passing_log10(passing))
    statement = (
        f"{passing.seen} requests that were refused at one account were sent by another within two minutes; "
        f"{passing.expected:.2g} were to be expected"
    )
    return EvidenceItem("hand_off", statement, float(passing.seen), round(passing.expected, 4), log10_p)


def failover(passing: Passing, hand_off_s: int) -> EvidenceItem | None:
    """Test whether refused requests go on as quickly as a program goes on: by chance any delay is as likely (Fisher)."""
    if not passing.quickness:
        return None
    shares = sorted(passing.quickness)
    middle_s = hand_off_s * shares[len(shares) // 2]
    statement = (
        f"refused requests went on at other accounts after {middle_s:.1f} s (median of {len(shares)}); by chance it "
        f"would be {hand_off_s / 2:.0f} s"
    )
    log10_p = fisher([math.log10(max(QUICKEST, share)) for share in shares])
    return EvidenceItem("failover", statement, round(middle_s, 2), hand_off_s / 2, log10_p)


Test = Callable[[Table, GroupSettings], EvidenceItem | None]


def _cause(feature: int, family: str, sign: int, words: str) -> Test:
    def test(table: Table, settings: GroupSettings) -> EvidenceItem | None:
        values = sign * table.column(feature)
        if len(values) < settings.min_accounts:
            return None
        mean, log10_p = _mean_test(values, settings.cause_correlation)
        share = 100 * float(special.ndtr(mean))
        statement = f"{words} {share:.0f}% of accounts of the same plan, on average over the group"
        return EvidenceItem(family, statement, round(mean, 3), 0.0, log10_p)

    return test


CAUSE: dict[str, Test] = {
    "volume": _cause(Feature.VOLUME, "volume", 1, "more requests than"),
    "output": _cause(Feature.OUTPUT, "output", 1, "longer answers than"),
    "newness": _cause(Feature.AGE, "newness", -1, "newer than"),
    "no_follow_up": _cause(Feature.FOLLOW, "no_follow_up", -1, "fewer follow-up turns than"),
    "many_languages": _cause(Feature.TONGUES, "many_languages", 1, "more languages than"),
}


def control(table: Table, settings: GroupSettings) -> float:
    """Give log10 of the least probable trace that a scheduler may leave in one group, for leads; 0 where there is none."""
    tests = (("evenness", evenness), ("rhythm", rhythm))
    found = [test(table, settings) for family, test in tests if family not in settings.disabled_families]
    return min((item.log10_p for item in found if item is not None), default=0.0)


def is_accountable(table: Table, settings: GroupSettings) -> bool:
    """Whether nearly all of the group belongs to one organization, which answers for it."""
    known = table.rows["organization"][table.rows["organization"] > 0]
    if not len(known):
        return False
    _, counts = np.unique(known, return_counts=True)
    return int(counts.max()) >= settings.organization_ratio * len(table)


def _as_it_is(_: str) -> float:
    return 1.0


def judge(
    table: Table,
    passing: Passing,
    link_kinds: Collection[str],
    settings: GroupSettings,
    weight: Callable[[str], float] = _as_it_is,
) -> Judgement | None:
    """Test a group by all families; None where it is too small, or one organization answers for it.

    `weight` says how much a family counts in the probability of all together.
    """
    if len(table) < settings.min_accounts or is_accountable(table, settings):
        return None
    formed = {FORMED_BY.get(kind) for kind in link_kinds} if len(link_kinds) == 1 else set()
    of_control = [evenness(table, settings), hand_off(passing), failover(passing, settings.hand_off_s)]
    of_cause = [test(table, settings) for family, test in {"rhythm": rhythm, **CAUSE}.items() if family not in formed]
    tested = [i for i in (*of_control, *of_cause) if i is not None and i.family not in settings.disabled_families]
    if not tested:
        return None
    speaking = sorted((i for i in tested if i.log10_p <= settings.family_log10_p), key=lambda i: i.log10_p)
    controlled = any(i.family in CONTROL and i.log10_p <= settings.control_log10_p for i in speaking)
    log10_p = fisher([weight(item.family) * item.log10_p for item in tested])
    return Judgement(speaking, log10_p, controlled and len(speaking) >= MIN_FAMILIES)


def typicality(table: Table, of: Table | None = None) -> Column:
    """Give how typical each account is of a group (`of`, or the table itself): 1 in its middle, 0 or less beyond its edge.

    The edge is at `TYPICAL_DEVIATIONS` robust deviations from the group's median in everything that is known of both
    (Hampel 1974), a deviation being at least a quarter of the population's. Nobody is typical whose volume is unknown.
    """
    far = np.zeros(len(table))
    for values, standard in zip(table.scores.T, (of or table).scores.T, strict=True):
        known = np.sort(standard[~np.isnan(standard)])
        if len(known) and 2 * len(known) >= len(standard):
            median = known[len(known) // 2]
            deviation = 1.4826 * float(np.sort(np.abs(known - median))[len(known) // 2])
            width = TYPICAL_DEVIATIONS * max(deviation, 0.25)
            far = np.fmax(far, np.abs(values - median) / width)
    far[np.isnan(table.scores[:, PROFILE.index(Feature.VOLUME)])] = 1.0
    fit: Column = 1.0 - far
    return fit
