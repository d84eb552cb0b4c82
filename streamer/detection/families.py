"""The families of evidence about a group, each a test of its own.

Evenness, hand-offs and how quick they are, are traces of control: a scheduler behind many accounts. The others follow
from common cause as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from streamer.detection.clocks import Clocks, clocks_of, marks
from streamer.detection.evidence import EvidenceItem
from streamer.detection.probability import FLOOR_LOG10, chi_square_log10, fisher, poisson_log10, upper_tail
from streamer.detection.profile import PROFILE, SETTLED, Feature, Rows
from streamer.detection.settings import GroupSettings

VOLUME_BINS_PER_OCTAVE = 8
# No delay is taken as less likely than this: clocks are not that exact.
QUICKEST = 0.02
ONE_GO_MS, MIN_KNOWN = 3_600_000, 3
# What is less improbable says nothing either way, and needs no second look.
SPEAKS_LOG10_P = -0.3
Column = npt.NDArray[np.float64]


class Passing(NamedTuple):
    """Hand-offs within a group: between how many pairs, how many chance alone would bring, and how quick they were.

    `quickness` has, of each, the share of the time allowed that passed before it.
    """

    seen: int
    expected: float
    quickness: tuple[float, ...] = ()

    @property
    def log10_p(self) -> float:
        """How improbable as many hand-offs are."""
        return poisson_log10(self.seen, self.expected)


class Table:
    """The members of a group (`profile.MEMBER`) and their scores, a column for each of `PROFILE`; NaN where unknown."""

    def __init__(self, rows: Rows, clocks: Callable[[], Clocks] | None = None) -> None:
        self.rows = rows
        self.scores = rows["scores"].astype(np.float64)
        self._look = clocks
        self._clocks: Clocks | None = None

    def __len__(self) -> int:
        """Count the members."""
        return len(self.rows)

    def column(self, feature: int) -> Column:
        """Give the scores of a feature, without the members of which it is not known."""
        values = self.scores[:, PROFILE.index(feature)]
        known: Column = values[~np.isnan(values)]
        return known

    def clocks(self) -> Clocks:
        """Give how far members keep to the clock."""
        if self._clocks is None:
            self._clocks = clocks_of(marks(self.rows["slots"])) if self._look is None else self._look()
        return self._clocks


def _mean_test(values: Column, correlation: float) -> tuple[float, float]:
    """Test whether a mean is above the population's, given what common cause explains: (mean, log10 p)."""
    size = len(values)
    mean = float(values.sum()) / size
    return mean, upper_tail(mean * math.sqrt(size / (1 + (size - 1) * correlation)))


def evenness(table: Table, settings: GroupSettings) -> EvidenceItem | None:
    """Test whether the accounts are used more equally than people use theirs, and than timers make them.

    Chi-square of the scatter of the logarithms of their rates against `evenness_floor_ratio` of the population's: an
    honest group may be that much more alike than strangers are. The population's is that of the same plans, and of
    accounts that have been seen for as long. Those that keep to the clock are left out, and as many requests as it
    takes must come in as many different ten minutes: what is asked at one go is one choice.
    """
    found = _evenness(table.rows, settings)
    if found is None or found.log10_p > SPEAKS_LOG10_P:
        return found
    clocks = table.clocks()
    free = clocks.timeless()
    # Of accounts that came within the hour, all that is known is one go; of others it is not, if there are some.
    rows = table.rows
    since_ms = max(int(rows["first_seen_ms"].max()), int(rows["before_ms"].max())) - ONE_GO_MS
    known = ((rows["span"] == SETTLED) | (rows["first_seen_ms"] <= since_ms))[free]
    occasions = np.where(known, clocks.times[free], rows["requests_24h"][free])
    told = np.sort(occasions[known] if int(known.sum()) >= MIN_KNOWN else occasions)
    if len(occasions) < settings.min_accounts or told[len(told) // 2] < settings.min_requests:
        return None
    return found if free.all() else _evenness(table.rows[free], settings)


def _evenness(rows: Rows, settings: GroupSettings) -> EvidenceItem | None:
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
    log10_p = chi_square_log10(freedom, squares / (usual * settings.evenness_floor_ratio))
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
    log10_p = max(FLOOR_LOG10, passing.log10_p)
    statement = (
        f"requests that were refused at one account were sent by another within two minutes, between {passing.seen} "
        f"pair{'s' if passing.seen > 1 else ''} of accounts; {passing.expected:.2g} were to be expected"
    )
    return EvidenceItem("hand_off", statement, float(passing.seen), round(passing.expected, 4), log10_p)


def failover(passing: Passing, hand_off_s: int) -> EvidenceItem | None:
    """Test whether refused requests go on as quickly as a program goes on; by chance any delay is as likely."""
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


_MIXES = ((1, "capabilities are mixed less than those of"), (-1, "capabilities are mixed more than those of"))
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


def capabilities(table: Table, settings: GroupSettings) -> EvidenceItem | None:
    """Test whether the mix of capabilities is unusual: the stronger of narrow (one task) and broad (a work list)."""
    values = table.column(Feature.FOCUS)
    if len(values) < settings.min_accounts:
        return None
    sides = [(*_mean_test(sign * values, settings.cause_correlation), words) for sign, words in _MIXES]
    mean, log10_p, words = min(sides, key=lambda side: side[1])
    share = 100 * float(special.ndtr(mean))
    statement = f"{words} {share:.0f}% of accounts with as many requests, on average over the group"
    return EvidenceItem("capabilities", statement, round(mean, 3), 0.0, min(0.0, log10_p + math.log10(len(sides))))


CAUSE: dict[str, Test] = {
    "volume": _cause(Feature.VOLUME, "volume", 1, "more requests than"),
    "output": _cause(Feature.OUTPUT, "output", 1, "longer answers than"),
    "newness": _cause(Feature.AGE, "newness", -1, "newer than"),
    "no_follow_up": _cause(Feature.FOLLOW, "no_follow_up", -1, "fewer follow-up turns than"),
    "capabilities": capabilities,
    "many_languages": _cause(Feature.TONGUES, "many_languages", 1, "more languages than"),
}
