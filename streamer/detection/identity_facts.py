"""What identities say, read once however often they come: a column for each thing, a place for each identity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from streamer.detection.links import Identity, Link, address_block, shared_values, stable_key
from streamer.detection.names import KINDS
from streamer.detection.open_window import Ints, code_of

NO_LINK = -1
BLOCK = "address_block"
_FIRST_SIZE = 1024
_COLUMNS: dict[str, tuple[type, int]] = {
    "stratum": (np.int64, 1),
    "organization": (np.uint64, 1),
    "created_ms": (np.int64, 1),
    "device": (np.uint64, 1),
    "address": (np.uint64, 1),
    "payment": (np.uint64, 1),
    "system": (np.int64, 1),
    "model": (np.int64, 1),
    "model_code": (np.int64, 1),
    "links": (np.int32, len(KINDS)),
}


class Facts:
    """Reads a list of identities that only grows; for another list it begins anew.

    `links` and `models` are numbers of what stands in the lists of these names, NO_LINK where there are fewer links.
    """

    def __init__(self, strata: Sequence[str], disabled_kinds: Sequence[str] = ()) -> None:
        self._strata = {name: number for number, name in enumerate(strata, 1)}
        self.other_stratum = len(strata) + 1
        self._disabled = frozenset(disabled_kinds)
        self._begin([])

    def _begin(self, said: list[tuple[Any, ...]]) -> None:
        self._said = said
        self._read = 0
        self._columns: dict[str, Ints] = {
            name: np.zeros((_FIRST_SIZE, width) if width > 1 else _FIRST_SIZE, dtype)
            for name, (dtype, width) in _COLUMNS.items()
        }
        self.links: list[Link] = []
        self._numbers: dict[int, int] = {}
        self._links_of: dict[tuple[str, str], int] = {}
        self._keys: dict[tuple[str, str], int] = {}
        self._blocks: dict[str | None, int] = {}
        self._elsewhere: dict[tuple[Any, ...], tuple[Any, ...]] = {}
        self._models: dict[str, int] = {}
        self.names: list[str] = []
        self.ranks: Ints = np.zeros(0, dtype=np.int64)

    def __getitem__(self, name: str) -> Ints:
        """Give a column, in the order of the identities."""
        return self._columns[name]

    def read(self, said: list[tuple[Any, ...]]) -> None:
        """Read what is new among identities."""
        if said is not self._said:
            self._begin(said)
        fresh = said[self._read :]
        if not fresh:
            return
        begin, self._read = self._read, len(said)
        self._make_room()
        for name, values in zip(_COLUMNS, zip(*map(self._facts, fresh), strict=True), strict=True):
            self._columns[name][begin : self._read] = values
        self._rank_models()

    def order(self, places: Ints) -> Ints:
        """Give numbers that put identities in an order which is the same whoever met them first."""
        return np.array([stable_key("identity", repr(self._said[place])) for place in places.tolist()], dtype=np.uint64)

    def _make_room(self) -> None:
        size = len(self._columns["stratum"])
        if self._read > size:
            more = max(self._read - size, size)
            for name, column in self._columns.items():
                self._columns[name] = np.concatenate((column, np.zeros((more, *column.shape[1:]), column.dtype)))

    def _facts(self, said: tuple[Any, ...]) -> tuple[Any, ...]:
        """Read one identity, in the order of the columns; most differ from an earlier one by address or model alone."""
        address, model, others = said[0], said[-1], said[1:-1]
        known = self._elsewhere.get(others)
        if known is None:
            known = self._elsewhere[others] = self._but_for_address(Identity._make(said[:-1]))
        stratum, organization, created_ms, device, payment, system, links = known
        return (
            stratum,
            organization,
            created_ms,
            device,
            self._key("address", address),
            payment,
            system,
            self._models.setdefault(model, len(self._models)),
            code_of(model),
            (self._block(address), *links),
        )

    def _but_for_address(self, identity: Identity) -> tuple[Any, ...]:
        """Read what does not come with the address, and give all links their numbers, in their order."""
        told = shared_values(identity, self._disabled)
        numbers = list(map(self._number, told))
        links = [number for number, (kind, _) in zip(numbers, told, strict=True) if kind != BLOCK]
        return (
            self.other_stratum if identity.plan is None else self._strata.get(identity.plan, self.other_stratum),
            self._key("organization", identity.organization_id),
            identity.account_created_ms or 0,
            self._key("device", identity.device_id),
            self._key("payment", identity.payment_fingerprint),
            code_of(identity.system_prompt_hash),
            (*links, *[NO_LINK] * (len(KINDS) - 1 - len(links))),
        )

    def _block(self, address: str | None) -> int:
        """Give the number of the link that an address makes."""
        number = self._blocks.get(address)
        if number is None:
            block = address_block(address) if address and BLOCK not in self._disabled else None
            number = self._blocks[address] = NO_LINK if block is None else self._number((BLOCK, block))
        return number

    def _key(self, kind: str, value: str | None) -> int:
        if not value:
            return 0
        key = self._keys.get((kind, value))
        if key is None:
            key = self._keys[kind, value] = stable_key(kind, value)
        return key

    def _number(self, told: tuple[str, str]) -> int:
        """Give the number of a value."""
        known = self._links_of.get(told)
        if known is not None:
            return known
        link = Link(self._key(*told), *told)
        number = self._links_of[told] = self._numbers.setdefault(link.key, len(self.links))
        if number == len(self.links):
            self.links.append(link)
        return number

    def _rank_models(self) -> None:
        """Put the names of models in order, and note the rank of each number."""
        if len(self._models) > len(self.names):
            self.names = sorted(self._models)
            self.ranks = np.empty(len(self.names), dtype=np.int64)
            self.ranks[[self._models[name] for name in self.names]] = np.arange(len(self.names))
