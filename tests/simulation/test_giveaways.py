"""No single field may tell campaign accounts from honest ones: what gives them away must be what they do together."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Final

import pytest

from streamer.simulation.scenario import Scenario, load
from streamer.simulation.world import World
from tests.simulation.scan import FEWEST, Scan, areas, precise, scan

pytestmark = pytest.mark.slow

PEOPLE: Final = 0.4
PROFILES: Final = ("relay", "replay", "hydra", "hydra_peak", "rotation", "february", "evasive")
# What accounts of a campaign share on purpose, in some profile.
LINKS: Final = {"client_ip", "address block", "payment_fingerprint", "device_id", "prompt_simhash"}
INJECTED: Final = {"hydra_peak": {"system_prompt_hash"}}
# What makes these loud: whatever follows from how much an account asks, and how even that is.
VOLUME: Final = {
    "requests",
    "log gap",
    "shortest gap",
    "kinds of status",
    "share of 529",
    "addresses",
    "unevenness of gaps",
}
MEANT: Final[dict[str, set[str]]] = {
    "hydra": {"one time of day", "weekend"},
    "hydra_peak": VOLUME | {"one time of day", "weekend", "repeated prompts"},
    # Four pools of six hours are back at the same time every day.
    "rotation": VOLUME | {"one time of day", "weekend"},
}


def world_of_everything() -> Scenario:
    """All classes, smaller, and every profile, over four days with a weekend."""
    base, hard = load("ordinary"), load("adversary_all").campaigns[0]
    honest = {
        name: wanted.model_copy(update={"accounts": max(1, round(wanted.accounts * PEOPLE))})
        for name, wanted in base.honest.items()
    }
    given = base.model_dump(exclude={"honest", "campaigns"}) | {"days": 4, "start": "2026-03-05"}
    built = Scenario.model_validate(given | {"campaigns": [campaign(name) for name in PROFILES]})
    careful = hard.model_copy(
        update={"name": "careful", "accounts": 40, "start_day": 0.2, "probe_days": 0, "ramp_days": 0}
    )
    return built.model_copy(update={"honest": honest, "campaigns": [*built.campaigns, careful]})


def campaign(profile: str) -> dict[str, Any]:
    loud = {"hydra_peak": {"accounts": 32, "pool_days": 2}, "rotation": {"accounts": 32}}
    return {"name": profile, "profile": profile, "accounts": 40, "start_day": 0.1, **loud.get(profile, {})}


@pytest.fixture(scope="module")
def seen() -> Scan:
    return scan(World(world_of_everything(), 3))


def test_no_value_belongs_to_campaigns_alone(seen: Scan) -> None:
    injected = set().union(*(INJECTED.get(name, set()) for name in seen.campaigns))
    found = {value: held for value, held in precise(seen).items() if value[0] not in LINKS | injected}
    assert found == {}


def test_what_two_accounts_share_is_not_theirs_alone(seen: Scan) -> None:
    pairs: dict[str, list[bool]] = defaultdict(list)
    working = seen.working
    for (name, _), accounts in seen.holders.items():
        if 2 <= len(accounts) < FEWEST and name not in LINKS:
            pairs[name].append(accounts <= working)
    telling = {name: (sum(found), len(found)) for name, found in pairs.items() if sum(found) > 0.5 * len(found) > 5}
    assert telling == {}


@pytest.mark.parametrize("name", [*PROFILES, "careful"])
def test_no_mean_of_an_account_tells_it_apart(seen: Scan, name: str) -> None:
    found = areas(seen, name)
    assert found
    meant = MEANT.get(name, set())
    assert {mean: area for mean, area in found.items() if not 0.1 < area < 0.9 and mean not in meant} == {}


@pytest.mark.parametrize("name", [name for name in MEANT if name not in {"hydra_peak", "rotation"}])
def test_what_is_meant_to_be_odd_is_odd_in_honest_accounts_too(seen: Scan, name: str) -> None:
    mine = seen.campaigns[name]
    for mean in MEANT[name]:
        values = {account: means[mean] for account, means in seen.accounts.items()}
        edge = sorted(values[account] for account in mine if account in values)
        honest = [value for account, value in values.items() if account not in seen.working]
        within = sum(edge[0] <= value <= edge[-1] for value in honest)
        assert within > 3 * len(edge)


def test_a_giveaway_is_found() -> None:
    told = {"name": "x", "profile": "hydra", "accounts": 40, "max_tokens": {12_345: 1}, "turns_mu": 3.0}
    base = load("small").model_dump(exclude={"campaigns"}, exclude_unset=True)
    found = scan(World(Scenario.model_validate({**base, "campaigns": [told]}), 1))
    assert ("max_tokens", 12_345) in precise(found)
    assert areas(found, "x")["requests per session"] > 0.9
