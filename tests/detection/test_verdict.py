"""From a probability to a claim, a severity and a sentence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.detection.names import KINDS, SEVERITIES
from streamer.detection.settings import AlertSettings
from streamer.detection.verdict import LINK_WORDS, more_severe, sentence, severity_of
from tests.detection.handmade import evidence

SETTINGS = AlertSettings(critical_per_day=0.01, warning_per_day=0.1, info_per_day=1.0)
rates = st.floats(0, 1e6)


@pytest.mark.parametrize(
    "rate, alarming, recorded",
    [(0.01, "critical", "info"), (0.011, "warning", "info"), (0.1, "warning", "info"), (0.11, "info", "info")],
)
def test_a_severity_costs_what_it_may_cost_and_only_what_alarms_is_more_than_a_record(
    rate: float, alarming: str, recorded: str
) -> None:
    assert severity_of(rate, SETTINGS, is_alarming=True) == alarming
    assert severity_of(rate, SETTINGS, is_alarming=False) == recorded


def test_what_honest_traffic_brings_more_often_than_that_is_not_said() -> None:
    assert severity_of(1.01, SETTINGS, is_alarming=True) is None
    assert severity_of(1.01, SETTINGS, is_alarming=False) is None


@given(rates, rates, st.booleans())
def test_the_rarer_is_never_the_less_severe(one: float, other: float, is_alarming: bool) -> None:  # noqa: FBT001
    rank = [None, *SEVERITIES]
    low, high = (severity_of(rate, SETTINGS, is_alarming=is_alarming) for rate in sorted((one, other)))
    assert rank.index(low) >= rank.index(high)


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
        "40 accounts tied by payment instruments and prompt templates look driven by one hand "
        "(evenness, rhythm); 1234 requests so far."
    )
