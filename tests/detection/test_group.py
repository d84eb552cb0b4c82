"""The group test: claimed rates hold for honest groups, a scheduler is found, common cause alone is not enough."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as distributions

from streamer.detection.evidence import MISSING, Profile
from streamer.detection.group import (
    CAUSE,
    CONTROL,
    FLOOR_LOG10,
    Judgement,
    Member,
    Table,
    accountable,
    candidates,
    evenness,
    fisher,
    judge,
    log10_of,
    rhythm,
    upper_tail,
)
from streamer.detection.population import Reference, census
from streamer.detection.settings import GroupSettings, ReferenceSettings
from tests.detection.handmade import profile

SETTINGS = GroupSettings(
    min_accounts=8,
    min_requests=4,
    evenness_floor_ratio=0.35,
    rhythm_correlation=0.1,
    cause_correlation=0.3,
    control_log10_p=-4.0,
    family_log10_p=-2.0,
    organization_ratio=0.8,
)
STRANGERS = replace(SETTINGS, evenness_floor_ratio=1.0, rhythm_correlation=0.0, cause_correlation=0.0)
Bins = tuple[int, int, int, int, int]


def person(rng: np.random.Generator, name: str) -> Profile:
    """Somebody of whom volume, hours, rhythm, output and age have nothing to do with each other."""
    draws = rng.normal(size=5) * (12, 5, 9, 6, 6) + (60, 16, 32, 28, 24)
    volume, hours, gaps, output, age = np.clip(draws.round().astype(int), 0, (120, 31, 63, 56, 48)).tolist()
    return profile(name, bins=(volume, hours, gaps, output, age), requests=20)


def population(size: int) -> list[Profile]:
    rng = np.random.default_rng(7)
    return [person(rng, f"p{number}") for number in range(size)]


PEOPLE = population(3000)
REFERENCE = Reference(
    0,
    Counter(cell for one in PEOPLE for cell in census(one, daily=True)),
    1.0,
    ReferenceSettings(min_accounts=100, min_stratum_accounts=50),
)


def table(profiles: list[Profile]) -> Table:
    return Table([Member(one) for one in profiles], REFERENCE)


def group(size: int, seed: int = 0, **fixed: int) -> list[Profile]:
    """People drawn at random, with what is `fixed` the same for all but for a bin or so."""
    rng = np.random.default_rng([size, seed])
    drawn = [PEOPLE[place] for place in rng.integers(0, len(PEOPLE), size).tolist()]
    return [
        one._replace(account_id=f"g{number}", **{name: bin_ + int(rng.integers(0, 2)) for name, bin_ in fixed.items()})
        for number, one in enumerate(drawn)
    ]


def verdict(profiles: list[Profile], link_kind: str = "payment") -> Judgement | None:
    return judge(link_kind, table(profiles), SETTINGS)


def families(profiles: list[Profile], link_kind: str = "payment") -> set[str]:
    found = verdict(profiles, link_kind)
    return set() if found is None else {item.family for item in found.evidence}


EVEN, REGULAR, ALL_DAY = {"volume_bin": 70}, {"rhythm_bin": 8}, {"hours_bin": 1}
BUSY, LONG, NEW = {"volume_bin": 95}, {"output_bin": 45}, {"age_bin": 6}


@given(st.lists(st.floats(-12, 0), min_size=1, max_size=6))
def test_fisher_is_fisher(log10_ps: list[float]) -> None:
    expected = distributions.combine_pvalues([10**p for p in log10_ps]).pvalue
    assert fisher(log10_ps) == pytest.approx(math.log10(expected), abs=1e-6)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_fisher_goes_on_where_floats_end(count: int) -> None:
    tails = [fisher([-total / count] * count) for total in (250.0, 290.0, 299.0)]
    assert tails == sorted(tails, reverse=True)
    assert tails[-1] >= FLOOR_LOG10
    assert fisher([-300.0] * 5) == FLOOR_LOG10
    assert fisher([-200.0, -130.0]) == FLOOR_LOG10


@given(st.floats(-5, 60))
def test_the_upper_tail_is_that_of_a_normal(z: float) -> None:
    expected = distributions.norm.logsf(z) / math.log(10)
    assert upper_tail(z) == pytest.approx(max(FLOOR_LOG10, expected), rel=1e-9)


def test_a_probability_of_nothing_is_a_number_still() -> None:
    assert log10_of(0.0) == FLOOR_LOG10
    assert log10_of(0.001) == pytest.approx(-3)


@pytest.mark.parametrize("family", [*CONTROL, *CAUSE])
@pytest.mark.parametrize("size", [8, 30, 150])
def test_an_honest_group_is_flagged_at_the_claimed_rate_at_most(family: str, size: int) -> None:
    test = {**CONTROL, **CAUSE}[family]
    found = [test(table(group(size, seed)), SETTINGS) for seed in range(300)]
    claims = [item.log10_p for item in found if item is not None]
    assert len(claims) == 300
    # Three standard deviations of a binomial beyond what is claimed.
    assert sum(claim <= -1 for claim in claims) <= 30 + 16
    assert sum(claim <= -2 for claim in claims) <= 3 + 6


@pytest.mark.parametrize("family", [*CONTROL, *CAUSE])
def test_without_any_allowance_for_common_cause_the_rate_is_about_what_is_claimed(family: str) -> None:
    test = {**CONTROL, **CAUSE}[family]
    found = [test(table(group(30, seed)), STRANGERS) for seed in range(300)]
    flagged = sum(item.log10_p <= -1 for item in found if item is not None)
    assert 10 <= flagged <= 50


@pytest.mark.parametrize("size", [8, 30, 150])
def test_honest_groups_are_not_suspected(size: int) -> None:
    assert [verdict(group(size, seed)) for seed in range(200)] == [None] * 200


@pytest.mark.parametrize("size", [10, 40, 400])
def test_even_use_is_found_and_the_surer_the_more_accounts(size: int) -> None:
    item = evenness(table(group(size, **EVEN)), SETTINGS)
    assert item is not None
    assert item.log10_p < -0.3 * size or item.log10_p == FLOOR_LOG10
    assert item.observed < item.expected
    assert f"{size} accounts are used alike: 20 to 20 requests" in item.statement


def test_evenness_is_the_chi_square_of_the_scatter_of_rates() -> None:
    bins = [60, 62, 64, 66, 68, 70, 72, 74, 76, 78]
    members = [one._replace(volume_bin=place) for one, place in zip(group(10), bins, strict=True)]
    item = evenness(table(members), STRANGERS)
    usual = np.var([one.volume_bin for one in PEOPLE])
    squares = sum((place - 69) ** 2 for place in bins) + 9 / 12  # a bin is as wide as one: it scatters by 1/12
    assert item is not None
    assert item.log10_p == pytest.approx(math.log10(distributions.chi2.cdf(squares / usual, 9)), rel=1e-6)


def test_uneven_use_is_no_evidence() -> None:
    mixed = group(20, **EVEN) + group(20, seed=1, **BUSY)
    item = evenness(table(mixed), SETTINGS)
    assert item is not None
    assert item.log10_p > -0.5


@pytest.mark.parametrize("requests, speaks", [(3, False), (4, True)])
def test_accounts_that_hardly_do_anything_are_even_for_nothing(requests: int, speaks: bool) -> None:  # noqa: FBT001
    quiet = [one._replace(requests_24h=requests) for one in group(40, **EVEN)]
    assert (evenness(table(quiet), SETTINGS) is not None) is speaks


@pytest.mark.parametrize("fixed, words", [(REGULAR, "gaps between requests"), (ALL_DAY, "spread over the day")])
def test_rhythm_is_the_stronger_of_gaps_and_hours(fixed: dict[str, int], words: str) -> None:
    item = rhythm(table(group(60, **fixed)), SETTINGS)
    assert item is not None
    assert item.log10_p < -4
    assert words in item.statement


def test_rhythm_has_nothing_to_say_of_unknown_times() -> None:
    unknown = [one._replace(hours_bin=MISSING, rhythm_bin=MISSING) for one in group(20)]
    assert rhythm(table(unknown), SETTINGS) is None
    partly = unknown[:13] + group(7, **REGULAR)
    assert rhythm(table(partly), SETTINGS) is None


def test_two_families_with_a_trace_of_control_are_suspect() -> None:
    assert {"evenness", "rhythm"} <= families(group(40, **EVEN, **REGULAR))
    assert {"evenness", "volume"} <= families(group(40, **BUSY))
    assert {"rhythm", "newness"} <= families(group(60, **REGULAR, **NEW))


def test_evidence_is_what_speaks_the_strongest_first() -> None:
    found = verdict(group(40, **EVEN, **REGULAR))
    assert found is not None
    claims = [item.log10_p for item in found.evidence]
    assert claims == sorted(claims)
    assert claims[-1] <= SETTINGS.family_log10_p
    assert found.log10_p < claims[0] / 2


@pytest.mark.parametrize("size", [40, 150])
def test_one_family_alone_is_not_enough(size: int) -> None:
    assert verdict(group(size, **EVEN)) is None
    assert verdict(group(size, **REGULAR)) is None


def test_common_cause_without_control_is_not_suspect() -> None:
    # A class: new, busy, with long answers, but each as much as they like.
    rng = np.random.default_rng(3)
    school = [one._replace(volume_bin=int(rng.normal(85, 12))) for one in group(150, **LONG, **NEW)]
    assert {item.family for test in CAUSE.values() if (item := test(table(school), SETTINGS)) and item.log10_p < -2}
    assert verdict(school) is None


def test_what_formed_the_group_is_no_evidence_about_it() -> None:
    cohort = group(60, **EVEN, **NEW)
    assert "newness" in families(cohort, "payment")
    assert verdict(cohort, "signup_cohort") is None
    assert "newness" not in families(group(60, **EVEN, **REGULAR, **NEW), "signup_cohort")


@pytest.mark.parametrize("owned, suspected", [(32, False), (31, True), (0, True)])
def test_a_group_for_which_an_organization_answers_is_not_suspect(owned: int, suspected: bool) -> None:  # noqa: FBT001
    driven = group(40, **EVEN, **REGULAR)
    firm = [one._replace(organization="org") for one in driven[:owned]] + driven[owned:]
    assert accountable(table(firm), SETTINGS) == (None if suspected else "org")
    assert (verdict(firm) is not None) is suspected


def test_many_organizations_do_not_answer_for_each_other() -> None:
    driven = [one._replace(organization=f"org{n % 2}") for n, one in enumerate(group(40, **EVEN, **REGULAR))]
    assert verdict(driven) is not None


@pytest.mark.parametrize("size, suspected", [(7, False), (8, True)])
def test_a_handful_is_not_judged(size: int, suspected: bool) -> None:  # noqa: FBT001
    assert (verdict(group(size, **EVEN, **ALL_DAY, rhythm_bin=0, output_bin=56)) is not None) is suspected


def test_the_claim_is_that_of_all_families_also_of_those_that_do_not_speak() -> None:
    driven = table(group(40, **EVEN, **REGULAR))
    items = [test(driven, SETTINGS) for test in (*CONTROL.values(), *CAUSE.values())]
    found = judge("payment", driven, SETTINGS)
    assert found is not None
    assert len(found.evidence) < 5
    assert found.log10_p == pytest.approx(fisher([item.log10_p for item in items if item is not None]))


def test_the_order_of_the_members_does_not_matter() -> None:
    driven = group(40, **EVEN, **REGULAR)
    assert verdict(driven) is not None
    one, other = verdict(driven), verdict(driven[::-1])
    assert one is not None
    assert other is not None
    assert [item.family for item in one.evidence] == [item.family for item in other.evidence]
    assert one.log10_p == pytest.approx(other.log10_p)


def test_those_who_are_not_like_the_group_are_not_named() -> None:
    driven = group(30, **EVEN, **REGULAR, hours_bin=3, output_bin=30, age_bin=10)
    quiet = driven[0]._replace(account_id="quiet", volume_bin=20)
    old = driven[0]._replace(account_id="old", age_bin=47)
    named = {found.account_id: found.score for found in candidates(table([*driven, quiet, old]))}
    assert set(named) == {one.account_id for one in driven}
    assert all(0 < score <= 1 for score in named.values())


def test_the_more_typical_the_higher_the_score() -> None:
    fixed: dict[str, Any] = {"volume_bin": 60, "hours_bin": 16, "rhythm_bin": 32, "output_bin": 28, "age_bin": 24}
    alike = [one._replace(account_id=f"g{number}", **fixed) for number, one in enumerate(group(20))]
    steps = [alike[0]._replace(account_id=f"s{step}", volume_bin=60 + step) for step in range(6)]
    scores = {found.account_id: found.score for found in candidates(table(alike + steps))}
    assert scores["s0"] == 1.0
    assert [scores[f"s{step}"] for step in range(6)] == sorted((scores[f"s{s}"] for s in range(6)), reverse=True)


def test_an_account_of_which_not_even_the_volume_can_be_compared_is_not_named() -> None:
    driven = group(30, **EVEN, **REGULAR)
    driven[0] = driven[0]._replace(span_class=0)  # nobody in the population is that young
    assert "g0" not in {found.account_id for found in candidates(table(driven))}


def test_what_is_unknown_of_an_account_is_not_held_against_it() -> None:
    driven = group(30, **EVEN, **REGULAR)
    driven[0] = driven[0]._replace(hours_bin=MISSING, rhythm_bin=MISSING)
    assert "g0" in {found.account_id for found in candidates(table(driven))}
