"""Limits: what policy allows, once each, for a time, and taken back."""

from __future__ import annotations

from streamer.detection.limits import LimitBook
from streamer.detection.settings import LimitSettings
from tests.detection.handmade import alert

LIFE_MS = 1_000_000


def book(max_accounts: int = 100, allow: tuple[str, ...] = (), mode: str = "shadow") -> LimitBook:
    return LimitBook(
        LimitSettings(
            mode=mode,
            requests_per_minute=3,
            severities=("critical", "warning"),
            expires_after_s=LIFE_MS // 1000,
            max_accounts=max_accounts,
            allow=allow,
        )
    )


def names(limits: list[object]) -> list[str]:
    return [getattr(limit, "account_id", "") for limit in limits]


def test_a_limit_carries_the_policy_and_the_reason() -> None:
    (limit,) = book(mode="enforce").propose(alert("a-7"), ["x"], 500)
    assert (limit.account_id, limit.alert_id, limit.reason) == ("x", "a-7", "why")
    assert (limit.action, limit.requests_per_minute, limit.mode) == ("throttle", 3, "enforce")
    assert (limit.issued_at, limit.expires_at) == (500, 500 + LIFE_MS)


def test_the_mode_is_shadow_unless_an_operator_says_otherwise() -> None:
    assert book().propose(alert(), ["x"], 0)[0].mode == "shadow"


def test_only_firing_alerts_of_a_severity_that_is_named_limit() -> None:
    limits = book()
    assert limits.propose(alert(severity="info"), ["x"], 0) == []
    assert limits.propose(alert(status="resolved"), ["x"], 0) == []
    assert len(limits) == 0
    assert names([*limits.propose(alert(severity="warning"), ["x"], 0)]) == ["x"]


def test_who_is_allowed_is_never_limited() -> None:
    limits = book(allow=("vip",))
    assert names([*limits.propose(alert(), ["b", "vip", "a"], 0)]) == ["a", "b"]


def test_no_more_accounts_than_the_cap_are_limited() -> None:
    limits = book(max_accounts=2)
    assert names([*limits.propose(alert(), ["a", "b", "c"], 0)]) == ["a", "b"]
    assert limits.propose(alert("a-2"), ["d"], 0) == []
    assert len(limits) == 2


def test_a_limit_is_renewed_from_half_its_life_on() -> None:
    limits = book()
    limits.propose(alert(), ["a"], 0)
    assert limits.propose(alert(), ["a"], LIFE_MS // 2 - 1) == []
    (renewed,) = limits.propose(alert(), ["a"], LIFE_MS // 2)
    assert renewed.expires_at == LIFE_MS // 2 + LIFE_MS
    assert limits.propose(alert(), ["a"], LIFE_MS // 2) == []


def test_a_full_book_still_renews() -> None:
    limits = book(max_accounts=1)
    limits.propose(alert(), ["a"], 0)
    assert names([*limits.propose(alert(), ["a"], LIFE_MS // 2)]) == ["a"]


def test_what_has_run_out_is_forgotten_and_makes_room() -> None:
    limits = book(max_accounts=1)
    limits.propose(alert(), ["a"], 0)
    limits.expire(LIFE_MS - 1)
    assert len(limits) == 1
    limits.expire(LIFE_MS)
    assert len(limits) == 0
    assert limits.lift("a-1", LIFE_MS) == []
    assert names([*limits.propose(alert(), ["b"], LIFE_MS)]) == ["b"]


def test_an_alert_takes_back_its_own_limits_and_no_others() -> None:
    limits = book()
    limits.propose(alert("a-1"), ["y", "x"], 0)
    limits.propose(alert("a-2"), ["z", "x"], 0)
    lifted = limits.lift("a-1", 9)
    assert [(found.account_id, found.alert_id, found.lifted_at, found.expires_at) for found in lifted] == [
        ("x", "a-1", 9, 9),
        ("y", "a-1", 9, 9),
    ]
    assert len(limits) == 1
    assert limits.lift("a-1", 9) == []


def test_a_restored_book_knows_the_same() -> None:
    limits, again = book(), book()
    limits.propose(alert("a-1"), ["x"], 0)
    again.restore(limits.snapshot())
    assert again.propose(alert("a-1"), ["x"], 1) == []
    assert names([*again.lift("a-1", 2)]) == ["x"]


def test_one_account_that_finds_no_room_keeps_no_other_from_its_renewal() -> None:
    full = book(max_accounts=1)
    full.propose(alert(), ["b"], 0)
    assert names(list(full.propose(alert(), ["a", "b"], LIFE_MS * 3 // 4))) == ["b"]
