"""Looks at a world the way a person does who hunts for fields that give campaigns away."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from streamer.simulation.world import World
from tests.simulation.worlds import actors

# Every event has its own, so nothing can be said of one value.
NAMES: Final = frozenset({"event_id", "timestamp", "account_id"})
OPTIONAL: Final = (
    "organization_id",
    "end_user_id",
    "payment_fingerprint",
    "device_id",
    "system_prompt_hash",
    "tools_hash",
    "max_tokens",
    "reasoning_tokens",
)
AMOUNTS: Final = ("input_tokens", "output_tokens", "cache_read_tokens", "reasoning_tokens", "duration_ms")
MIXED: Final = (
    "capability",
    "language",
    "model",
    "status",
    "max_tokens",
    "user_agent",
    "asn",
    "country",
    "system_prompt_hash",
    "tools_hash",
)
IDS: Final = ("event_id", "account_id", "session_id", "api_key_id", "prompt_simhash")
FEWEST: Final = 8

Account = dict[str, float]


@dataclass
class Scan:
    """Who holds each value, and what each account is like on average."""

    holders: dict[tuple[str, Any], set[str]] = field(default_factory=lambda: defaultdict(set))
    accounts: dict[str, Account] = field(default_factory=dict)
    campaigns: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    @property
    def working(self) -> set[str]:
        """All accounts of all campaigns."""
        return set().union(*self.campaigns.values())


def scan(world: World) -> Scan:
    """Read all events of a world."""
    found = Scan()
    for account, actor in actors(world).items():
        if actor.startswith("campaign:"):
            found.campaigns[actor.removeprefix("campaign:")].add(account)
    decoder = msgspec.json.Decoder(dict[str, Any])
    sent: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for batch in world.events():
        for line in batch:
            event = decoder.decode(line)
            sent[event["account_id"]].append(event)
    for account, events in sent.items():
        for value in set(itertools.chain.from_iterable(map(_values, events))):
            found.holders[value].add(account)
        if len(events) >= FEWEST:
            found.accounts[account] = describe(events)
    return found


def _values(event: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name in event.keys() - NAMES:
        value = event[name]
        if name in AMOUNTS:
            yield name, float(f"{value:.1g}")
        elif name == "account_created_at":
            yield "created within the hour", value[:13]
            yield "created on the minute", value[14:]
        else:
            yield name, value
    address = event.get("client_ip", "")
    yield "address block", address.rpartition(".")[0] or address[:14]
    yield "fields in their order", tuple(event)
    for name in IDS:
        yield f"digits of {name}", (len(event.get(name, "")), event.get(name, "")[-16:-15])
    yield "client", (event.get("user_agent"), event.get("tls_fingerprint"), event.get("asn"))
    yield "milliseconds", event["timestamp"][20:23]


def describe(events: list[dict[str, Any]]) -> Account:
    """Means of everything that can be said of an account's requests, in the order they came."""
    count = len(events)
    done = [event for event in events if event["status"] == 200]
    times = np.array([datetime.fromisoformat(event["timestamp"]).timestamp() for event in events])
    told = {f"mean {name}": _mean(event.get(name, 0) for event in done) for name in (*AMOUNTS, "tool_count")}
    told |= {f"has {name}": _mean(name in event for event in events) for name in OPTIONAL}
    told |= {f"kinds of {name}": len({event.get(name) for event in events}) for name in MIXED}
    told["cached share"] = _mean(event["cache_read_tokens"] / max(event["input_tokens"], 1) for event in done)
    told["output to limit"] = _mean(event["output_tokens"] / event.get("max_tokens", 32_000) for event in done)
    told["stream"] = _mean(event["stream"] for event in events)
    told["max_tokens"] = _mean(event.get("max_tokens", 0) for event in events)
    told |= _told_by_time(times)
    told |= _told_by_sessions(events, times)
    told["addresses"] = len({event["client_ip"] for event in events}) / count
    told["milliseconds"] = float(np.mean(np.round(times * 1000) % 1000))
    created = datetime.fromisoformat(events[0]["account_created_at"]).timestamp()
    told["age"], told["second of creation"] = times[0] - created, created % 60
    for name in ("account_id", "event_id", "session_id", "api_key_id"):
        told[f"first digits of {name}"] = _mean(int(event[name][-16:-12], 16) for event in events)
    told["length of address"] = _mean(len(event["client_ip"]) for event in events)
    return told


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return float(np.mean(listed)) if listed else 0.0


def _told_by_time(times: NDArray[np.float64]) -> Account:
    gaps = np.maximum(np.diff(times), 1e-3)
    turns = np.exp(2j * np.pi * (times % 86_400) / 86_400)
    return {
        "requests": float(len(times)),
        "log gap": float(np.log(gaps).mean()),
        "median gap": float(np.median(gaps)),
        "shortest gap": float(gaps.min()),
        "unevenness of gaps": float(np.log(gaps).std()),
        "one time of day": float(abs(turns.mean())),
        "weekend": float(np.mean((times // 86_400 + 3) % 7 >= 5)),
        "second of the minute": float(np.mean(times % 60)),
    }


def _told_by_sessions(events: list[dict[str, Any]], times: NDArray[np.float64]) -> Account:
    sessions: dict[str, list[float]] = defaultdict(list)
    for event, time in zip(events, times, strict=True):
        sessions[event["session_id"]].append(time)
    refused = {429: 0, 529: 0, 400: 0, 500: 0}
    for event in events:
        if event["status"] in refused:
            refused[event["status"]] += 1
    return {
        "requests per session": len(events) / len(sessions),
        "length of session": _mean(of[-1] - of[0] for of in sessions.values()),
        "repeated prompts": 1 - len({event.get("prompt_simhash") for event in events}) / len(events),
        **{f"share of {status}": seen / len(events) for status, seen in refused.items()},
    }


def auc(values: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    """How well a number ranks the positive ones above the others."""
    ranks, count = rankdata(values), positive.sum()
    return float((ranks[positive].sum() - count * (count + 1) / 2) / (count * (len(values) - count)))


def areas(found: Scan, campaign: str) -> dict[str, float]:
    """For each mean, how well it tells the accounts of a campaign from honest ones."""
    mine = found.campaigns[campaign]
    compared = [name for name in found.accounts if name in mine or name not in found.working]
    positive = np.array([name in mine for name in compared])
    if positive.sum() < FEWEST:
        return {}
    means = list(found.accounts[compared[0]])
    return {mean: auc(np.array([found.accounts[name][mean] for name in compared]), positive) for mean in means}


def precise(found: Scan, precision: float = 0.9) -> dict[tuple[str, Any], str]:
    """Values held by several accounts, nearly all of which work for a campaign."""
    working = found.working
    return {
        value: f"{len(accounts & working)} of {len(accounts)}"
        for value, accounts in found.holders.items()
        if len(accounts) >= FEWEST and len(accounts & working) > precision * len(accounts)
    }
