from __future__ import annotations

import ipaddress
from collections import defaultdict

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.errors import UsageError
from streamer.sources.decode import Decoder
from streamer.sources.event import RequestEvent
from streamer.sources.privacy import IDENTIFIERS, Pseudonymizer
from tests.sources.examples import FULL, line

KEY = b"a secret of sixteen or more bytes"
PUBLIC = st.ip_addresses(v=4).filter(lambda address: address.is_global)


def full(**changes: object) -> RequestEvent:
    found: RequestEvent = Decoder().decode(msgspec.json.encode(FULL | changes)).events[0]
    return found


def test_identifiers_are_replaced_and_the_rest_stays() -> None:
    before = full(client_ip="8.8.8.8")
    after = Pseudonymizer(KEY).event(before)
    replaced = {*IDENTIFIERS, "client_ip"}
    for name in RequestEvent.__struct_fields__:
        assert (getattr(after, name) != getattr(before, name)) == (name in replaced)
    assert before.account_id not in repr(after)
    assert Decoder().decode(msgspec.json.encode(after)).events == [after]


def test_the_same_key_gives_the_same_and_another_key_other_pseudonyms() -> None:
    assert Pseudonymizer(KEY).event(full()) == Pseudonymizer(KEY).event(full())
    assert Pseudonymizer(KEY).event(full()) != Pseudonymizer(KEY + b"!").event(full())


def test_one_value_in_two_fields_has_two_pseudonyms() -> None:
    names = Pseudonymizer(KEY)
    assert names.identifier("account_id", "same") != names.identifier("device_id", "same")


def test_what_is_absent_stays_absent() -> None:
    found = Pseudonymizer(KEY).event(Decoder().decode(line()).events[0])
    assert [name for name in IDENTIFIERS if getattr(found, name) is not None] == ["account_id"]
    assert found.client_ip is None


def test_of_a_mail_address_only_the_domain_is_left() -> None:
    assert Pseudonymizer(KEY).event(full(email_domain="jane@example.com")).email_domain == "example.com"


def test_a_short_key_is_refused() -> None:
    with pytest.raises(UsageError, match="at least 16 bytes"):
        Pseudonymizer(b"short")


@given(PUBLIC, st.integers(0, 255))
def test_addresses_of_a_block_stay_in_one_block(address: ipaddress.IPv4Address, host: int) -> None:
    names = Pseudonymizer(KEY)
    neighbour = str(ipaddress.IPv4Address(int(address) & ~255 | host))
    one, other = names.address(str(address)), names.address(neighbour)
    assert (one == other) == (str(address) == neighbour)
    assert one.rpartition(".")[0] == other.rpartition(".")[0]
    assert ipaddress.ip_address(one).is_global


def test_two_blocks_never_become_one() -> None:
    names = Pseudonymizer(KEY)
    blocks: dict[str, set[str]] = defaultdict(set)
    for high in range(40):
        for low in range(100):
            blocks[names.address(f"81.{high}.{low}.1").rpartition(".")[0]].add(f"81.{high}.{low}")
    assert len(blocks) == 4000


def test_ipv6_blocks_of_48_bits_stay_together() -> None:
    names = Pseudonymizer(KEY)
    one, other, away = (
        ipaddress.IPv6Address(names.address(text)) for text in ("2a00:1450:4001::1", "2a00:1450:4001:9::1", "2a00:9::1")
    )
    assert int(one) >> 80 == int(other) >> 80 != int(away) >> 80
    assert len({one, other, away}) == 3


def test_private_addresses_stay_and_mapped_ones_are_ipv4() -> None:
    names = Pseudonymizer(KEY)
    assert [names.address(text) for text in ("10.0.0.1", "127.0.0.1", "::1")] == ["10.0.0.1", "127.0.0.1", "::1"]
    assert names.address("::ffff:8.8.8.8") == names.address("8.8.8.8")
