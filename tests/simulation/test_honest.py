from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from streamer.simulation.catalogue import PLACES
from streamer.simulation.scenario import Scenario
from streamer.simulation.world import World
from tests.simulation.worlds import events, scenario


def by_account(seen: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for event in seen:
        found[event["account_id"]].append(event)
    return found


def at(event: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(event["timestamp"])


def test_people_sleep_at_night_and_rest_on_sundays() -> None:
    seen = events(World(scenario({"individual": 300, "coding_tool": 60}, days=7), 1))
    local = [at(event) + timedelta(hours=PLACES[event["country"]][0]) for event in seen]
    hours = Counter(time.hour for time in local)
    assert sum(hours[h] for h in (2, 3, 4)) < 0.25 * sum(hours[h] for h in (14, 15, 16))
    weekdays = Counter(time.weekday() for time in local)
    assert weekdays[5] + weekdays[6] < 0.8 * (weekdays[1] + weekdays[2])


def test_a_few_accounts_do_most_of_the_work() -> None:
    counts = np.sort([len(of) for of in by_account(events(World(scenario({"individual": 800}, days=5), 2))).values()])
    assert counts[-len(counts) // 10 :].sum() > 0.35 * counts.sum()
    assert np.median(counts) < 0.7 * counts.mean()


def test_sessions_have_turns_and_pauses() -> None:
    sessions: dict[str, list[datetime]] = defaultdict(list)
    for event in events(World(scenario({"individual": 800}, days=3), 3)):
        sessions[event["session_id"]].append(at(event))
    turns = Counter(min(len(times), 4) for times in sessions.values())
    assert turns[1] > turns[2] > turns[3] > 0
    pauses = [(b - a).total_seconds() for times in sessions.values() for a, b in itertools.pairwise(times)]
    assert 60 < np.median(pauses) < 240


def test_a_popular_tool_gives_many_accounts_one_prompt_and_one_stack() -> None:
    accounts = by_account(events(World(scenario({"coding_tool": 300}, days=3), 4)))
    prompts = Counter(of[0].get("system_prompt_hash") for of in accounts.values())
    stacks = Counter((of[0]["user_agent"], of[0]["tls_fingerprint"]) for of in accounts.values())
    assert prompts.most_common(1)[0][1] > 0.4 * len(accounts)
    assert stacks.most_common(1)[0][1] > 0.3 * len(accounts)


def test_an_enterprise_is_one_organization_behind_one_address() -> None:
    world = scenario({"enterprise_nat": 200}, days=3)
    addresses: dict[str, Counter[str]] = defaultdict(Counter)
    payments: dict[str, set[str]] = defaultdict(set)
    for event in events(World(world, 5)):
        addresses[event["organization_id"]][event["client_ip"]] += 1
        payments[event["organization_id"]].add(event["payment_fingerprint"])
    for organization, counts in addresses.items():
        assert counts.most_common(1)[0][1] > 0.6 * counts.total()
        assert len(payments[organization]) == 1


@pytest.mark.parametrize("name, days", [("classroom", 5.0), ("hackathon", 1.25)])
def test_events_begin_with_new_accounts_and_end(name: str, days: float) -> None:
    seen = events(World(scenario({name: 60}, days=12), 6))
    ages = [at(event) - datetime.fromisoformat(event["account_created_at"]) for event in seen]
    assert max(ages) < timedelta(days=days + 0.1)
    addresses: dict[str, set[str]] = defaultdict(set)
    for event in seen:
        addresses[event["client_ip"]].add(event["account_id"])
    assert max(map(len, addresses.values())) > 10


def test_an_aggregator_passes_its_end_users_on() -> None:
    seen = events(World(scenario({"aggregator": 1}), 7))
    assert len({event["account_id"] for event in seen}) == 1
    assert len({event["end_user_id"] for event in seen}) > 100


def test_a_retry_storm_repeats_within_its_account() -> None:
    repeats = 0
    for of in by_account(events(World(scenario({"retry_storm": 6}), 8))).values():
        for before, after in itertools.pairwise(of):
            same = before["prompt_simhash"] == after["prompt_simhash"] and before["session_id"] == after["session_id"]
            repeats += same and before["status"] == 429
    assert repeats > 50


def test_a_robot_has_one_key_and_many_addresses() -> None:
    for of in by_account(events(World(scenario({"ci": 4}, days=3), 9))).values():
        assert len({event["api_key_id"] for event in of}) == 1
        assert len({event["client_ip"] for event in of}) > 5


def test_everyone_moves_to_a_launched_model_little_by_little() -> None:
    seen = events(World(scenario({"individual": 500}, days=10, launches=[{"day": 4}]), 10))
    shares = []
    for day in range(10):
        models = [event["model"] for event in seen if event["timestamp"].startswith(f"2026-03-{2 + day:02d}")]
        shares.append(sum(model == "meridian-5" for model in models) / len(models))
    assert max(shares[:4]) == 0
    assert 0 < shares[4] < shares[6] < shares[9] < 0.9


@pytest.mark.parametrize("name, rate", [("individual", 9.0), ("coding_tool", 20.0), ("batch_eval", 400.0)])
def test_the_rate_asked_for_is_the_median(name: str, rate: float) -> None:
    asked = {"accounts": 300 if rate < 100 else 12, "requests_per_account_per_day": rate, "requests_sigma": 0.3}
    given = Scenario.model_validate({"start": "2026-03-02", "days": 7, "honest": {name: asked}})
    seen = events(World(given, 11))
    counts = Counter(event["account_id"] for event in seen)
    created = {event["account_id"]: event["account_created_at"] for event in seen}
    old = [count / 7 for account, count in counts.items() if created[account] < "2026-03-02"]
    assert np.median(old) == pytest.approx(rate, rel=0.35)
