from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.simulation.profiles import PROFILES
from streamer.simulation.world import World
from tests.simulation.worlds import events, scenario


def one(profile: str, days: float = 2.0, *, more_days: float = 0.0, **given: Any) -> list[dict[str, Any]]:
    """The events of a world with nothing but one campaign, that works at full speed from the beginning."""
    campaign = {"name": "x", "profile": profile, "accounts": 40, "ramp_days": 0, "days": days, **given}
    return events(World(scenario(campaigns=[campaign], days=days + more_days, incidents_per_week=0), 5))


def seconds(event: dict[str, Any]) -> float:
    return datetime.fromisoformat(event["timestamp"]).timestamp()


def values(seen: list[dict[str, Any]], field: str) -> dict[Any, set[str]]:
    """Accounts by value of a field."""
    found: dict[Any, set[str]] = defaultdict(set)
    for event in seen:
        found[event.get(field)].add(event["account_id"])
    return found


@pytest.mark.parametrize("profile", ["relay", "replay", "hydra", "hydra_peak", "rotation", "february", "evasive"])
def test_accounts_work_as_much_as_is_on_record(profile: str) -> None:
    rate = PROFILES[profile]["requests_per_account_per_day"]
    days = 2.0 if rate > 100 else 7.0
    seen = one(profile, days, accounts=12 if rate > 100 else 60, pools=1, rhythm="flat")
    first_tries = len({(event["session_id"], event.get("prompt_simhash"), event["input_tokens"]) for event in seen})
    accounts = 12 if rate > 100 else 60
    assert first_tries / accounts / days == pytest.approx(rate, rel=0.12)


@settings(max_examples=6)
@given(rate=st.floats(5, 200), accounts=st.integers(5, 60), evenness=st.floats(0, 1))
def test_the_rate_is_what_the_scenario_says(rate: float, accounts: int, evenness: float) -> None:
    seen = one("hydra", 3, accounts=accounts, requests_per_account_per_day=rate, evenness=evenness, turns_sigma=0)
    expected = 3 * rate * accounts
    slack = 5 * np.sqrt(expected) + 0.05 * expected
    assert abs(len(seen) - expected) < slack


def test_the_scheduler_uses_accounts_more_evenly_than_chance() -> None:
    def dispersion(evenness: float) -> float:
        seen = one("hydra", 4, evenness=evenness, turns_sigma=0, limited_ratio=0)
        counts = np.array(list(Counter(event["account_id"] for event in seen).values()))
        return float(counts.var() / counts.mean())

    assert dispersion(1.0) < 0.05
    assert dispersion(0.9) < 0.5
    assert 0.5 < dispersion(0.0) < 2


def test_round_the_clock_is_flat_and_a_human_day_is_not() -> None:
    def spread(rhythm: str) -> float:
        hours = Counter(event["timestamp"][11:13] for event in one("hydra", 4, rhythm=rhythm))
        return max(hours.values()) / min(hours.values())

    assert spread("flat") < 2
    assert spread("human") > 5


def test_less_jitter_is_a_metronome() -> None:
    def variation(jitter: float) -> float:
        given = {"jitter": jitter, "limited_ratio": 0, "turns_sigma": 0, "requests_per_account_per_day": 200}
        gaps = np.diff([seconds(event) for event in one("hydra", 1, **given)])
        return float(gaps.std() / gaps.mean())

    assert variation(0.0) < 0.4
    assert variation(1.0) > 0.8


def test_work_turned_away_goes_to_a_sibling_within_seconds() -> None:
    seen = one("rotation", 1, pools=1, limited_ratio=0.05, session_follows=True, turns_sigma=0)
    asked: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for event in seen:
        asked[event["session_id"]].append(event)
    moved, waits = 0, []
    for tries in asked.values():
        for before, after in pairwise(tries):
            if before["status"] == 429:
                assert before["prompt_simhash"] == after["prompt_simhash"]
                moved += before["account_id"] != after["account_id"]
                waits.append(seconds(after) - seconds(before))
    assert moved > 0.6 * len(waits) > 100
    assert np.median(waits) < 10


def test_prompts_are_variants_of_a_few_templates() -> None:
    seen = one("hydra_peak", 0.2, templates=2, template_flips=3, template_ratio=1)
    hashes = [int(event["prompt_simhash"], 16) for event in seen]
    centres: list[int] = []
    for value in hashes:
        if not any((value ^ centre).bit_count() <= 6 for centre in centres):
            centres.append(value)
    assert len(centres) == 2
    assert len(set(hashes)) > 50


def test_a_fixed_injected_prompt_is_everyones() -> None:
    assert len(values(one("hydra_peak", 0.2), "system_prompt_hash")) == 1


@pytest.mark.parametrize("size", [1, 5, 20])
def test_identities_are_shared_by_as_many_as_asked(size: int) -> None:
    seen = one("hydra", 2, stacks={"tool": 1}, accounts_per_payment=size, accounts_per_device=size)
    for field in ("payment_fingerprint", "device_id"):
        assert {len(accounts) for accounts in values(seen, field).values()} == {size}


