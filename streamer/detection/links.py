"""What accounts can share: the links of a request, their keys, and what was seen of each so far."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Container, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from streamer.detection.names import TEMPLATE

# What few share by chance. A client stack says how one works, not with whom.
IDENTITY = frozenset({"payment", "device", "address_block"})
# What is asked, not who asks.
# What neighbours do not share.
OWNED = IDENTITY - {"address_block"}
PROMPTS = frozenset({"system_prompt", TEMPLATE})
BINDING = IDENTITY | PROMPTS | {"signup_cohort", "network", "mail_domain", "tools"}
_BLOCK_PAIRS = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))
HOUR_MS = 3_600_000
TEMPLATE_KEYS = len(_BLOCK_PAIRS)
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
# Nearly all addresses are of this kind; reading them by `ipaddress` takes ten times as long.
_PLAIN_IPV4 = re.compile(rf"({_OCTET}\.{_OCTET}\.{_OCTET})\.{_OCTET}").fullmatch
_MIX = np.uint64(0x9E37_79B9_7F4A_7C15)
_FOLD, _BLOCK, _SHIFT_FIRST = np.uint64(29), np.uint64(0xFFFF), np.uint64(16)
# Of each pair of blocks, how far each of the two is from the end, and the number of the pair.
_FIRST_SHIFTS, _SECOND_SHIFTS = (48 - 16 * np.array(_BLOCK_PAIRS, dtype=np.uint64)).T
_PAIR_NUMBERS = np.arange(1, len(_BLOCK_PAIRS) + 1, dtype=np.uint64) << np.uint64(32)
Keys = npt.NDArray[np.uint64]


class Identity(NamedTuple):
    """The attributes of a request that may tie its account to others."""

    client_ip: str | None = None
    user_agent: str | None = None
    tls_fingerprint: str | None = None
    device_id: str | None = None
    payment_fingerprint: str | None = None
    email_domain: str | None = None
    system_prompt_hash: str | None = None
    account_created_ms: int | None = None
    plan: str | None = None
    organization_id: str | None = None
    asn: int | None = None
    country: str | None = None
    tools_hash: str | None = None


class Link(NamedTuple):
    """One value that accounts may share; `key` is the same 64 bits in every process."""

    key: int
    kind: str
    value: str


def stable_key(kind: str, value: str) -> int:
    """Hash a value of a kind to 64 bits that do not depend on the process.

    >>> stable_key("payment", "pf_1") == stable_key("payment", "pf_1") != stable_key("device", "pf_1")
    True
    """
    return int.from_bytes(blake2b(f"{kind}\0{value}".encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


@lru_cache(maxsize=8192)
def address_block(address: str) -> str | None:
    """Give the /24 of an IPv4 and the /48 of an IPv6 address; None for what is no address.

    >>> address_block("192.0.2.77"), address_block("2001:db8:1:2::3"), address_block("?")
    ('192.0.2.0/24', '2001:db8:1::/48', None)
    """
    if plain := _PLAIN_IPV4(address):
        return f"{plain[1]}.0/24"
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    bits, width = (24, 32) if parsed.version == 4 else (48, 128)  # noqa: PLR2004 - the two versions of IP
    network = (int(parsed) >> (width - bits)) << (width - bits)
    return f"{type(parsed)(network)}/{bits}"


def links_of(identity: Identity, without: Container[str] = ()) -> list[Link]:
    """Give the links of an identity, without some kinds; what is absent binds nobody."""
    return [Link(stable_key(kind, value), kind, value) for kind, value in shared_values(identity, without)]


def shared_values(identity: Identity, without: Container[str] = ()) -> list[tuple[str, str]]:
    """Give what of an identity accounts may share, as (kind, value), without some kinds."""
    values: list[tuple[str, str]] = []
    if identity.payment_fingerprint:
        values.append(("payment", identity.payment_fingerprint))
    if identity.client_ip and (block := address_block(identity.client_ip)):
        values.append(("address_block", block))
    if identity.device_id:
        values.append(("device", identity.device_id))
    if identity.user_agent or identity.tls_fingerprint:
        values.append(("client_stack", f"{identity.user_agent or '-'} | {identity.tls_fingerprint or '-'}"))
    if identity.system_prompt_hash:
        values.append(("system_prompt", identity.system_prompt_hash))
    if identity.account_created_ms is not None:
        hour = identity.account_created_ms // HOUR_MS
        values.append(("signup_cohort", f"{hour}|{identity.email_domain or '-'}|{identity.plan or '-'}"))
    if "network" not in without and (network := _network(identity)):
        values.append(("network", network))
    if identity.email_domain:
        values.append(("mail_domain", identity.email_domain))
    if identity.tools_hash:
        values.append(("tools", identity.tools_hash))
    return [told for told in values if told[0] not in without]


def _network(identity: Identity) -> str | None:
    """Give network, country and client together: many have each of them, few have all."""
    parts = (identity.country, identity.user_agent, identity.tls_fingerprint)
    known = identity.asn is not None and any(parts)
    return " | ".join((f"AS{identity.asn}", *(part or "-" for part in parts))) if known else None


def template_keys(simhashes: Sequence[int] | Keys) -> Keys:
    """Give the six keys of each 64-bit SimHash, one row each: every pair of its four 16-bit blocks.

    Two prompts that differ in at most two bits share at least one key, for two bits touch at most two blocks
    (Manku, Jain & Das Sarma 2007, section 3).

    >>> a, b = template_keys([0x0123_4567_89AB_CDEF, 0x0123_4567_89AB_CDEE]).tolist()
    >>> len(set(a) & set(b))
    3
    """
    values = np.asarray(simhashes, dtype=np.uint64)[:, np.newaxis]
    keys: Keys = (
        (values >> _FIRST_SHIFTS & _BLOCK) << _SHIFT_FIRST | (values >> _SECOND_SHIFTS & _BLOCK) | _PAIR_NUMBERS
    )
    keys *= _MIX
    keys ^= keys >> _FOLD
    return keys


def prompt_keys(prompts: Keys) -> Keys:
    """Give the key of each whole prompt hash, for what concerns one and the same prompt.

    Mixed twice: of prompts that are nearly alike, as those of one template, none may crowd out another's memory.
    """
    keys = (prompts + np.uint64(1)) * _MIX
    keys = (keys ^ keys >> np.uint64(31)) * _MIX
    return keys ^ keys >> np.uint64(31)
