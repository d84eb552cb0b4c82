"""What the honest look-alikes have in common with campaigns, and what tells them apart."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from streamer.simulation.world import World
from tests.simulation.worlds import events, scenario

Events = list[dict[str, Any]]


def of(name: str, accounts: int, days: float = 3, seed: int = 1, **more: Any) -> Events:
    return events(World(scenario({name: accounts}, days=days, incidents_per_week=0, variety=1.0, **more), seed))


def at(event: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(event["timestamp"])


def holders(seen: Events, field: str) -> dict[Any, set[str]]:
    found: dict[Any, set[str]] = defaultdict(set)
    for event in seen:
        if event.get(field) is not None:
            found[event[field]].add(event["account_id"])
    return found


def most(seen: Events, field: str) -> int:
    return max(map(len, holders(seen, field).values()))


@pytest.mark.parametrize("name, organizations", [("enterprise_gateway", 6), ("reseller", 6)])
def test_a_gateway_spreads_load_and_fails_over_within_one_organization(name: str, organizations: int) -> None:
    seen = of(name, 42, days=5)
    whose = {event["account_id"]: event["organization_id"] for event in seen}
    assert len(set(whose.values())) <= organizations
    tries: dict[str, Events] = defaultdict(list)
    for event in seen:
        tries[event["session_id"]].append(event)
    moved = 0
    for asked in tries.values():
        for before, after in pairwise(asked):
            if before["status"] == 429 and before["account_id"] != after["account_id"]:
                assert before["organization_id"] == after["organization_id"]
                moved += at(after) - at(before) < timedelta(seconds=30)
    assert moved > 30
    counts = Counter(event["account_id"] for event in seen)
    for organization in set(whose.values()):
        group = np.array([count for account, count in counts.items() if whose[account] == organization])
        assert group.std() < 0.25 * group.mean()


def test_a_reseller_says_for_whom_it_asks() -> None:
    seen = of("reseller", 16)
    assert all("end_user_id" in event for event in seen)
    assert len({event["language"] for event in seen}) > 6


def test_jobs_of_strangers_run_by_the_clock_with_one_sdk() -> None:
    seen = of("cron", 120, days=4)
    first = [event for event in seen if event["status"] == 200]
    minutes = Counter(at(event).minute for event in first)
    assert minutes[0] > 3 * minutes[37]
    assert most(seen, "payment_fingerprint") == 1
    assert most(seen, "tls_fingerprint") > 20
    gaps = []
    for account in {event["account_id"] for event in first}:
        starts = [at(event).timestamp() for event in first if event["account_id"] == account]
        sessions = [b - a for a, b in pairwise(starts) if b - a > 120]
        if len(sessions) > 10:
            gaps.append(np.std(sessions) / np.mean(sessions))
    assert np.median(gaps) < 0.3


def test_strangers_run_one_workflow_at_minutes_of_their_own_round_the_clock() -> None:
    seen = of("workflow", 90, days=4)
    assert len(holders(seen, "user_agent")) == 1
    for field in ("payment_fingerprint", "client_ip", "device_id"):
        assert not holders(seen, field) or most(seen, field) == 1
    assert most(seen, "system_prompt_hash") > 70
    assert len(holders(seen, "country")) > 5
    assert len({event["account_created_at"][:7] for event in seen}) > 10
    hours = Counter(at(event).hour for event in seen)
    assert max(hours.values()) < 1.5 * min(hours.values())
    tries: dict[str, Events] = defaultdict(list)
    for event in seen:
        tries[event["session_id"]].append(event)
    starts: dict[str, list[datetime]] = defaultdict(list)
    for asked in tries.values():
        starts[asked[0]["account_id"]].append(at(asked[0]))
    assert len(starts) == 90
    turns = [np.exp(2j * np.pi * np.array([time.timestamp() for time in times]) / 1800) for times in starts.values()]
    assert min(abs(turn.mean()) for turn in turns) > 0.95
    assert len({round(float(np.angle(turn.mean())), 1) for turn in turns}) > 15
    hourly = [len(times) for times in starts.values() if 80 < len(times) < 100]
    assert len(hourly) > 40


def test_a_workflow_that_is_turned_away_tries_again_by_itself() -> None:
    seen = of("workflow", 90, days=4)
    assert most(seen, "session_id") == 1
    refused = {event["session_id"] for event in seen if event["status"] == 429}
    again = {event["session_id"] for event in seen if event["status"] == 200}
    assert len(refused & again) > 0.7 * len(refused) > 50


def test_a_workflow_that_runs_daily_makes_several_calls_in_one_go() -> None:
    seen = of("workflow", 90, days=4)
    days: dict[str, Counter[int]] = defaultdict(Counter)
    for event in seen:
        days[event["account_id"]][at(event).hour] += 1
    daily = [hours for hours in days.values() if len(hours) <= 2]
    assert 2 <= len(daily) <= 20
    assert all(sum(hours.values()) >= 3 * 3 for hours in daily)


def test_strangers_at_a_game_jam_share_a_starter_kit_for_two_days() -> None:
    seen = of("game_jam", 40, days=8, seed=3)
    times = [at(event) for event in seen]
    assert timedelta(days=1.5) < max(times) - min(times) < timedelta(days=2.8)
    for field in ("payment_fingerprint", "client_ip", "device_id"):
        assert most(seen, field) == 1
    assert len(holders(seen, "country")) > 5
    assert most(seen, "system_prompt_hash") > 10
    new = {e["account_id"] for e in seen if at(e) < datetime.fromisoformat(e["account_created_at"]) + timedelta(days=1)}
    counts = np.array(list(Counter(event["account_id"] for event in seen).values()))
    assert 0.5 < len(new) / len(counts) < 0.95
    assert counts.std() > 0.7 * counts.mean()


def test_apps_ask_once_at_any_hour_and_share_nothing() -> None:
    seen = of("app", 150, days=4)
    hours = Counter(at(event).hour for event in seen)
    assert max(hours.values()) < 2 * min(hours.values())
    assert len(seen) / len({event["session_id"] for event in seen}) < 1.5
    for field in ("payment_fingerprint", "system_prompt_hash", "client_ip"):
        assert most(seen, field) == 1


def test_a_new_release_of_a_tool_gives_many_old_accounts_new_prompts_at_once() -> None:
    seen = of("tool_release", 80, days=9)
    prompts = holders(seen, "system_prompt_hash")
    released = next(
        prompt
        for prompt, accounts in prompts.items()
        if len(accounts) > 40 and min(at(event) for event in seen if event.get("system_prompt_hash") == prompt).day > 4
    )
    times = [at(event) for event in seen if event.get("system_prompt_hash") == released]
    users = prompts[released]
    assert len({event["account_id"] for event in seen if at(event) < min(times)} & users) > 0.8 * len(users)
    assert most([event for event in seen if at(event) > min(times)], "payment_fingerprint") == 1


def test_a_webinar_pastes_the_same_prompts_for_an_afternoon() -> None:
    seen = of("webinar", 140, days=4)
    times = [at(event) for event in seen]
    assert max(times) - min(times) < timedelta(hours=6)
    assert most(seen, "prompt_simhash") > 25
    new = {event["account_id"] for event in seen if at(event).date().isoformat() <= event["account_created_at"][:10]}
    assert 0.3 < len(new) / len({event["account_id"] for event in seen}) < 0.7


def test_a_team_in_shifts_is_one_firm_round_the_clock() -> None:
    seen = of("shift_team", 9, days=6)
    assert len({event["organization_id"] for event in seen}) <= 2
    assert len({event["language"] for event in seen}) > 7
    shifts = Counter(at(event).hour // 8 for event in seen)
    assert min(shifts.values()) > 0.2 * len(seen)
    counts = np.array(list(Counter(event["account_id"] for event in seen).values()))
    assert counts.std() < 0.7 * counts.mean()


@pytest.mark.parametrize("name, accounts, least", [("campus", 180, 40), ("vpn", 90, 12)])
def test_strangers_behind_one_address_pay_each_for_themselves(name: str, accounts: int, least: int) -> None:
    seen = of(name, accounts)
    assert most(seen, "client_ip") >= least
    assert most(seen, "payment_fingerprint") == 1
    assert most(seen, "device_id") == 1


def test_a_family_shares_a_card_and_an_address_but_no_device() -> None:
    seen = of("family", 90, days=6)
    cards = [len(accounts) for accounts in holders(seen, "payment_fingerprint").values()]
    assert 2 <= np.mean(cards) <= 4 >= max(cards)
    assert most(seen, "device_id") == 1
    assert most(seen, "client_ip") >= 2


def test_a_newspaper_brings_strangers_within_hours_who_lose_interest() -> None:
    seen = of("press_day", 300, days=10, seed=3)
    signed_up = [datetime.fromisoformat(event["account_created_at"]) for event in seen]
    assert max(signed_up) - min(signed_up) < timedelta(hours=15)
    assert most(seen, "payment_fingerprint") == 1
    first = min(map(at, seen))
    early, late = (
        sum(first + timedelta(days=a) < at(e) < first + timedelta(days=b) for e in seen) for a, b in ((0, 2), (4, 6))
    )
    assert early > 2 * late


def test_old_customers_come_back_within_days() -> None:
    seen = of("returning", 200, days=10, seed=3)
    first = min(map(at, seen))
    assert first > datetime.fromisoformat("2026-03-02T06:00:00Z")
    assert max(event["account_created_at"] for event in seen) < "2026-03-02"
    early = {event["account_id"] for event in seen if at(event) < first + timedelta(days=2)}
    assert len(early) > 0.6 * len({event["account_id"] for event in seen})


def test_translators_write_in_many_languages_each_alone() -> None:
    seen = of("translator", 60, days=6)
    spoken: dict[str, set[str]] = defaultdict(set)
    for event in seen:
        spoken[event["account_id"]].add(event["language"])
    assert np.median([len(languages) for languages in spoken.values()]) > 6
    assert most(seen, "payment_fingerprint") == 1


def test_with_variety_people_of_one_class_differ() -> None:
    def spread(variety: float) -> float:
        world = World(scenario({"individual": 300}, days=8, variety=variety), 2)
        sessions: dict[str, Counter[str]] = defaultdict(Counter)
        for event in events(world):
            sessions[event["account_id"]][event["session_id"]] += 1
        return float(np.std([np.log(np.mean(list(s.values()))) for s in sessions.values() if len(s) >= 15]))

    assert spread(1.0) > 1.5 * spread(0.0)


def test_a_firm_that_moves_stops_on_one_account_and_starts_on_another_within_the_hour() -> None:
    seen = of("migration", 12, days=8)
    groups: dict[str, dict[str, list[datetime]]] = defaultdict(lambda: defaultdict(list))
    for event in seen:
        groups[event["organization_id"]][event["account_id"]].append(at(event))
    end = max(map(at, seen))
    for accounts in groups.values():
        old = [times for times in accounts.values() if max(times) < end - timedelta(days=0.7)]
        new = [times for times in accounts.values() if max(times) >= end - timedelta(days=0.7)]
        assert old
        assert new
        stopped, started = max(map(max, old)), min(map(min, new))
        assert timedelta(0) <= started - stopped < timedelta(hours=2)


def test_a_person_with_several_accounts_goes_on_with_the_next_one() -> None:
    seen = of("several_accounts", 60, days=6)
    assert most(seen, "device_id") in {2, 3}
    tries: dict[str, Events] = defaultdict(list)
    for event in seen:
        tries[event["session_id"]].append(event)
    moved = [
        (before, after)
        for asked in tries.values()
        for before, after in pairwise(asked)
        if before["status"] == 429 and before["account_id"] != after["account_id"]
    ]
    assert len(moved) > 20
    assert {before["device_id"] == after["device_id"] for before, after in moved} == {True}