def test_addresses_lie_in_as_few_blocks_as_asked() -> None:
    seen = [event for event in one("hydra", 2, accounts_per_address=10) if "." in event["client_ip"]]
    for event in seen:
        event["block"] = event["client_ip"].rpartition(".")[0]
    assert max(len(accounts) for accounts in values(seen, "block").values()) > 3
    lone = one("hydra", 2, accounts_per_address=1)
    assert max(len(accounts) for accounts in values(lone, "client_ip").values()) == 1


def test_addresses_stick_for_a_day() -> None:
    addresses: dict[str, set[str]] = defaultdict(set)
    for event in one("evasive", 6):
        addresses[event["account_id"]].add(event["client_ip"])
    assert 4 <= np.median([len(of) for of in addresses.values()]) <= 10


def test_pools_take_turns() -> None:
    active: dict[int, set[str]] = defaultdict(set)
    start = seconds({"timestamp": "2026-03-02T00:00:00Z"})
    for event in one("rotation", 2):
        phase, within = divmod(seconds(event) - start, 21_600)
        # A retry may come after the change.
        if within > 120:
            active[int(phase)].add(event["account_id"])
    assert [len(active[phase]) for phase in range(4)] == [10] * 4
    assert len(set().union(*(active[phase] for phase in range(4)))) == 40
    assert active[0] == active[4]


def test_a_banned_pool_is_replaced_for_good() -> None:
    days: dict[str, set[str]] = defaultdict(set)
    for event in one("hydra_peak", 2, pool_days=1):
        if event["timestamp"][11:16] > "00:05":
            days[event["timestamp"][:10]].add(event["account_id"])
    first, second = days["2026-03-02"], days["2026-03-03"]
    assert (len(first), len(second), first & second) == (20, 20, set())


def test_it_begins_and_ends_when_told_and_ramps_up() -> None:
    given = {"name": "x", "profile": "hydra", "accounts": 60, "start_day": 1, "days": 1, "ramp_days": 0.5}
    times = [event["timestamp"] for event in events(World(scenario(campaigns=[given], days=3), 1))]
    assert "2026-03-03" <= times[0] < "2026-03-03T06"
    assert times[-1] < "2026-03-04T00"
    early, late = (sum(t[11:13] in hours for t in times) for hours in (("00", "01", "02"), ("20", "21", "22")))
    assert early < 0.6 * late


def test_half_of_an_evasive_accounts_day_looks_like_a_persons() -> None:
    seen = one("evasive", 6, accounts=60)
    assert len(seen) / 60 / 6 == pytest.approx(20, rel=0.2)
    nothing_shared = ("payment_fingerprint", "device_id", "client_ip", "api_key_id")
    for field in nothing_shared:
        shared = {value: accounts for value, accounts in values(seen, field).items() if value is not None}
        assert max(map(len, shared.values())) == 1
    prompts = values(seen, "prompt_simhash")
    assert sum(len(accounts) > 1 for accounts in prompts.values()) < 0.02 * len(prompts)


def test_a_campaign_follows_a_launch_faster_than_people() -> None:
    given = {"name": "x", "profile": "february", "accounts": 60, "days": 6}
    world = scenario({"individual": 400}, [given], days=6, launches=[{"day": 3}])
    built = World(world, 2)
    whose = {record["account_id"]: record["actor"] for record in built.truth()}
    moved: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for event in events(built):
        if event["timestamp"].startswith("2026-03-06"):
            total[whose[event["account_id"]]] += 1
            moved[whose[event["account_id"]]] += event["model"] == "meridian-5"
    campaign, people = (moved[name] / total[name] for name in ("campaign:x", "benign:individual"))
    assert campaign > 0.45 > 2 * people


def test_half_of_februarys_traffic_moves_within_a_day_of_a_launch() -> None:
    given = {"name": "x", "profile": "february", "accounts": 80, "days": 5}
    seen = events(World(scenario(campaigns=[given], days=5, launches=[{"day": 3}]), 4))
    times = [event for event in seen if "2026-03-05T18" <= event["timestamp"] < "2026-03-06T06"]
    assert 0.35 < sum(event["model"] == "meridian-5" for event in times) / len(times) < 0.65


def test_resold_accounts_carry_many_customers() -> None:
    def languages(**given: Any) -> float:
        accounts = defaultdict(set)
        for event in one("february", 4, languages=["en"], **given):
            accounts[event["account_id"]].add(event["language"])
        return float(np.mean([len(of) for of in accounts.values()]))

    assert languages(resold=True) > 5
    assert languages(honest_ratio=0) == 1


def test_who_takes_over_has_a_session_of_its_own() -> None:
    def shared(*, follows: bool) -> int:
        seen = one("rotation", 0.5, pools=1, limited_ratio=0.05, session_follows=follows)
        return sum(len(accounts) > 1 for accounts in values(seen, "session_id").values())

    assert shared(follows=True) > 50
    assert shared(follows=False) == 0


