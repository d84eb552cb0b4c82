"""Groups drawn from people, with what makes one of them suspect, and what the group test says of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from streamer.detection.account_rows import census
from streamer.detection.families import Passing, Table
from streamer.detection.group import Judgement, judge
from streamer.detection.member_table import members_of
from streamer.detection.population import Reference, strata_of
from streamer.detection.profile import BINS, BUCKETS, PROFILE, Feature, Rows
from streamer.detection.settings import GroupSettings, ReferenceSettings
from tests.detection.handmade import START_WINDOW, rows_of

SETTINGS = GroupSettings(
    min_accounts=8,
    min_requests=4,
    evenness_floor_ratio=0.35,
    rhythm_correlation=0.1,
    cause_correlation=0.3,
    control_log10_p=-4.0,
    family_log10_p=-2.0,
    organization_ratio=0.8,
    hand_off_s=120,
)
STRANGERS = replace(SETTINGS, evenness_floor_ratio=1.0, rhythm_correlation=0.0, cause_correlation=0.0)
REFERENCE_SETTINGS = ReferenceSettings(min_accounts=100, min_stratum_accounts=50)
SPREAD = {
    Feature.VOLUME: (60, 12, 120),
    Feature.HOURS: (16, 5, 31),
    Feature.RHYTHM: (32, 9, 63),
    Feature.OUTPUT: (28, 6, 56),
    Feature.AGE: (24, 6, 48),
    Feature.INPUT: (30, 6, 60),
    Feature.GREED: (40, 6, 60),
    Feature.FOLLOW: (8, 3, 16),
    Feature.TONGUES: (60, 12, 120),
    Feature.FOCUS: (60, 12, 120),
}
NOTHING_PASSED = Passing(0, 0.1)


def people(size: int) -> Rows:
    """Strangers of whom no feature has to do with another."""
    rng = np.random.default_rng(7)
    rows = rows_of([f"p{number}" for number in range(size)], requests=20)
    for feature, (middle, deviation, most) in SPREAD.items():
        drawn = np.clip(rng.normal(middle, deviation, size).round(), 0, most)
        rows["bins"][:, PROFILE.index(feature)] = drawn
    return rows


def population(rows: Rows) -> Reference:
    counts = np.zeros(strata_of(REFERENCE_SETTINGS) * Feature.COUNT * BUCKETS * BINS, dtype=np.int64)
    codes, numbers = census(rows, np.ones(len(rows), dtype=np.bool_), (0, 0))
    counts[codes] = numbers
    shape = (strata_of(REFERENCE_SETTINGS), Feature.COUNT, BUCKETS, BINS)
    return Reference(0, counts.reshape(shape), 1.0, REFERENCE_SETTINGS)


PEOPLE = people(3000)
REFERENCE = population(PEOPLE)


def table(rows: Rows) -> Table:
    return Table(members_of(rows, START_WINDOW, REFERENCE.usual_variance(rows), REFERENCE.scores(rows)))


def group(size: int, seed: int = 0, fixed: dict[int, int] | None = None) -> Rows:
    """People drawn at random, with what is `fixed` the same for all but for a bin or so."""
    rng = np.random.default_rng([size, seed])
    rows: Rows = PEOPLE[rng.integers(0, len(PEOPLE), size)]
    for feature, place in (fixed or {}).items():
        rows["bins"][:, PROFILE.index(feature)] = place + rng.integers(0, 2, size)
    return rows


def verdict(rows: Rows, link_kind: str = "payment", passing: Passing = NOTHING_PASSED) -> Judgement | None:
    return judge(table(rows), passing, [link_kind], SETTINGS)


def alarms(rows: Rows, link_kind: str = "payment", passing: Passing = NOTHING_PASSED) -> set[str]:
    """The families that speak, where they make an alarm."""
    found = verdict(rows, link_kind, passing)
    return {item.family for item in found.evidence} if found is not None and found.is_alarming else set()


EVEN, REGULAR, ALL_DAY = {Feature.VOLUME: 70}, {Feature.RHYTHM: 8}, {Feature.HOURS: 1}
BUSY, LONG, NEW = {Feature.VOLUME: 95}, {Feature.OUTPUT: 45}, {Feature.AGE: 6}
