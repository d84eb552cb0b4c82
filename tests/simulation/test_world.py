from __future__ import annotations

import gzip
import json
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.errors import UsageError
from streamer.simulation.scenario import Scenario
from streamer.simulation.world import World
from streamer.simulation.writer import write_events, write_truth
from streamer.sources.event import RequestEvent
from tests.simulation.worlds import LOOK_ALIKES, actors, events, lines, scenario

CAMPAIGNS: list[dict[str, Any]] = [
    {"name": name, "profile": name, "accounts": 8, "requests_per_account_per_day": 15}
    for name in ("relay", "replay", "hydra", "hydra_peak", "rotation", "february", "evasive")
]
CAREFUL: dict[str, Any] = {
    "name": "careful",
    "profile": "hydra",
    "accounts": 8,
    "start_day": 0.5,
    "probe_days": 0.1,
    "prior_use_per_day": 5,
    "signup_lead_days": 30,
    "local_days": True,
    "days_off": 0.2,
    "quota_sigma": 1.0,
    "retry_flips": 32,
    "pools": 2,
    "pool_days": 0.2,
    "pool_gap_h": 0.5,
    "second_place": 0.5,
    "honest_ratio": 0.3,
    "resold": True,
}
CAMPAIGNS.append(CAREFUL)
SEEDS = st.integers(min_value=0, max_value=2**31)


@pytest.fixture(scope="module")
def everything() -> Scenario:
    return scenario(LOOK_ALIKES, CAMPAIGNS, launches=[{"day": 0.3}], incidents_per_week=20, variety=1.0)


@pytest.fixture(scope="module")
def schema(root: Path) -> dict[str, Any]:
    path = root.parent / "shared" / "contract" / "event.schema.json"
    if not path.is_file():
        pytest.skip("the contract's event.schema.json is not beside the repository")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


@settings(max_examples=5)
@given(seed=SEEDS)
def test_one_seed_makes_one_world(seed: int) -> None:
    few = {"individual": 20, "ci": 1, "cron": 3, "reseller": 3, "tool_release": 5}
    small = scenario(few, CAMPAIGNS[-2:], variety=1.0)
    first, second = World(small, seed), World(small, seed)
    assert lines(first) == lines(second)
    assert list(first.truth()) == list(second.truth())
    assert lines(World(small, seed + 1)) != lines(World(small, seed))


@settings(max_examples=5)
@given(seed=SEEDS)
def test_events_come_in_time_order_within_the_days_and_once(seed: int) -> None:
    world = World(scenario(LOOK_ALIKES, CAMPAIGNS, days=1.5, variety=0.5), seed)
    seen = events(world)
    times = [event["timestamp"] for event in seen]
    assert times == sorted(times)
    assert times[0] >= "2026-03-02T00:00:00.000Z"
    assert times[-1] < "2026-03-03T12:00:00.000Z"
    assert len({event["event_id"] for event in seen}) == len(seen)
    assert {event["account_id"] for event in seen} <= actors(world).keys()


@settings(max_examples=3)
@given(seed=SEEDS, fields=st.sampled_from(["all", "metadata_only", "no_signup", "no_prompt_features", "required_only"]))
def test_events_obey_the_contract(schema: dict[str, Any], seed: int, fields: str) -> None:
    validator = jsonschema.Draft202012Validator(schema)
    for event in events(World(scenario(LOOK_ALIKES, CAMPAIGNS, fields=fields), seed))[::5]:
        validator.validate(event)


def test_every_event_is_one_the_detector_can_read_whole(everything: Scenario) -> None:
    decoder = msgspec.json.Decoder(RequestEvent)
    names: set[str] = set()
    for line in lines(World(everything, 3)):
        decoder.decode(line)
        names |= json.loads(line).keys()
    assert names == set(RequestEvent.__struct_fields__) - {"system_prompt", "prompt"}


def test_no_event_is_older_than_its_account(everything: Scenario) -> None:
    for event in events(World(everything, 4)):
        created = datetime.fromisoformat(event["account_created_at"])
        assert created < datetime.fromisoformat(event["timestamp"])


