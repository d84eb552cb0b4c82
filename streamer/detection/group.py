"""The question of stage 2: how improbable is this group of accounts, taken together.

Each account's features come as normal scores against the lagged population. A group is judged by families that do not
follow from one another; what formed the group is no evidence about it. Two of the families, evenness and rhythm, are
traces of control (a scheduler behind many accounts); the others follow from common cause as well. The probability of a
group combines all families that were tested; its evidence lists those that speak.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from streamer.detection.evidence import Candidate, EvidenceItem, Profile
from streamer.detection.population import PROFILE_FEATURES, Feature, Reference
from streamer.detection.settings import GroupSettings

MIN_FAMILIES = 2
FORMED_BY = {"signup_cohort": "newness"}
TYPICAL_DEVIATIONS = 3.5
VOLUME_BINS_PER_OCTAVE = 8
FLOOR_LOG10 = -300.0
Scores = tuple[float, ...]
Column = npt.NDArray[np.float64]


class Member:
    """An account of a group, as it last was; its scores are looked up once for each reference."""

    __slots__ = ("_epoch", "_scores", "profile")

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self._epoch: int | None = None
        self._scores: Scores = ()

    def scores(self, reference: Reference) -> Scores:
        """Give the normal scores in the order of `PROFILE_FEATURES`."""
        if self._epoch != reference.epoch:
            self._epoch, self._scores = reference.epoch, reference.scores(self.profile)
        return self._scores


class Judgement(NamedTuple):
    """What a group test found: the evidence that counts, and the probability of all families taken together."""

    evidence: list[EvidenceItem]
    log10_p: float


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


class Table:
    """The members of a group with their scores, one column for each of `PROFILE_FEATURES`; NaN where unknown."""

    def __init__(self, members: Sequence[Member], reference: Reference) -> None:
        self.profiles = [member.profile for member in members]
        self.reference = reference
        self.scores = np.array([member.scores(reference) for member in members], dtype=np.float64)
        self._known = ~np.isnan(self.scores)

    def column(self, feature: int) -> Column:
        """Give the scores of a feature, without the members of which it is not known."""
        place = PROFILE_FEATURES.index(feature)
        known: Column = self.scores[:, place][self._known[:, place]]
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
    profiles = [profile for profile in table.profiles if profile.volume_bin >= 0]
    counts = sorted(profile.requests_24h for profile in profiles)
    if len(counts) < settings.min_accounts or counts[len(counts) // 2] < settings.min_requests:
        return None
    usual = _usual_variance(profiles, table.reference)
    if usual is None:
        return None
    rates = np.array([profile.volume_bin for profile in profiles], dtype=np.float64)
    deviations = rates - rates.sum() / len(rates)
    freedom = len(rates) - 1
    squares = float(deviations @ deviations) + freedom / 12  # a bin's own width scatters by a twelfth of its square
    p = float(special.gammainc(freedom / 2, squares / (usual * settings.evenness_floor_ratio) / 2))
    low, high = counts[len(counts) // 10], counts[-1 - len(counts) // 10]
    factor, normal = (2 ** (math.sqrt(found) / VOLUME_BINS_PER_OCTAVE) for found in (squares / freedom, usual))
    statement = (
        f"{len(rates)} accounts are used alike: {low} to {high} requests in 24 h (middle 80%); rates scatter by a "
        f"factor of {factor:.2f}, people's by {normal:.2f}"
    )
    return EvidenceItem("evenness", statement, round(factor, 3), round(normal, 3), log10_of(p))


def _usual_variance(profiles: Sequence[Profile], reference: Reference) -> float | None:
    likes = Counter((profile.stratum, profile.span_class) for profile in profiles)
    total = 0.0
    for (stratum, span), count in sorted(likes.items()):
        histogram = reference.histogram(Feature.VOLUME, stratum, span)
        if histogram is None:
            return None
        total += histogram.variance * count
    return max(total / len(profiles), 1.0)


def rhythm(table: Table, settings: GroupSettings) -> EvidenceItem | None:
    """Test whether requests come without sessions and without a human day: the stronger of gaps and hours."""
    found: list[tuple[float, float, str]] = []
    for feature, words in (
        (Feature.RHYTHM, "gaps between requests are more regular than"),
        (Feature.HOURS, "activity is spread over the day more evenly than"),
    ):
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


def _cause(feature: int, family: str, sign: int, words: str) -> Callable[[Table, GroupSettings], EvidenceItem | None]:
    def test(table: Table, settings: GroupSettings) -> EvidenceItem | None:
        values = sign * table.column(feature)
        if len(values) < settings.min_accounts:
            return None
        mean, log10_p = _mean_test(values, settings.cause_correlation)
        share = 100 * float(special.ndtr(mean))
        statement = f"{words} {share:.0f}% of accounts of the same plan, on average over the group"
        return EvidenceItem(family, statement, round(mean, 3), 0.0, log10_p)

    return test


Test = Callable[[Table, GroupSettings], EvidenceItem | None]
CONTROL: dict[str, Test] = {"evenness": evenness, "rhythm": rhythm}
CAUSE: dict[str, Test] = {
    "volume": _cause(Feature.VOLUME, "volume", 1, "more requests than"),
    "output": _cause(Feature.OUTPUT, "output", 1, "longer answers than"),
    "newness": _cause(Feature.AGE, "newness", -1, "newer than"),
}


def accountable(table: Table, settings: GroupSettings) -> str | None:
    """Give the organization that nearly all of the group belongs to and that answers for it, if there is one."""
    owners = Counter(profile.organization for profile in table.profiles if profile.organization)
    if not owners:
        return None
    (name, count) = max(owners.items(), key=lambda item: (item[1], item[0]))
    return name if count >= settings.organization_ratio * len(table.profiles) else None


def judge(link_kind: str, table: Table, settings: GroupSettings) -> Judgement | None:
    """Test a group; None unless two families speak, at least one of them a clear trace of control."""
    if len(table.profiles) < settings.min_accounts or accountable(table, settings):
        return None
    skipped = FORMED_BY.get(link_kind)
    tested = [item for test in CONTROL.values() if (item := test(table, settings)) is not None]
    if not any(item.log10_p <= settings.control_log10_p for item in tested):
        return None
    causes = (test(table, settings) for family, test in CAUSE.items() if family != skipped)
    tested += [item for item in causes if item is not None]
    speaking = sorted((i for i in tested if i.log10_p <= settings.family_log10_p), key=lambda i: i.log10_p)
    if len(speaking) < MIN_FAMILIES:
        return None
    return Judgement(speaking, fisher([item.log10_p for item in tested]))


def candidates(table: Table) -> list[Candidate]:
    """Name the accounts that are typical of the group; a person who shares the attribute by chance is seldom typical.

    Typical is within `TYPICAL_DEVIATIONS` robust deviations of the group's median in everything that is known of both
    (Hampel 1974), a deviation being at least a quarter of the population's.
    """
    far = np.zeros(len(table.profiles))
    for column in table.scores.T:
        known = np.sort(column[~np.isnan(column)])
        if 2 * len(known) >= len(column):
            median = known[len(known) // 2]
            deviation = 1.4826 * float(np.sort(np.abs(known - median))[len(known) // 2])
            width = TYPICAL_DEVIATIONS * max(deviation, 0.25)
            far = np.fmax(far, np.abs(column - median) / width)
    far[np.isnan(table.scores[:, 0])] = 1.0
    return [
        Candidate(p.account_id, round(fit, 4), p.first_seen_ms, p.total_requests, p.total_output_tokens, p.models)
        for p, fit in zip(table.profiles, (1.0 - far).tolist(), strict=True)
        if fit > 0
    ]
