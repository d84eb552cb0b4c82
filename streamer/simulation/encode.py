"""Requests as lines of JSON: fragments that repeat are made once, the rest is put together column by column."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
import numpy as np

from streamer.simulation.catalogue import (
    CAPABILITIES,
    LANGUAGES,
    MAIL_DOMAINS,
    MODELS,
    NETWORKS,
    PLANS,
    STACKS,
    Network,
)
from streamer.simulation.identity import DAY_MS
from streamer.simulation.randomness import mix
from streamer.simulation.rhythm import HOUR_MS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from streamer.simulation.identity import Accounts
    from streamer.simulation.randomness import Integers, Words
    from streamer.simulation.requests import Requests

_K = TypeVar("_K")
_KEPT: Final = 200_000
_BLOCKS: Final = np.array([network.blocks for network in NETWORKS], dtype=np.uint64)
_BASES: Final = {network.ipv4: int(IPv4Address(network.ipv4)) for network in NETWORKS}
_SECONDS: Final = [f"{second:02d}." for second in range(60)]
_MILLISECONDS: Final = [f'{millisecond:03d}Z",' for millisecond in range(1000)]


class Encoder:
    """Writes requests of one world. `absent` names the fields this gateway does not know."""

    def __init__(self, accounts: Accounts, absent: frozenset[str]) -> None:
        self._accounts = accounts
        self._absent = absent
        self._who: dict[int, str] = {}
        self._where: dict[tuple[int, int, int, int], str] = {}
        self._what: dict[tuple[Any, ...], str] = {}

    def lines(self, requests: Requests, event_ids: list[int]) -> list[bytes]:
        """One JSON object per request, in the same order."""
        columns: list[list[str]] = [
            [f'{{"event_id":"req_{number:016x}",' for number in event_ids],
            _timestamps(requests["time_ms"]),
            self._whom(requests),
            self._places(requests),
            self._asked(requests),
        ]
        numbers = (("input_tokens", "input"), ("output_tokens", "output"), ("cache_read_tokens", "cached"))
        for field, column in (*numbers, ("max_tokens", "max_tokens"), ("reasoning_tokens", "reasoning")):
            self._add(
                columns,
                field,
                requests[column].tolist(),
                lambda name, value: f'"{name}":{value},' if value >= 0 else "",
            )
        self._add(
            columns, "session_id", requests["session"].tolist(), lambda name, value: f'"{name}":"ses_{value:016x}",'
        )
        self._add(
            columns, "prompt_simhash", requests["simhash"].tolist(), lambda name, value: f'"{name}":"{value:016x}",'
        )
        if requests["end_user"].any():
            self._add(
                columns,
                "end_user_id",
                requests["end_user"].tolist(),
                lambda name, value: f'"{name}":"{value:x}",' if value else "",
            )
        self._add(columns, "duration_ms", requests["duration_ms"].tolist(), lambda name, value: f'"{name}":{value},')
        columns.append([f'"model":"{MODELS[model].name}"}}' for model in requests["model"].tolist()])
        return "\n".join(map("".join, zip(*columns, strict=True))).encode().split(b"\n") if len(requests) else []

    def _add(self, columns: list[list[str]], field: str, values: list[int], text: Callable[[str, int], str]) -> None:
        if field not in self._absent:
            columns.append([text(field, value) for value in values])

    def _fragment(self, fields: dict[str, Any]) -> str:
        kept = {name: value for name, value in fields.items() if value is not None and name not in self._absent}
        return msgspec.json.encode(kept).decode()[1:-1] + "," if kept else ""

    def _whom(self, requests: Requests) -> list[str]:
        known = _bounded(self._who)
        return [
            known.get(account) or known.setdefault(account, self._account(account))
            for account in requests["account"].tolist()
        ]

    def _account(self, number: int) -> str:
        of = self._accounts
        organization, payment = int(of.organization[number]), int(of.payment[number])
        return self._fragment(
            {
                "account_id": account_id(int(of.key[number])),
                "organization_id": f"org_{organization:016x}" if organization else None,
                "api_key_id": f"key_{int(of.api_key[number]):016x}",
                "account_created_at": _date(int(of.created_ms[number])),
                "plan": PLANS[of.plan[number]],
                "payment_fingerprint": f"pay_{payment:016x}" if payment else None,
                "email_domain": _domain(int(of.mail[number]), int(of.mail_own[number])),
            }
        )

    def _places(self, requests: Requests) -> list[str]:
        known = _bounded(self._where)
        account, place = requests["account"], requests["place"]
        # Leases do not all end at midnight.
        phase = (self._accounts.host[account, 0] % np.uint64(DAY_MS)).astype(np.int64)
        lease = (requests["time_ms"] + phase) // self._accounts.lease_ms[account]
        block, host = self._addresses(account, place, lease)
        rows = zip(account.tolist(), place.tolist(), block.tolist(), host.tolist(), strict=True)
        return [known.get(row) or known.setdefault(row, self._place(*row)) for row in rows]

    def _addresses(self, account: Integers, place: Integers, lease: Integers) -> tuple[Words, Words]:
        """Block of the operator and host in it, as random words that last as long as the lease."""
        of = self._accounts
        network, block = of.network[account, place], of.block[account, place]
        block = np.where(of.roaming[account] == 1, mix(block, lease), block)
        return mix(network, block % _BLOCKS[network]), mix(of.host[account, place], lease)

    def _place(self, number: int, place: int, block: int, host: int) -> str:
        of = self._accounts
        network = NETWORKS[of.network[number, place]]
        stack = STACKS[of.stack[number, place]]
        device = int(of.device[number, place])
        # Two in five households of an operator that has IPv6 come by it.
        modern = network.ipv6 > 0 and int(of.host[number, place]) % 5 < 2  # noqa: PLR2004
        return self._fragment(
            {
                "client_ip": _ipv6(network, block, host) if modern else _ipv4(network, block, host),
                "asn": network.asn,
                "country": network.country,
                "user_agent": stack.user_agent,
                "tls_fingerprint": stack.tls_fingerprint,
                "device_id": f"dev_{device:016x}" if device else None,
            }
        )

    def _asked(self, requests: Requests) -> list[str]:
        known = _bounded(self._what)
        columns = ("status", "stream", "system", "tools", "capability", "language")
        keys: Iterable[tuple[Any, ...]] = zip(*(requests[column].tolist() for column in columns), strict=True)
        return [known.get(key) or known.setdefault(key, self._question(*key)) for key in keys]

    def _question(self, *key: int) -> str:
        status, stream, system, tools, capability, language = key
        return self._fragment(
            {
                "operation": "chat",
                "status": status,
                "stream": bool(stream),
                "system_prompt_hash": f"{system:016x}" if system else None,
                "tools_hash": f"{tools:016x}" if tools else None,
                "tool_count": 1 + tools % 23 if tools else 0,
                "capability": CAPABILITIES[capability],
                "language": LANGUAGES[language],
            }
        )


def account_id(key: int) -> str:
    """The public name of an account."""
    return f"acct_{key:016x}"


def _bounded(known: dict[_K, str]) -> dict[_K, str]:
    if len(known) > _KEPT:
        known.clear()
    return known


def _date(time_ms: int) -> str:
    return f"{np.datetime64(time_ms // 1000, 's')}Z"


def _domain(public: int, own: int) -> str:
    return MAIL_DOMAINS[public][0] if public >= 0 else f"{own % 0xFFFFFFFF:08x}.com"


def _ipv4(network: Network, block: int, host: int) -> str:
    prefix = (_BASES[network.ipv4] >> 8) + block % (1 << (24 - network.ipv4_length))
    return f"{prefix >> 16}.{prefix >> 8 & 255}.{prefix & 255}.{host % 254 + 1}"


def _ipv6(network: Network, block: int, host: int) -> str:
    return str(IPv6Address(network.ipv6 | (block & 0xFFFF) << 80 | host))


def _timestamps(time_ms: np.ndarray[tuple[int], np.dtype[np.int64]]) -> list[str]:
    hours = time_ms // HOUR_MS
    prefixes: dict[int, str] = {}
    for hour in np.unique(hours).tolist():
        date = str(np.datetime64(hour * 3600, "s"))[:14]
        for minute in range(60):
            prefixes[hour * 60 + minute] = f'"timestamp":"{date}{minute:02d}:'
    minutes = (time_ms // 60_000).tolist()
    seconds = (time_ms // 1000 % 60).tolist()
    rest = (time_ms % 1000).tolist()
    return [prefixes[m] + _SECONDS[s] + _MILLISECONDS[r] for m, s, r in zip(minutes, seconds, rest, strict=True)]
