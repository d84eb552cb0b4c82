"""Pseudonyms: what names a person or a company is replaced by keyed hashes, and what links them stays linked.

The same key gives the same pseudonyms, for ever and everywhere; another key, others. Without the key they cannot be
turned back, nor checked against a guess. What is replaced: the identifiers of account, organization, key, end user,
session, device and payment, and the client address. An address keeps its structure and nothing else: public
addresses of one /24 (IPv6: /48) stay together in one other public block, and two blocks never become one. Private
addresses say nothing about anyone outside and stay. `email_domain` loses whatever stands before an @.

A record that cannot be used goes to the rejects as it came, under its own names: that topic needs the protection that
the gateway's own topic has.
"""

from __future__ import annotations

import hashlib
import ipaddress
from typing import TYPE_CHECKING, Any

import msgspec

from streamer.errors import UsageError

if TYPE_CHECKING:
    from streamer.sources.event import RequestEvent

IDENTIFIERS = (
    "account_id",
    "organization_id",
    "api_key_id",
    "end_user_id",
    "session_id",
    "device_id",
    "payment_fingerprint",
)
MIN_KEY_BYTES = 16
_ROUNDS = 8
_REMEMBERED = 65_536


class Pseudonymizer:
    """Replaces identifiers by keyed pseudonyms. `key` is a secret of at least 16 bytes."""

    def __init__(self, key: bytes) -> None:
        if len(key) < MIN_KEY_BYTES:
            found = f"{len(key)} bytes"
            raise UsageError("pseudonym key", found, f"use a random secret of at least {MIN_KEY_BYTES} bytes")
        self._key = hashlib.blake2b(key, digest_size=32, person=b"pseudonyms").digest()
        self._known: dict[tuple[str, str], str] = {}

    def event(self, event: RequestEvent) -> RequestEvent:
        """The same event under pseudonyms."""
        changed: dict[str, Any] = {
            name: self._remembered(name, value) for name in IDENTIFIERS if (value := getattr(event, name)) is not None
        }
        if event.client_ip is not None:
            changed["client_ip"] = self._remembered("client_ip", event.client_ip)
        if event.email_domain is not None and "@" in event.email_domain:
            changed["email_domain"] = event.email_domain.rpartition("@")[2]
        return msgspec.structs.replace(event, **changed)

    def identifier(self, field: str, value: str) -> str:
        """The pseudonym of an identifier: 32 hex digits. The same value in another field has another one."""
        return self._digest(field, value.encode("utf-8", "surrogatepass"), 16).hex()

    def address(self, text: str) -> str:
        """The pseudonym of an IP address, in a block of the same size."""
        address = ipaddress.ip_address(text)
        if isinstance(address, ipaddress.IPv6Address):
            if address.ipv4_mapped is not None:
                return self.address(str(address.ipv4_mapped))
            return str(ipaddress.IPv6Address(self._moved(int(address), 128, 48)))
        return str(ipaddress.IPv4Address(self._moved(int(address), 32, 24)))

    def _remembered(self, field: str, value: str) -> str:
        found = self._known.get((field, value))
        if found is None:
            found = self.address(value) if field == "client_ip" else self.identifier(field, value)
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[field, value] = found
        return found

    def _moved(self, address: int, bits: int, block_bits: int) -> int:
        host_bits = bits - block_bits
        block, host = address >> host_bits, address & ((1 << host_bits) - 1)
        if not _is_public(block << host_bits, bits):
            return address
        # Permuted until it is a public block again, a permutation of the public blocks comes out.
        moved = self._permuted(block, block_bits, b"")
        while not _is_public(moved << host_bits, bits):
            moved = self._permuted(moved, block_bits, b"")
        return moved << host_bits | self._permuted(host, host_bits, block.to_bytes(8))

    def _permuted(self, value: int, bits: int, tweak: bytes) -> int:
        """One permutation of the numbers of so many bits (a Feistel network), another for each `tweak`."""
        half = bits // 2
        mask = (1 << half) - 1
        left, right = value >> half, value & mask
        for turn in range(_ROUNDS):
            digest = self._digest(f"{bits}.{turn}", tweak + right.to_bytes(8), 8)
            left, right = right, left ^ (int.from_bytes(digest) & mask)
        return left << half | right

    def _digest(self, what: str, data: bytes, size: int) -> bytes:
        text = what.encode() + b"\0" + data
        return hashlib.blake2b(text, digest_size=size, key=self._key).digest()


def _is_public(block: int, bits: int) -> bool:
    if bits == 32:  # noqa: PLR2004 - IPv4
        return ipaddress.IPv4Address(block).is_global
    return ipaddress.IPv6Address(block).is_global