@pytest.mark.parametrize(
    "fields, absent",
    [
        ("metadata_only", {"payment_fingerprint", "account_created_at", "prompt_simhash", "system_prompt_hash"}),
        ("no_signup", {"payment_fingerprint", "account_created_at", "email_domain", "plan"}),
        ("no_prompt_features", {"prompt_simhash", "system_prompt_hash", "capability", "tools_hash"}),
    ],
)
def test_a_gateway_that_knows_less_changes_nothing_else(fields: str, absent: set[str]) -> None:
    whole = events(World(scenario({"individual": 30}), 5))
    less = events(World(scenario({"individual": 30}, fields=fields), 5))
    assert absent <= set().union(*whole)
    assert not absent & set().union(*less)
    known = set().union(*less)
    assert less == [{name: value for name, value in event.items() if name in known} for event in whole]


def test_required_only_is_just_that() -> None:
    seen = events(World(scenario({"individual": 30}, fields="required_only"), 5))
    assert set().union(*seen) == {"event_id", "timestamp", "account_id", "model"}


def test_one_part_of_a_world_does_not_move_another() -> None:
    alone, among = (
        World(scenario({"individual": 30}), 7),
        World(scenario({"ci": 3, "individual": 30}, CAMPAIGNS[:2]), 7),
    )
    whose = actors(among)
    kept = [event for event in events(among) if whose[event["account_id"]] == "benign:individual"]

    def told(event: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in event.items() if name != "event_id"}

    assert list(map(told, kept)) == list(map(told, events(alone)))


def test_truth_names_every_account_once(everything: Scenario) -> None:
    world = World(everything, 1)
    records = list(world.truth())
    assert len({record["account_id"] for record in records}) == len(records) == world.account_count
    counts = Counter(record["actor"] for record in records)
    expected = {f"benign:{name}": count for name, count in LOOK_ALIKES.items()}
    assert counts == expected | {f"campaign:{campaign['name']}": 8 for campaign in CAMPAIGNS}


def test_the_forecast_is_about_right(everything: Scenario) -> None:
    world = World(everything, 2)
    assert 0.6 < len(lines(world)) / world.expected_events() < 1.6


def test_an_empty_world_is_silent() -> None:
    world = World(scenario(), 1)
    assert (lines(world), list(world.truth()), world.expected_events()) == ([], [], 0)


def test_in_an_incident_everyone_is_turned_away_more_often() -> None:
    world = World(scenario({"individual": 600}, incidents_per_week=30), 11)
    incidents = world.surroundings.incidents
    assert incidents
    start = datetime.fromisoformat("2026-03-02T00:00:00Z")
    hit: Counter[bool] = Counter()
    total: Counter[bool] = Counter()
    for event in events(world):
        ms = world.start_ms + (datetime.fromisoformat(event["timestamp"]) - start) // timedelta(milliseconds=1)
        inside = any(begins <= ms < ends for begins, ends, _ in incidents)
        total[inside] += 1
        hit[inside] += event["status"] == 529
    assert hit[True] / total[True] > 5 * hit[False] / total[False]


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".jsonl.zst"])
def test_files_hold_what_the_world_sends(tmp_path: Path, suffix: str) -> None:
    small = scenario({"individual": 20})
    path = tmp_path / f"deep/events{suffix}"
    told: list[int] = []
    assert write_events(World(small, 1), path, told.append) == sum(told)
    stored = path.read_bytes()
    if suffix == ".jsonl.gz":
        whole = gzip.decompress(stored)
    elif suffix == ".jsonl.zst":
        whole = zstandard.ZstdDecompressor().decompressobj().decompress(stored)
    else:
        whole = stored
    assert whole == b"".join(line + b"\n" for line in lines(World(small, 1)))
    again = tmp_path / f"again{suffix}"
    write_events(World(small, 1), again)
    assert again.read_bytes() == stored
    truth = tmp_path / f"truth{suffix}"
    assert write_truth(World(small, 1).truth(), truth) == 20


def test_an_unknown_suffix_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"found suffix '\.csv'; use \.jsonl"):
        write_truth([], tmp_path / "x.csv")
