from __future__ import annotations

import itertools
from pathlib import Path
from typing import get_args

import pytest

from streamer.errors import ConfigError
from streamer.simulation import scenario
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
    assert set(get_args(scenario.ProfileName)) == set(PROFILES)


@pytest.mark.parametrize("name", [name for name in scenario.names() if name != "million"])
def test_shipped_scenarios_make_worlds(name: str) -> None:
    world = World(scenario.load(name), 1)
    assert world.scenario.description
    first = next(iter(world.events()))
    assert first
    assert sum(1 for _ in world.truth()) == world.account_count


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
    with pytest.raises(ConfigError, match="give a file, or one of benign, demo"):
        scenario.load("nowhere")


def test_worlds_start_when_they_say() -> None:
    for name in itertools.islice(scenario.names(), 2):
        loaded = scenario.load(name)
        line = next(iter(World(loaded, 3).events()))[0]
        assert f'"timestamp":"{loaded.start}T00:'.encode() in line
