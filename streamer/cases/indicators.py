"""What of a case can be recognised elsewhere: the values that bind its accounts."""

from __future__ import annotations

import ipaddress
from typing import NamedTuple

from streamer.cases.bonds import shared_values
from streamer.cases.case import Case

MOST = 1_000


class Indicator(NamedTuple):
    """A value that accounts of the case share. `network` is set where it is an address block that really exists."""

    kind: str
    value: str
    account_count: int
    network: str | None


def indicators_of(case: Case, *, pseudonymized: bool) -> list[Indicator]:
    """Those with the most accounts first.

    Under pseudonyms an address block names somebody else's network, so that it is no network to be handed on.
    """
    return [
        Indicator(*bond, None if pseudonymized or bond.kind != "address_block" else _network(bond.value))
        for bond in shared_values(case)[:MOST]
    ]


def _network(text: str) -> str | None:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        return None
