"""From a probability to a claim, a severity and a sentence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.detection.links import KINDS
from streamer.detection.settings import AlertSettings
from streamer.detection.verdict import LINK_WORDS, SEVERITIES, decide, more_severe, sentence
from tests.detection.handmade import evidence

SETTINGS = AlertSettings(critical_per_day=0.01, warning_per_day=0.1, info_per_day=1.0)
probabilities = st.floats(-400, 0)
tests_per_day = st.floats(0, 1e6)


@pytest.mark.parametrize(
    "log10_p, severity",
    [(-5.0, "critical"), (-4.9, "warning"), (-4.0, "warning"), (-3.9, "info"), (-3.0, "info"), (-2.9, None)],
)
def test_a_severity_costs_what_it_may_cost(log10_p: float, severity: str | None) -> None:
    verdict = decide(log10_p, 1000.0, SETTINGS)
    assert verdict.severity == severity
    assert verdict.false_alarm_rate == pytest.approx(1000 * 10**log10_p)


def test_more_tests_make_the_same_finding_less_of_one() -> None:
    assert [decide(-5.0, tests, SETTINGS).severity for tests in (1e3, 1e4, 1e5, 1e6)] == [*reversed(SEVERITIES), None]


def test_few_tests_do_not_make_a_finding_more_of_one() -> None:
    assert decide(-1.0, 0.0, SETTINGS).false_alarm_rate == pytest.approx(0.1)


@given(probabilities, probabilities, tests_per_day)
def test_the_less_probable_is_never_the_less_severe(one: float, other: float, tests: float) -> None:
    rank = [None, *SEVERITIES]
    low, high = sorted((one, other))
    assert rank.index(decide(low, tests, SETTINGS).severity) >= rank.index(decide(high, tests, SETTINGS).severity)


@pytest.mark.parametrize("one", SEVERITIES)
def test_of_two_severities_the_higher_counts(one: str) -> None:
    for other in SEVERITIES:
        assert more_severe(one, other) == more_severe(other, one)
        assert SEVERITIES.index(more_severe(one, other)) == max(map(SEVERITIES.index, (one, other)))


def test_every_kind_of_link_has_words() -> None:
    assert set(LINK_WORDS) == set(KINDS)


def test_the_sentence_says_how_many_share_what_and_why() -> None:
    said = sentence(40, 1234, ["payment", "template"], tuple(evidence()))
    assert said == (
        "40 accounts that share one payment instrument and one prompt template look driven by one hand "
        "(evenness, rhythm); 1234 requests so far."
    )
