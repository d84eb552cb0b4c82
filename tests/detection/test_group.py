"""The group test: claimed rates hold for honest groups, a scheduler is found, common cause alone is not enough."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as distributions

from streamer.detection.evidence import EvidenceItem
from streamer.detection.families import CAUSE, Passing, capabilities, evenness, failover, hand_off, rhythm
from streamer.detection.group import CONFIRMING, control, judge, typicality
from streamer.detection.owners import is_accountable
from streamer.detection.probability import FLOOR_LOG10, fisher, log10_of, poisson_log10, upper_tail
from streamer.detection.profile import MISSING, PROFILE, Feature, Rows
from tests.detection.handmade import DAY_MS
from tests.detection.people import (
    ALL_DAY,
    EVEN,
    LONG,
    NEW,
    NOTHING_PASSED,
    REGULAR,
    SETTINGS,
    SPREAD,
    STRANGERS,
    alarms,
    group,
    table,
    verdict,
)

TESTS = {"evenness": evenness, "rhythm": rhythm, **CAUSE}


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


@pytest.mark.parametrize("family", TESTS)
@pytest.mark.parametrize("size", [8, 30, 150])
def test_an_honest_group_is_flagged_at_the_claimed_rate_at_most(family: str, size: int) -> None:
    test = TESTS[family]
    found = [test(table(group(size, seed)), SETTINGS) for seed in range(300)]
    claims = [item.log10_p for item in found if item is not None]
    assert len(claims) == 300
    # Three standard deviations of a binomial beyond what is claimed.
    assert sum(claim <= -1 for claim in claims) <= 30 + 16
    assert sum(claim <= -2 for claim in claims) <= 3 + 6


@pytest.mark.parametrize("family", TESTS)
def test_without_any_allowance_for_common_cause_the_rate_is_about_what_is_claimed(family: str) -> None:
    test = TESTS[family]
    found = [test(table(group(30, seed)), STRANGERS) for seed in range(300)]
    flagged = sum(item.log10_p <= -1 for item in found if item is not None)
    assert 10 <= flagged <= 50


@pytest.mark.parametrize("size", [8, 30, 150])
def test_honest_groups_are_not_suspected(size: int) -> None:
    assert [alarms(group(size, seed)) for seed in range(200)] == [set()] * 200


@pytest.mark.parametrize("fixed, words", [(REGULAR, "gaps are more even"), (ALL_DAY, "day is flatter")])
def test_rhythm_is_the_stronger_of_gaps_and_hours(fixed: dict[int, int], words: str) -> None:
    item = rhythm(table(group(60, fixed=fixed)), SETTINGS)
    assert item is not None
    assert item.log10_p < -4
    assert words in item.statement


@pytest.mark.parametrize("place, words", [(95, "mixed less"), (20, "mixed more")])
def test_a_mix_of_capabilities_is_unusual_on_either_side(place: int, words: str) -> None:
    item = capabilities(table(group(60, fixed={Feature.FOCUS: place})), SETTINGS)
    assert item is not None
    assert item.log10_p < -3
    assert words in item.statement
    unknown = group(20)
    unknown["bins"][:, PROFILE.index(Feature.FOCUS)] = MISSING
    assert capabilities(table(unknown), SETTINGS) is None


def test_rhythm_has_nothing_to_say_of_unknown_times() -> None:
    unknown = group(20)
    for feature in (Feature.HOURS, Feature.RHYTHM):
        unknown["bins"][:, PROFILE.index(feature)] = MISSING
    assert rhythm(table(unknown), SETTINGS) is None
    assert rhythm(table(np.concatenate((unknown[:13], group(7, fixed=REGULAR)))), SETTINGS) is None


@given(st.integers(0, 200), st.floats(0.001, 100))
def test_hand_offs_are_counted_against_what_chance_brings(seen: int, expected: float) -> None:
    tail = distributions.poisson.logsf(seen - 1, expected) / math.log(10)
    told = max(FLOOR_LOG10, poisson_log10(seen, expected))
    assert told == pytest.approx(max(FLOOR_LOG10, tail), rel=0.02, abs=1e-3)
    item = hand_off(Passing(seen, expected))
    assert (item is None) == (seen == 0)
    assert item is None or item.observed == seen


def test_what_goes_on_at_once_is_a_programs_doing_and_what_goes_on_at_any_time_is_not() -> None:
    assert failover(Passing(0, 1.0), 120) is None
    quick, slow = (failover(Passing(20, 1.0, (share,) * 20), 120) for share in (0.02, 0.5))
    assert quick is not None
    assert slow is not None
    assert quick.log10_p < -10 < -1 < slow.log10_p


def test_two_families_with_a_trace_of_control_are_an_alarm() -> None:
    assert {"evenness", "output"} <= alarms(group(40, fixed={**EVEN, **LONG}))
    assert {"hand_off", "newness"} <= alarms(group(60, fixed=NEW), passing=Passing(20, 0.5))


@pytest.mark.parametrize("share, seen, alarm", [(0.02, 8, True), (0.15, 8, False), (0.15, 30, True)])
def test_how_quick_hand_offs_are_counts_beside_them_only_where_no_person_is_as_quick(
    share: float,
    seen: int,
    alarm: bool,  # noqa: FBT001
) -> None:
    passing = Passing(seen, 0.1, (share,) * seen)
    found = verdict(group(60), passing=passing)
    assert found is not None
    assert {"hand_off", "failover"} <= {item.family for item in found.evidence}
    assert found.is_alarming is alarm


def test_what_shows_in_two_ways_needs_not_be_as_clear_in_each() -> None:
    faint = group(12)
    for width in range(1, 20):
        faint["bins"][:, PROFILE.index(Feature.VOLUME)] = 60 + width * (np.arange(12) % 4)
        item = evenness(table(faint), SETTINGS)
        if item is not None and -4 < item.log10_p < -3:
            break
    assert not alarms(faint)
    assert {"evenness", "hand_off"} <= alarms(faint, passing=Passing(1, 1e-4))
    assert not alarms(faint, passing=Passing(1, 0.01)), "a hand-off that chance brings now and then"
    assert not alarms(group(40), passing=Passing(1, 1e-4)), "a hand-off alone"


@pytest.mark.parametrize("known, alarm", [(20, True), (19, False)])
def test_that_newcomers_of_one_day_are_active_together_is_no_second_family_beside_evenness(
    known: int,
    alarm: bool,  # noqa: FBT001
) -> None:
    rows = group(40, fixed=EVEN)
    rows["before_ms"] = rows["first_seen_ms"] + DAY_MS - 1
    rows["before_ms"][:known] += 1
    together = EvidenceItem("synchrony", "", 0.5, 0.0, -5.0)
    for others, alarms_too in (([together], alarm), ([together._replace(family="template_coincidence")], True)):
        found = judge(table(rows), NOTHING_PASSED, ["payment"], SETTINGS, others=others)
        assert found is not None
        assert found.is_alarming is alarms_too


@pytest.mark.parametrize(
    "kind, more, alarm", [("template", {}, False), ("payment", {}, True), ("template", LONG, True)]
)
def test_strangers_who_run_one_program_are_as_even_as_one_hand(
    kind: str,
    more: dict[int, int],
    alarm: bool,  # noqa: FBT001
) -> None:
    rows = group(40, fixed={**EVEN, **REGULAR, **more})
    rows["before_ms"] = rows["first_seen_ms"] + DAY_MS
    alike = [EvidenceItem(family, "", 1.0, 0.0, -5.0) for family in ("capabilities", "failover", "synchrony")]
    found = judge(table(rows), NOTHING_PASSED, [kind], SETTINGS, others=alike)
    assert found is not None
    assert {"evenness", "rhythm"} <= {item.family for item in found.evidence}
    assert (found.is_alarming, found.is_excused) == (alarm, not alarm)


def test_who_could_never_have_been_an_alarm_is_not_excused() -> None:
    for fixed in (LONG, {**REGULAR, **LONG}, EVEN):
        found = verdict(group(40, fixed=fixed))
        assert found is not None
        assert (found.is_alarming, found.is_excused) == (False, False)


def test_families_that_are_disabled_do_not_count() -> None:
    off = replace(SETTINGS, disabled_families=("evenness",))
    rows = table(group(40, fixed={**EVEN, **REGULAR}))
    found = judge(rows, NOTHING_PASSED, ["payment"], off)
    assert found is not None
    assert not found.is_alarming
    assert "evenness" not in {item.family for item in found.evidence}
    assert control(rows, replace(off, disabled_families=("evenness", "rhythm"))) == 0.0
    assert control(rows, SETTINGS) < control(rows, off) < 0.0


def test_evidence_is_what_speaks_the_strongest_first() -> None:
    found = verdict(group(40, fixed={**EVEN, **REGULAR}))
    assert found is not None
    claims = [item.log10_p for item in found.evidence]
    assert claims == sorted(claims)
    assert claims[-1] <= SETTINGS.family_log10_p
    assert found.log10_p < claims[0] / 2


@pytest.mark.parametrize("size", [40, 150])
def test_one_family_alone_is_not_enough(size: int) -> None:
    assert alarms(group(size, fixed=EVEN)) == set()
    assert alarms(group(size, fixed=REGULAR)) == set()
    assert alarms(group(size), passing=Passing(30, 0.1)) == set()


def test_common_cause_without_control_is_no_alarm() -> None:
    # A class: new, busy, with long answers, but each as much as they like.
    school = group(150, fixed={**LONG, **NEW})
    volume = np.clip(np.random.default_rng(3).normal(85, 12, 150), 0, 120)
    school["bins"][:, PROFILE.index(Feature.VOLUME)] = volume
    known = table(school)
    assert {item.family for test in CAUSE.values() if (item := test(known, SETTINGS)) and item.log10_p < -2}
    assert alarms(school) == set()
    found = verdict(school)
    assert found is not None
    assert not found.is_alarming


def test_what_formed_the_group_is_no_evidence_about_it() -> None:
    cohort, passing = group(60, fixed=NEW), Passing(20, 0.5)
    assert "newness" in alarms(cohort, "payment", passing)
    assert alarms(cohort, "signup_cohort", passing) == set()
    assert "newness" not in alarms(group(60, fixed={**EVEN, **REGULAR, **NEW}), "signup_cohort")


@pytest.mark.parametrize("owned, suspected", [(32, False), (31, True), (0, True)])
def test_a_group_for_which_an_organization_answers_is_not_judged(owned: int, suspected: bool) -> None:  # noqa: FBT001
    firm = group(40, fixed={**EVEN, **REGULAR})
    firm["organization"][:owned] = 7
    assert is_accountable(table(firm), SETTINGS) is not suspected
    assert (verdict(firm) is not None) is suspected


@pytest.mark.parametrize("owners, alarm", [(2, False), (3, True)])
def test_many_organizations_do_not_answer_for_each_other(owners: int, alarm: bool) -> None:  # noqa: FBT001
    driven = group(42, fixed={**EVEN, **LONG})
    driven["organization"] = 1 + np.arange(42) % owners
    assert bool(alarms(driven)) is alarm


@pytest.mark.parametrize("size, judged", [(7, False), (8, True)])
def test_a_handful_is_not_judged(size: int, judged: bool) -> None:  # noqa: FBT001
    assert (verdict(group(size, fixed={**EVEN, **ALL_DAY})) is not None) is judged


def test_the_claim_is_that_of_all_families_also_of_those_that_do_not_speak() -> None:
    driven = table(group(40, fixed={**EVEN, **REGULAR}))
    items = [test(driven, SETTINGS) for family, test in TESTS.items() if family not in CONFIRMING]
    found = judge(driven, NOTHING_PASSED, ["payment"], SETTINGS)
    assert found is not None
    assert len(found.evidence) < len(items)
    assert found.log10_p == pytest.approx(fisher([item.log10_p for item in items if item is not None]))
    doubted = judge(driven, NOTHING_PASSED, ["payment"], SETTINGS, lambda _: 0.5)
    assert doubted is not None
    assert found.log10_p < doubted.log10_p


def test_the_order_of_the_members_does_not_matter() -> None:
    driven = group(40, fixed={**EVEN, **REGULAR})
    one, other = verdict(driven), verdict(driven[::-1].copy())
    assert one is not None
    assert other is not None
    assert [item.family for item in one.evidence] == [item.family for item in other.evidence]
    assert one.log10_p == pytest.approx(other.log10_p)


ALIKE = {feature: middle for feature, (middle, _, _) in SPREAD.items()}


def changed(row: Rows, feature: int, place: int) -> Rows:
    found: Rows = row[:1].copy()
    found["bins"][:, PROFILE.index(feature)] = place
    return found


def test_those_who_are_not_like_the_group_are_not_typical_of_it() -> None:
    driven = group(30, fixed=ALIKE)
    quiet, old = changed(driven, Feature.VOLUME, 20), changed(driven, Feature.AGE, 47)
    fit = typicality(table(np.concatenate((driven, quiet, old))))
    assert (fit[:30] > 0).all()
    assert (fit[:30] <= 1).all()
    assert (fit[30:] <= 0).all()
    apart = typicality(table(np.concatenate((quiet, driven[:1]))), table(driven))
    assert apart[0] <= 0 < apart[1]


def test_the_farther_from_the_middle_the_less_typical() -> None:
    driven = group(20, fixed=ALIKE)
    driven["bins"] = list(ALIKE.values())
    steps = [changed(driven, Feature.VOLUME, ALIKE[Feature.VOLUME] + step) for step in range(6)]
    fit = typicality(table(np.concatenate((driven, *steps))))[20:].tolist()
    assert fit[0] == 1.0
    assert fit == sorted(fit, reverse=True)
    assert len(set(fit)) == 6


def test_nobody_is_typical_of_whom_nothing_is_known_and_what_is_unknown_is_not_held_against_one() -> None:
    driven = group(30, fixed=ALIKE)
    driven["bins"][0] = MISSING
    driven["bins"][1, PROFILE.index(Feature.HOURS)] = MISSING
    fit = typicality(table(driven))
    assert fit[0] == 0.0
    assert fit[1] > 0


def test_what_only_confirms_weakens_nothing_where_it_says_nothing() -> None:
    driven = table(group(40, fixed={**EVEN, **REGULAR}))

    def claim(*log10_ps: float) -> float:
        named = zip(sorted(CONFIRMING - {"capabilities"}), log10_ps, strict=False)
        others = [EvidenceItem(family, "", 0.0, 0.0, log10_p) for family, log10_p in named]
        found = judge(driven, NOTHING_PASSED, ["payment"], SETTINGS, others=others)
        assert found is not None
        return found.log10_p

    assert claim(0.0, 0.0, 0.0) == pytest.approx(claim())
    assert claim(-5.0, -5.0) < claim() - 3
