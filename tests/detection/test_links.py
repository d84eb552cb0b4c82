"""What accounts can share, under keys that are the same in every process."""

from __future__ import annotations

import ipaddress
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.detection.links import (
    TEMPLATE_KEYS,
    Identity,
    address_block,
    links_of,
    stable_key,
    template_keys,
)
from streamer.detection.names import KINDS, TEMPLATE

simhashes = st.integers(0, 2**64 - 1)
EVERYTHING = Identity(
    client_ip="192.0.2.77",
    user_agent="client/1",
    tls_fingerprint="t13d",
    device_id="d1",
    payment_fingerprint="pf1",
    email_domain="mail.example",
    system_prompt_hash="s1",
    account_created_ms=490_000 * 3_600_000 + 1,
    plan="payg",
    organization_id="org",
    asn=64_500,
    country="DE",
    tools_hash="t1",
)


@pytest.mark.parametrize(
    "address, block",
    [
        ("192.0.2.0", "192.0.2.0/24"),
        ("192.0.2.255", "192.0.2.0/24"),
        ("192.0.3.0", "192.0.3.0/24"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("::ffff:c000:24d", "192.0.2.0/24"),
        ("2001:db8:1:ffff::1", "2001:db8:1::/48"),
        ("2001:0DB8:0001:0000::1", "2001:db8:1::/48"),
        ("2001:db8:2::", "2001:db8:2::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("", None),
        ("localhost", None),
        ("192.0.2", None),
        ("192.0.2.256", None),
        ("192.0.2.1:443", None),
        ("192.0.2.0/24", None),
        ("3221226061", None),
        ("2001:db8::1::2", None),
    ],
)
def test_address_blocks(address: str, block: str | None) -> None:
    assert address_block(address) == block


octets = st.integers(0, 300).map(str) | st.sampled_from(["00", "01", "+1", " 1", "1 ", "", "\u0661", "1\n"])


@given(st.lists(octets, min_size=3, max_size=5))
def test_a_plain_address_is_read_as_the_standard_library_reads_it(parts: list[str]) -> None:
    text = ".".join(parts)
    try:
        expected = str(ipaddress.IPv4Network((ipaddress.IPv4Address(text), 24), strict=False))
    except ValueError:
        expected = None
    assert address_block(text) == expected


@given(st.text(max_size=40))
def test_no_text_breaks_an_address_block(address: str) -> None:
    block = address_block(address)
    assert block is None or block.endswith(("/24", "/48"))


def test_keys_stay_what_they_are() -> None:
    # State topics hold keys: were these to change, a restarted worker would no longer know its groups.
    assert stable_key("payment", "pf1") == 0x74F1_8446_13A3_4886
    assert template_keys([0x0123_4567_89AB_CDEF]).tolist() == [
        [
            0x7947_26B2_9C71_A0F9,
            0xBBA3_3DDE_321E_F1D8,
            0xFDFF_5501_683F_00AF,
            0x554D_CEC6_D2F5_6924,
            0x97A9_E5EB_AC16_87E3,
            0xB209_FAC7_0AA2_7E8F,
        ]
    ]


def test_kind_and_value_do_not_run_into_each_other() -> None:
    assert stable_key("ab", "c") != stable_key("a", "bc")


def test_a_text_that_is_no_unicode_has_a_key() -> None:
    assert 0 <= stable_key("device", "\ud800") < 2**64


def test_a_full_identity_has_every_kind_of_link_but_the_template() -> None:
    found = {link.kind: link.value for link in links_of(EVERYTHING)}
    assert set(found) | {TEMPLATE} == set(KINDS)
    assert found["address_block"] == "192.0.2.0/24"
    assert found["client_stack"] == "client/1 | t13d"
    assert found["network"] == "AS64500 | DE | client/1 | t13d"
    assert (found["mail_domain"], found["tools"]) == ("mail.example", "t1")
    assert found["signup_cohort"] == "490000|mail.example|payg"
    assert all(link.key == stable_key(link.kind, link.value) for link in links_of(EVERYTHING))


def test_nothing_known_binds_nobody() -> None:
    assert links_of(Identity()) == []
    assert links_of(Identity(plan="payg", organization_id="org", country="DE", asn=None)) == []
    assert links_of(Identity(asn=64_500)) == []  # a network alone is a crowd
    assert links_of(Identity(client_ip="unknown", user_agent="", payment_fingerprint="")) == []


@pytest.mark.parametrize(
    "field, kind",
    [
        ("client_ip", "address_block"),
        ("device_id", "device"),
        ("payment_fingerprint", "payment"),
        ("system_prompt_hash", "system_prompt"),
        ("account_created_ms", "signup_cohort"),
        ("asn", "network"),
        ("tools_hash", "tools"),
    ],
)
def test_an_absent_field_costs_its_own_link_alone(field: str, kind: str) -> None:
    whole = links_of(EVERYTHING)
    assert links_of(EVERYTHING._replace(**{field: None})) == [link for link in whole if link.kind != kind]


@pytest.mark.parametrize("field", ["asn", "country", "user_agent", "tls_fingerprint"])
def test_a_network_is_told_apart_by_all_it_is_made_of(field: str) -> None:
    changed: dict[str, Any] = {field: 1 if field == "asn" else "other"}
    other = EVERYTHING._replace(**changed)
    one, another = ({link.kind: link.key for link in links_of(each)} for each in (EVERYTHING, other))
    assert one["network"] != another["network"]
    assert one["payment"] == another["payment"]


def test_kinds_that_are_not_looked_at_are_not_read() -> None:
    off = {"network", "tools"}
    assert {link.kind for link in links_of(EVERYTHING, off)} == set(KINDS) - off - {TEMPLATE}


def test_half_a_client_stack_is_a_stack_of_its_own() -> None:
    values = [
        links_of(Identity(user_agent=agent, tls_fingerprint=tls))[0].value
        for agent, tls in (("x", None), (None, "x"), ("x", "x"))
    ]
    assert values == ["x | -", "- | x", "x | x"]


def test_the_zeroth_hour_is_a_cohort_too() -> None:
    assert [link.kind for link in links_of(Identity(account_created_ms=0))] == ["signup_cohort"]


@given(simhashes, st.sets(st.integers(0, 63), max_size=2))
def test_prompts_that_differ_in_two_bits_share_a_key(simhash: int, bits: set[int]) -> None:
    near = simhash
    for bit in bits:
        near ^= 1 << bit
    one, other = template_keys([simhash, near]).tolist()
    assert set(one) & set(other)


@given(simhashes)
def test_the_keys_of_a_prompt_differ(simhash: int) -> None:
    assert len(set(template_keys([simhash])[0].tolist())) == TEMPLATE_KEYS


def test_a_bit_in_each_block_shares_nothing() -> None:
    one, other = template_keys([0, 0x0001_0001_0001_0001]).tolist()
    assert not set(one) & set(other)


def test_keys_do_not_depend_on_the_company() -> None:
    together = template_keys([5, 7])
    assert np.array_equal(together, np.vstack((template_keys([5]), template_keys([7]))))
    assert template_keys([]).shape == (0, TEMPLATE_KEYS)
