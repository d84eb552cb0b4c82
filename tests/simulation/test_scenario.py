from __future__ import annotations

import itertools
from pathlib import Path
from typing import get_args

import pytest

from streamer.errors import ConfigError
from streamer.simulation import plan, scenario
from streamer.simulation.classes import CLASSES
from streamer.simulation.profiles import PROFILES
from streamer.simulation.world import World

GIVEN = """
start: 2026-03-02
days: 2
honest:
  individual: {accounts: 10}
campaigns:
  - {name: one, profile: hydra, accounts: 5, evenness: 0.4}
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "world.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_profile_gives_what_the_file_does_not(tmp_path: Path) -> None:
    loaded = scenario.load(written(tmp_path, GIVEN))
    campaign = loaded.campaigns[0]
    assert (loaded.name, campaign.accounts, campaign.evenness) == ("world", 5, 0.4)
    assert campaign.requests_per_account_per_day == PROFILES["hydra"]["requests_per_account_per_day"]


def test_every_class_and_profile_is_described() -> None:
    assert set(get_args(scenario.ClassName)) == set(CLASSES)
    assert set(get_args(plan.ProfileName)) == set(PROFILES)


SHORT = {"demo", "small", "million"}
EVALUATED = [name for name in scenario.names() if name not in SHORT]


@pytest.mark.parametrize("name", [name for name in scenario.names() if name != "million" and "_no_" not in name])
def test_shipped_scenarios_make_worlds(name: str) -> None:
    world = World(scenario.load(name), 1)
    assert world.scenario.description
    first = next(iter(world.events()))
    assert first
    assert sum(1 for _ in world.truth()) == world.account_count


@pytest.mark.parametrize("name", EVALUATED)
def test_a_week_of_honest_life_comes_before_every_campaign_and_three_days_follow(name: str) -> None:
    world = scenario.load(name)
    assert world.days >= 11
    for campaign in world.campaigns:
        assert campaign.start_day >= 7
        assert campaign.days >= 3
        assert world.days - campaign.start_day >= 3


@pytest.mark.parametrize("name", EVALUATED)
def test_evaluated_worlds_have_as_many_accounts_as_is_agreed(name: str) -> None:
    world = scenario.load(name)
    assert 2_000 <= sum(wanted.accounts for wanted in world.honest.values()) <= 6_000
    for campaign in world.campaigns:
        assert 30 <= campaign.accounts <= 100
    if world.campaigns:
        look_alikes = set(CLASSES) - {"individual", "launch_day"}
        assert look_alikes <= {str(name) for name, wanted in world.honest.items() if wanted.accounts}


def test_missing_fields_are_the_only_difference() -> None:
    for base in ("hydra", "replay", "evasive"):
        whole = scenario.load(base)
        for fields in ("metadata_only", "no_signup", "no_prompt_features"):
            less = scenario.load(f"{base}_{fields}")
            told = {"fields": fields, "name": less.name, "description": less.description}
            assert less == whole.model_copy(update=told)


def share_of_campaigns(name: str) -> float:
    loaded = scenario.load(name)
    whole = World(loaded, 1).expected_events() / loaded.days
    asked = sum(c.accounts / c.pools * c.requests_per_account_per_day for c in loaded.campaigns)
    honest = World(loaded.model_copy(update={"campaigns": []}), 1).expected_events() / loaded.days
    assert whole > honest
    return asked / (asked + honest)


def test_campaigns_are_between_half_and_a_thousandth_of_the_traffic() -> None:
    assert 0.4 < share_of_campaigns("dense") < 0.6
    assert 0.0008 < share_of_campaigns("sparse") < 0.003


def test_a_scenario_says_only_what_is_different_from_its_basis(tmp_path: Path) -> None:
    written(tmp_path, GIVEN)
    path = tmp_path / "other.yaml"
    path.write_text("based_on: world\ndays: 3\nhonest:\n  app: {accounts: 4}\n", encoding="utf-8")
    loaded = scenario.load(path)
    assert (loaded.name, loaded.days, loaded.description) == ("other", 3, "")
    assert {name: wanted.accounts for name, wanted in loaded.honest.items()} == {"individual": 10, "app": 4}
    assert loaded.campaigns == scenario.load(tmp_path / "world.yaml").campaigns


@pytest.mark.parametrize(
    "based_on, said",
    [
        ("world", "based_on: found world, which is based on this one; name another scenario"),
        ("nowhere", "based_on nowhere: cannot be read"),
        ("[a]", "based_on: found ['a']; allowed: a scenario's name"),
    ],
)
def test_a_basis_that_is_none_is_named(tmp_path: Path, based_on: str, said: str) -> None:
    path = written(tmp_path, GIVEN + f"based_on: {based_on}\n")
    with pytest.raises(ConfigError) as raised:
        scenario.load(path)
    assert said in str(raised.value)


def test_the_million_is_a_million() -> None:
    loaded = scenario.load("million")
    assert sum(wanted.accounts for wanted in loaded.honest.values()) == 1_000_000


def test_small_and_demo_are_as_large_as_they_say() -> None:
    assert 18_000 < World(scenario.load("small"), 1).expected_events() < 25_000
    assert 170_000 < World(scenario.load("demo"), 1).expected_events() < 250_000


@pytest.mark.parametrize(
    "old, new, said",
    [
        ("days: 2", "days: -1", "days: found -1; allowed: greater than 0"),
        ("days: 2", "", "days: is missing; give it"),
        ("honest:", "honst:", "honst: is no key of a scenario; allowed: name, description, start, days, honest"),
        ("individual", "individuals", "honest.individuals: found 'individuals'; allowed: 'individual', 'coding_tool'"),
        ("accounts: 10", "accounts: ten", "honest.individual.accounts: found 'ten'; allowed: a valid integer"),
        ("accounts: 10", "count: 10", "honest.individual.count: is no key of a scenario; allowed: accounts"),
        ("hydra", "hidra", "campaigns.0.profile: found 'hidra'; allowed: 'relay', 'replay'"),
        ("evenness: 0.4", "evenness: 2", "campaigns.0.evenness: found 2; allowed: less than or equal to 1"),
        ("evenness: 0.4", "even: 2", "campaigns.0.even: is no key of a scenario; allowed: name, profile"),
        ("evenness: 0.4", "languages: [xx]", "campaigns.0.languages: found ['xx']; allowed: any of en"),
        ("evenness: 0.4", "rhythm_country: XX", "campaigns.0.rhythm_country: found 'XX'; allowed: US, CA"),
        ("evenness: 0.4", "models: [0, 0, 0, 0, 0, 0]", "allowed: weights of which none is negative"),
        ("start: 2026-03-02", "start: soon", "start: found 'soon'; allowed: a valid date"),
    ],
)
def test_errors_name_file_key_value_and_what_is_allowed(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = written(tmp_path, GIVEN.replace(old, new))
    with pytest.raises(ConfigError) as raised:
        scenario.load(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert said in str(raised.value)
    assert raised.value.exit_code == 2


def test_an_unknown_profile_is_the_only_complaint(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        scenario.load(written(tmp_path, GIVEN.replace("hydra", "hidra")))
    assert len(raised.value.problems) == 1


def test_two_campaigns_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="every campaign needs a name of its own"):
        scenario.load(written(tmp_path, GIVEN + "  - {name: one, profile: relay}\n"))


@pytest.mark.parametrize("text", ["- a\n", "a: [\n", "just words\n", ""])
def test_what_is_no_scenario_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError):
        scenario.load(written(tmp_path, text))


def test_an_unknown_name_lists_the_shipped_ones() -> None:
    with pytest.raises(ConfigError, match=r"give a file, or one of adversary_aged, .* benign, .* demo"):
        scenario.load("nowhere")


def test_worlds_start_when_they_say() -> None:
    for name in itertools.islice(scenario.names(), 2):
        loaded = scenario.load(name)
        line = next(iter(World(loaded, 3).events()))[0]
        assert f'"timestamp":"{loaded.start}T00:'.encode() in line
