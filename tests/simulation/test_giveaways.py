"""No single field may tell campaign accounts from honest ones: what gives them away must be what they do together."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import rankdata

from streamer.simulation.scenario import load
from streamer.simulation.world import World
from tests.simulation.worlds import actors

pytestmark = pytest.mark.slow

# What names one thing, and what campaigns share on purpose.
NAMES = {"event_id", "timestamp", "account_id", "session_id", "api_key_id", "end_user_id", "account_created_at"}
LINKS = {"client_ip", "payment_fingerprint", "device_id", "organization_id", "prompt_simhash"}
INJECTED = {"hydra_peak": "system_prompt_hash"}
AMOUNTS = {"input_tokens", "output_tokens", "cache_read_tokens", "reasoning_tokens", "duration_ms"}
MEANS = (*sorted(AMOUNTS), "max_tokens", "tool_count", "stream", "refused", "limited", "overloaded", "failed")
FEWEST = 8


# Seldom enough that most accounts never see one: told apart by nothing but how much an account asks.
SELDOM = {"refused", "limited", "overloaded", "failed"}
MANY = 200


@dataclass
class Seen:
    holders: dict[tuple[str, Any], set[str]] = field(default_factory=lambda: defaultdict(set))
    rows: dict[str, list[list[float]]] = field(default_factory=lambda: defaultdict(list))
    campaigns: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))


def row(event: dict[str, Any]) -> list[float]:
    status = event["status"]
    told = {
        **event,
        "refused": status != 200,
        "limited": status == 429,
        "overloaded": status == 529,
        "failed": status in {400, 500},
    }
    return [float(told.get(name, -1)) for name in MEANS]


@pytest.fixture(scope="module", params=["five", "february", "demo"])
def seen(request: pytest.FixtureRequest) -> Seen:
    scenario = load(request.param)
    world = World(scenario.model_copy(update={"days": min(scenario.days, 6)}), 3)
    found = Seen()
    for account, actor in actors(world).items():
        if actor.startswith("campaign:"):
            found.campaigns[actor.removeprefix("campaign:")].add(account)
    decoder = msgspec.json.Decoder(dict[str, Any])
    for batch in world.events():
        for line in batch:
            event = decoder.decode(line)
            account = event["account_id"]
            found.rows[account].append(row(event))
            for name in event.keys() - NAMES - LINKS:
                value = event[name]
                found.holders[name, float(f"{value:.1g}") if name in AMOUNTS else value].add(account)
    return found


def test_no_value_belongs_to_campaigns_alone(seen: Seen) -> None:
    working = set().union(*seen.campaigns.values())
    injected = {INJECTED[name] for name in seen.campaigns.keys() & INJECTED.keys()}
    precise = {
        value: f"{len(accounts & working)} of {len(accounts)}"
        for value, accounts in seen.holders.items()
        if len(accounts) >= FEWEST and value[0] not in injected and len(accounts & working) > 0.9 * len(accounts)
    }
    assert precise == {}


def auc(values: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    ranks, count = rankdata(values), positive.sum()
    return float((ranks[positive].sum() - count * (count + 1) / 2) / (count * (len(values) - count)))


def test_no_mean_of_an_account_tells_it_apart(seen: Seen) -> None:
    working = set().union(*seen.campaigns.values())
    told = {}
    for campaign, accounts in seen.campaigns.items():
        compared = [a for a, rows in seen.rows.items() if len(rows) >= FEWEST and (a in accounts or a not in working)]
        positive = np.array([account in accounts for account in compared])
        counts = np.array([len(seen.rows[account]) for account in compared])
        means = np.array([np.mean(seen.rows[account], axis=0) for account in compared])
        busy = counts >= MANY if (counts[positive] >= MANY).sum() >= FEWEST else counts > 0
        for at, name in enumerate(MEANS):
            among = busy if name in SELDOM else counts > 0
            area = auc(means[among, at], positive[among])
            if not 0.1 < area < 0.9:
                told[campaign, name] = round(area, 3)
    assert told == {}