def test_accounts_can_share_no_payment_as_in_replay() -> None:
    assert {len(accounts) for accounts in values(one("replay"), "payment_fingerprint").values()} == {1}


def test_a_probe_is_small_and_comes_first() -> None:
    seen = one("hydra", 3, probe_days=1, probe_ratio=0.1, probe_accounts=0.2)
    days = {
        day: [event for event in seen if event["timestamp"].startswith(day)] for day in ("2026-03-02", "2026-03-04")
    }
    assert len({event["account_id"] for event in days["2026-03-02"]}) <= 8
    assert len(days["2026-03-02"]) < 0.2 * len(days["2026-03-04"])
    assert len({event["account_id"] for event in days["2026-03-04"]}) == 40


def test_aged_accounts_were_used_lightly_before() -> None:
    given = {"name": "x", "profile": "hydra", "accounts": 60, "start_day": 6, "days": 2, "ramp_days": 0}
    given |= {"signup_spread_days": 100, "signup_lead_days": 40, "prior_use_per_day": 2}
    seen = events(World(scenario(campaigns=[given], days=8), 6))
    before = [event for event in seen if event["timestamp"] < "2026-03-08"]
    assert len(before) / 60 / 6 == pytest.approx(2.5, rel=0.4)
    assert len({event["account_id"] for event in before}) > 40
    assert max(event["account_created_at"] for event in seen) < "2026-01-30"


def test_retries_can_be_written_anew() -> None:
    def nearest(flips: int) -> float:
        seen = one("rotation", 0.5, pools=1, limited_ratio=0.1, retry_flips=flips, template_ratio=0, turns_sigma=0)
        tries: dict[Any, list[int]] = defaultdict(list)
        for event in seen:
            tries[event["input_tokens"], event.get("max_tokens")].append(int(event["prompt_simhash"], 16))
        pairs = [(a ^ b).bit_count() for hashes in tries.values() for a, b in pairwise(hashes)]
        return sum(pair == 0 for pair in pairs) / len(pairs)

    assert nearest(0) > 0.02
    assert nearest(32) < 0.2 * nearest(0)


def test_accounts_can_keep_a_persons_hours() -> None:
    by_country: dict[str, Counter[int]] = defaultdict(Counter)
    for event in one("hydra", 5, local_days=True, networks={"home": 1}, accounts_per_address=1):
        by_country[event["country"]][int(event["timestamp"][11:13])] += 1
    nights = {"US": range(8, 12), "JP": range(17, 21)}
    for country, hours in nights.items():
        counts = by_country[country]
        assert sum(counts[hour] for hour in hours) < 0.4 * counts.total() * 4 / 24
    # The operator as a whole does not sleep.
    whole = sum(by_country.values(), Counter[int]())
    assert max(whole.values()) < 2 * min(whole.values())


def test_quotas_can_be_as_unequal_as_people() -> None:
    def dispersion(**given: Any) -> float:
        counts = np.array(list(Counter(event["account_id"] for event in one("hydra", 4, **given)).values()))
        return float(counts.var() / counts.mean())

    assert dispersion(evenness=0.0, quota_sigma=1.0) > 10 * dispersion(evenness=0.0)


def test_accounts_can_have_days_off() -> None:
    def idle(days_off: float) -> float:
        days = defaultdict(set)
        for event in one("hydra", 6, days_off=days_off):
            days[event["account_id"]].add(event["timestamp"][:10])
        return 1 - float(np.mean([len(of) / 6 for of in days.values()]))

    assert idle(0.0) < 0.02
    # Days off are local, days here are those of Greenwich.
    assert idle(0.4) > 0.1


def test_a_banned_pool_is_replaced_within_the_hour() -> None:
    seen = [seconds(event) for event in one("hydra_peak", 2, pool_days=1, pool_gap_h=0.5, accounts=60)]
    change = seconds({"timestamp": "2026-03-03T00:00:00Z"})
    after = [time - change for time in seen if time > change + 60]
    assert 600 < min(after) < 3600
    hour = sum(3600 <= time < 7200 for time in after)
    assert hour == pytest.approx(sum(-3600 <= time - change < 0 for time in seen), rel=0.2)


def test_bystanders_share_one_thing_each_and_are_honest() -> None:
    given = {"name": "x", "profile": "hydra", "accounts": 40, "days": 3, "bystanders": 12, "lease_days": 100}
    world = World(scenario(campaigns=[given], days=3), 8)
    whose = {record["account_id"]: record["actor"] for record in world.truth()}
    assert Counter(whose.values()) == {"campaign:x": 40, "benign:bystander": 12}
    seen = events(world)
    cards = [{whose[account] for account in of} for card, of in values(seen, "payment_fingerprint").items() if card]
    assert sum(len(kinds) == 2 for kinds in cards) >= 1
    for event in seen:
        event["block"] = event["client_ip"].rpartition(".")[0]
    blocks = [{whose[account] for account in of} for block, of in values(seen, "block").items() if block]
    assert sum(len(kinds) == 2 for kinds in blocks) >= 2
