"""Who one shared value binds: a prompt that many send shows nobody's control."""

from __future__ import annotations

import numpy as np
import pytest

from streamer.detection.bonds import MIN_PASSERS_RATIO
from tests.detection.ground import Ground
from tests.detection.handmade import SLOTS, asked_at, slots_of

SIZE = 24
VOLUMES = np.arange(SIZE)[:, np.newaxis] * 11 % 60 * np.ones((1, 10), dtype=np.int64)


def banded(ground: Ground, names: list[str], kind: str) -> list[str]:
    """Of accounts that share one value, those that it binds by itself."""
    ground.tie(names, "value", kind)
    union = ground.grow(names, "value", kind=kind)
    assert ground.inside(union) == names
    return ground.named(union.banded)


def differing() -> tuple[Ground, list[str]]:
    """Accounts of which one asks much and the next little."""
    ground = Ground()
    return ground, ground.accounts("a", SIZE, bins=VOLUMES)


@pytest.mark.parametrize("kind", ["template", "system_prompt", "signup_cohort", "tools"])
def test_what_many_share_of_whom_none_passed_a_request_on_and_who_differ_binds_nobody(kind: str) -> None:
    assert banded(*differing(), kind) == []


@pytest.mark.parametrize("kind", ["template", "signup_cohort"])
def test_what_accounts_share_that_are_used_evenly_binds_them(kind: str) -> None:
    ground = Ground()
    names = ground.accounts("a", SIZE, bins=60)
    assert banded(ground, names, kind) == names


def test_that_timers_make_them_even_binds_nobody() -> None:
    for active, bound in ((np.arange(SLOTS) % 6 == 0, 0), (asked_at(SIZE, 24), SIZE)):
        ground = Ground()
        names = ground.accounts("a", SIZE, slots=slots_of(np.broadcast_to(active, (SIZE, SLOTS))))
        assert banded(ground, names, "template") == names[:bound]


@pytest.mark.parametrize("kind, other, binds", [("template", "template", True), ("template", "system_prompt", False)])
def test_prompts_that_are_alike_bind_together_those_whom_none_of_them_binds(
    kind: str,
    other: str,
    binds: bool,  # noqa: FBT001
) -> None:
    ground = Ground()
    # So much scatter that half of them are not improbable, and all of them are.
    names = ground.accounts("a", 16, bins=60 + np.arange(16)[:, np.newaxis] % 3 * 2 * np.ones((1, 10), dtype=np.int64))
    one, another = names[:10], names[6:]
    ground.tie(one, "one", kind)
    ground.tie(another, "another", other)
    union = ground.grow(one, "one", kind=kind)
    assert ground.inside(union) == names
    assert ground.named(union.banded) == (names if binds else [])


@pytest.mark.parametrize("passers, binds", [(5, False), (6, True)])
def test_a_quarter_that_passed_requests_on_among_themselves_is_enough(passers: int, binds: bool) -> None:  # noqa: FBT001
    assert MIN_PASSERS_RATIO * SIZE == 6
    ground, names = differing()
    for giver, taker in zip(names[:passers], [*names[1:passers], names[0]], strict=True):
        ground.passes(giver, taker)
    assert banded(ground, names, "template") == (names if binds else [])


@pytest.mark.parametrize("size, binds", [(7, False), (8, True)])
def test_fewer_than_make_a_group_are_bound_by_no_prompt(size: int, binds: bool) -> None:  # noqa: FBT001
    ground = Ground()
    names = ground.accounts("a", size)
    for giver, taker in zip(names[::2], names[1::2], strict=False):
        ground.passes(giver, taker)
    assert banded(ground, names, "template") == (names if binds else [])


@pytest.mark.parametrize("kind", ["payment", "device"])
def test_a_card_or_a_device_binds_whatever_its_accounts_do(kind: str) -> None:
    ground, names = differing()
    assert banded(ground, names, kind) == names


def test_an_address_block_never_binds() -> None:
    ground = Ground()
    assert banded(ground, ground.accounts("a", SIZE), "address_block") == []
