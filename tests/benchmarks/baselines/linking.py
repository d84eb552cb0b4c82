"""Linking by any shared attribute, however many share it: union-find, as public tools do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from streamer.sources.event import RequestEvent
from tests.benchmarks.baselines.scored import Scored


def block(address: str) -> str:
    """The /24 of an IPv4 address, the /48 of an IPv6 one.

    >>> block("192.0.2.77"), block("2001:db8:1:2::3")
    ('192.0.2', '2001:db8:1')
    """
    return address.rsplit(".", 1)[0] if "." in address else ":".join(address.split(":")[:3])


def attributes(event: RequestEvent, *, stacks: bool) -> list[str]:
    """What an account may share; whatever a gateway left out binds nobody."""
    given = {
        "payment": event.payment_fingerprint,
        "device": event.device_id,
        "block": block(event.client_ip) if event.client_ip else None,
        "tls": event.tls_fingerprint if stacks else None,
    }
    return [f"{kind}:{value}" for kind, value in given.items() if value]


class Components:
    """Accounts that hang together; the larger of two that meet takes in the other."""

    def __init__(self) -> None:
        self._root: dict[str, str] = {}
        self._members: dict[str, list[str]] = {}

    def join(self, one: str, other: str) -> tuple[str, list[str], int] | None:
        """Make two one; the root, who is new there, and how many there are; None if they were one."""
        a, b = self._root_of(one), self._root_of(other)
        if a == b:
            return None
        if (len(self._members[a]), b) < (len(self._members[b]), a):
            a, b = b, a
        moved = self._members.pop(b)
        for account in moved:
            self._root[account] = a
        self._members[a] += moved
        return a, moved, len(self._members[a])

    def members(self, account: str) -> list[str]:
        return self._members[self._root_of(account)]

    def _root_of(self, account: str) -> str:
        root = self._root.setdefault(account, account)
        self._members.setdefault(root, [root])
        return root


@dataclass(frozen=True)
class Linking:
    """Components by payment, address block, device and, if wanted, TLS fingerprint; the score is their size."""

    name: str
    stacks: bool
    rules: tuple[str, ...] = ("size",)
    collects: bool = True

    def scores(self, events: Iterable[RequestEvent]) -> Iterator[Scored]:
        components = Components()
        holder: dict[str, str] = {}
        told: set[str] = set()
        for event in events:
            for value in attributes(event, stacks=self.stacks):
                other = holder.setdefault(value, event.account_id)
                joined = components.join(event.account_id, other) if other != event.account_id else None
                if joined is None:
                    continue
                root, moved, size = joined
                new = moved if root in told else [root, *moved]
                told.add(root)
                yield Scored(event.timestamp_ms, "size", root, tuple(new), size)
