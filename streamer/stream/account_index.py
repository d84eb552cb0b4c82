"""Which account records a checkpoint writes, so that what a restart reads stays in proportion to what is remembered."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

BUCKETS = 64


class Records(NamedTuple):
    """What a section of account records holds; `sequence` is the checkpoint that wrote it."""

    sequence: int
    accounts: dict[str, bytes]


def bucket_of(account_id: str) -> int:
    """Give the bucket of an account: the same on every machine, for ever."""
    return zlib.crc32(account_id.encode("utf-8", "surrogatepass")) % BUCKETS


class AccountIndex:
    """The accounts of a partition, in buckets.

    A checkpoint writes the records that changed (`delta`) and, in turn, one whole bucket. As every bucket comes up once
    in BUCKETS checkpoints, deltas older than that are never needed again and their keys are used anew.
    """

    def __init__(self) -> None:
        self._buckets: list[set[str]] = [set() for _ in range(BUCKETS)]

    def __len__(self) -> int:
        return sum(map(len, self._buckets))

    def sections(
        self, sequence: int, changed: Mapping[str, bytes], record: Callable[[str], bytes | None]
    ) -> dict[str, bytes]:
        """Give what checkpoint `sequence` must write; an account that has no `record` any more is forgotten."""
        for account_id in changed:
            self._buckets[bucket_of(account_id)].add(account_id)
        turn = sequence % BUCKETS
        bucket = {name: found for name in self._buckets[turn] if (found := record(name)) is not None}
        self._buckets[turn].intersection_update(bucket)
        return {
            f"delta:{turn}": msgspec.msgpack.encode(Records(sequence, dict(changed))),
            f"bucket:{turn}": msgspec.msgpack.encode(Records(sequence, bucket)),
        }

    def load(self, accounts: Iterable[str]) -> None:
        """Start anew from these accounts."""
        self._buckets = [set() for _ in range(BUCKETS)]
        for account_id in accounts:
            self._buckets[bucket_of(account_id)].add(account_id)


def merge_records(sections: Mapping[str, bytes]) -> dict[str, bytes]:
    """Give every account's newest record: of its bucket, or of a delta written after it."""
    decode = msgspec.msgpack.Decoder(Records).decode
    written = [-1] * BUCKETS
    accounts: dict[str, bytes] = {}
    for turn in range(BUCKETS):
        data = sections.get(f"bucket:{turn}")
        if data is not None:
            written[turn], bucket = decode(data)
            accounts |= bucket
    deltas = [decode(data) for name, data in sections.items() if name.startswith("delta:")]
    for sequence, changed in sorted(deltas, key=lambda records: records.sequence):
        accounts |= {name: record for name, record in changed.items() if written[bucket_of(name)] < sequence}
    return accounts
