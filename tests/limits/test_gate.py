"""What is in force, by what was proposed and said, in whatever order that came."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.limits.gate import LimitGate
from streamer.limits.policy import AlertFacts, LimitPolicy
from tests.limits.handmade import HOUR, NOW, SURE, proposal, started, told, word


def propose(
    gate: LimitGate, account: str, *, at: int = NOW, number: int = 1, alert: str = "a-1"
) -> list[tuple[str, str, str]]:
    return told(gate.propose(proposal(account, alert, at=at), at, f"limits/0@{number}", at))


def test_a_limit_is_set_renewed_and_runs_out() -> None:
    gate = started()
    assert propose(gate, "a") == [("set", "a", "why")]
    assert propose(gate, "a", at=NOW + 13 * HOUR, number=2) == [("renewed", "a", "why")]
    assert told(gate.advance(NOW + 24 * HOUR)) == []
    assert told(gate.advance(NOW + 37 * HOUR)) == [("expired", "a", "expired")]
    assert not gate.standings


def test_a_tombstone_ends_a_limit() -> None:
    gate = started()
    propose(gate, "a")
    assert told(gate.withdraw("a", "limits/0@2", NOW)) == [("lifted", "a", "withdrawn")]
    assert told(gate.withdraw("a", "limits/0@3", NOW)) == []


def test_an_alert_that_comes_back_limits_again_and_a_week_after_it_was_dismissed_too() -> None:
    day, gate = 24 * HOUR, started()
    assert propose(gate, "a") == [("set", "a", "why")]
    assert told(gate.withdraw("a", "limits/0@2", NOW + 6 * HOUR)) == [("lifted", "a", "withdrawn")]
    gate.alert("a-1", SURE, "alerts/0@9", NOW + 2 * day)
    assert propose(gate, "a", at=NOW + 2 * day, number=3) == [("set", "a", "why")]
    gate.said_of_alert(word("dismiss", "a-1", order=1, at=NOW + 2 * day), NOW + 2 * day)
    gate.withdraw("a", "limits/0@4", NOW + 2 * day)
    assert propose(gate, "a", at=NOW + 8 * day + 12 * HOUR, number=5) == [("refused", "a", "lifted_by_person")]
    assert told(gate.advance(NOW + 9 * day - 1)) == []
    assert told(gate.advance(NOW + 9 * day)) == [("set", "a", "why")]


@pytest.mark.parametrize("policy, record", [("shadow", "enforce"), ("enforce", "shadow"), ("shadow", "shadow")])
def test_only_what_both_say_is_enforced(policy: str, record: str) -> None:
    gate = started(mode=policy)
    gate.propose(proposal("a", mode=record), NOW, "l", NOW)
    assert gate.standings["a"].mode == "shadow"


def test_the_default_is_shadow() -> None:
    assert LimitPolicy().mode == "shadow"


@pytest.mark.parametrize(
    "facts, reason",
    [
        (AlertFacts("info", 0.001), "severity"),
        (AlertFacts("nonsense", 0.001), "severity"),
        (AlertFacts("critical", 0.2), "uncertain"),
    ],
)
def test_an_alert_that_is_too_weak_or_too_unsure_limits_nobody(facts: AlertFacts, reason: str) -> None:
    gate = started()
    gate.alert("a-2", facts, "x", NOW)
    assert propose(gate, "a", alert="a-2") == [("refused", "a", reason)]
    assert propose(gate, "a", alert="a-2", number=1) == []


def test_a_person_makes_an_unsure_alert_certain_and_takes_it_back() -> None:
    gate = started()
    gate.alert("a-2", AlertFacts("warning", 0.2), "x", NOW)
    propose(gate, "a", alert="a-2")
    assert told(gate.said_of_alert(word("confirm", "a-2", order=1), NOW)) == [("set", "a", "why")]
    assert told(gate.said_of_alert(word("dismiss", "a-2", order=2), NOW)) == [("lifted", "a", "lifted_by_person")]
    assert told(gate.said_of_alert(word("confirm", "a-2", order=3), NOW)) == [("set", "a", "why")]


def test_only_a_person_blocks() -> None:
    gate = started(requests_per_minute=3)
    gate.propose(proposal("a", action="block"), NOW, "l", NOW)
    assert (gate.standings["a"].action, gate.standings["a"].requests_per_minute) == ("throttle", 3)
    gate.said_of_account("a", word("block", order=1), NOW)
    assert (gate.standings["a"].action, gate.standings["a"].requests_per_minute) == ("block", None)
    assert gate.standings["a"].author == "ada"
    # What a person said ends too, and then the detector's limit holds again.
    gate.advance(NOW + 24 * HOUR - 1)
    assert gate.standings["a"].action == "block"
    propose(gate, "a", at=NOW + 13 * HOUR, number=2)
    gate.advance(NOW + 24 * HOUR)
    assert gate.standings["a"].action == "throttle"


def test_a_word_about_an_alert_is_one_about_all_its_accounts() -> None:
    gate = started()
    propose(gate, "a")
    gate.said_of_alert(word("block", "a-1", order=1), NOW)
    propose(gate, "b")
    gate.alert("a-1", SURE._replace(accounts=("c",)), "x", NOW)
    assert {name: standing.action for name, standing in gate.standings.items()} == dict.fromkeys("abc", "block")


def test_who_was_lifted_is_not_limited_again_for_the_stated_time() -> None:
    gate = started(lift_holds_s=3 * 24 * 3600)
    propose(gate, "a")
    assert told(gate.said_of_account("a", word("lift", order=1), NOW)) == [("lifted", "a", "lifted_by_person")]
    assert propose(gate, "a", at=NOW + 12 * HOUR, number=2) == [("refused", "a", "lifted_by_person")]
    assert propose(gate, "a", at=NOW + 60 * HOUR, number=3) == [("refused", "a", "lifted_by_person")]
    assert told(gate.advance(NOW + 72 * HOUR)) == [("set", "a", "why")]


def test_the_last_word_counts() -> None:
    gate = started()
    propose(gate, "a")
    gate.said_of_account("a", word("lift", order=1), NOW)
    gate.said_of_account("a", word("limit", order=2), NOW)
    assert gate.standings["a"].author == "ada"
    gate.said_of_alert(word("lift", "a-1", order=3), NOW)
    assert "a" not in gate.standings


def test_nobody_on_the_allow_list_is_limited_not_even_by_a_person() -> None:
    gate = started(allow=frozenset("a"))
    assert propose(gate, "a") == [("refused", "a", "allow_list")]
    gate.said_of_account("a", word("block", order=1), NOW)
    assert not gate.standings


def test_a_detector_that_is_far_behind_limits_nobody() -> None:
    gate = started(max_lag_s=600)
    changes = gate.propose(proposal("a", at=NOW - HOUR), NOW, "l", NOW)
    assert told(changes) == [("refused", "a", "detector_lagging")]


def test_an_unknown_alert_is_waited_for_but_not_for_ever() -> None:
    gate = started()
    assert propose(gate, "a", alert="a-2") == []
    assert propose(gate, "b", alert="a-3") == []
    assert told(gate.alert("a-2", SURE, "x", NOW + 1)) == [("set", "a", "why")]
    assert told(gate.advance(NOW + 29_999)) == []
    assert told(gate.advance(NOW + 30_000)) == [("refused", "b", "unknown_alert")]
    assert told(gate.alert("a-3", SURE, "x", NOW + 40_000)) == [("set", "b", "why")]


def test_the_cap_holds_and_whoever_waits_gets_what_becomes_free() -> None:
    gate = started(max_accounts=2)
    assert propose(gate, "a") == [("set", "a", "why")]
    propose(gate, "b")
    assert propose(gate, "c") == [("refused", "c", "max_accounts")]
    assert propose(gate, "a", number=2) == [("renewed", "a", "why")]
    assert told(gate.withdraw("b", "x", NOW)) == [("lifted", "b", "withdrawn"), ("set", "c", "why")]


def test_while_stopped_nothing_holds_and_what_is_written_then_never_does() -> None:
    gate = started()
    propose(gate, "a")
    propose(gate, "b")
    stopped = gate.switched(stop=True, at_ms=NOW + 10, cause="x", now_ms=NOW + 10)
    assert told(stopped) == [("lifted", "a", "stopped"), ("lifted", "b", "stopped")]
    assert propose(gate, "b", at=NOW + 20, number=2) == [("refused", "b", "stopped")]
    gate.said_of_account("c", word("block", order=1), NOW + 20)
    assert not gate.standings
    gate.switched(stop=False, at_ms=NOW + 30, cause="x", now_ms=NOW + 30)
    assert set(gate.standings) == {"a", "c"}
    assert propose(gate, "b", at=NOW + 40, number=3) == [("set", "b", "why")]


steps = st.lists(
    st.tuples(
        st.sampled_from(["propose", "withdraw", "alert", "account", "said", "stop", "start"]),
        st.sampled_from("abcd"),
        st.sampled_from(["a-1", "a-2"]),
        st.sampled_from(["limit", "block", "lift", "confirm", "dismiss"]),
        st.sampled_from(["critical", "warning", "info"]),
    ),
    max_size=30,
)


def apply(gate: LimitGate, kind: str, number: int, step: tuple[str, str, str, str, str], now: int) -> None:
    _, account, alert, action, severity = step
    at = NOW + number * 1000
    if kind == "propose":
        gate.propose(proposal(account, alert, at=at), at, f"limits/0@{number}", now)
    elif kind == "withdraw":
        gate.withdraw(account, f"limits/0@{number}", now)
    elif kind == "alert":
        gate.alert(alert, AlertFacts(severity, 0.01, (account,)), f"alerts/0@{number}", now)
    elif kind == "account" and action in ("limit", "block", "lift"):
        gate.said_of_account(account, word(action, at=at, order=number), now)
    elif kind == "said":
        gate.said_of_alert(word(action, alert, at=at, order=number), now)
    elif kind in ("stop", "start"):
        gate.switched(stop=kind == "stop", at_ms=at, cause=f"feedback/0@{number}", now_ms=now)


@given(steps, st.randoms(use_true_random=False))
def test_everyone_who_reads_the_topics_comes_to_the_same_limits(
    found: list[tuple[str, str, str, str, str]], rng: random.Random
) -> None:
    """Reading along, and reading all of it later with the topics interleaved in another way, are one."""
    end = NOW + 60_000
    along = LimitGate(LimitPolicy(mode="enforce"))
    along.start(NOW)
    for number, step in enumerate(found):
        apply(along, step[0], number, step, NOW + number * 1000)
    along.advance(end)

    topics: dict[str, list[tuple[int, tuple[str, str, str, str, str]]]] = {"limits": [], "alerts": [], "feedback": []}
    for number, step in enumerate(found):
        topic = {"propose": "limits", "withdraw": "limits", "alert": "alerts"}.get(step[0], "feedback")
        topics[topic].append((number, step))
    later = LimitGate(LimitPolicy(mode="enforce"))
    while left := [topic for topic, messages in topics.items() if messages]:
        number, step = topics[rng.choice(left)].pop(0)
        apply(later, step[0], number, step, end)
    later.start(end)
    assert {name: s._replace(cause="") for name, s in later.standings.items()} == {
        name: s._replace(cause="") for name, s in along.standings.items()
    }


@given(steps, st.integers(0, 3))
def test_the_cap_is_never_exceeded(found: list[tuple[str, str, str, str, str]], cap: int) -> None:
    gate = LimitGate(LimitPolicy(max_accounts=cap))
    gate.start(NOW)
    for number, step in enumerate(found):
        apply(gate, step[0], number, step, NOW + number * 1000)
        assert len(gate.standings) <= cap
