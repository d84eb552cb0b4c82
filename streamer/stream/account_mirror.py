"""The packed records of a partition's accounts, and which of them a checkpoint writes."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

BUCKETS = 64


class Records(NamedTuple):
    """What a section of account records holds; `sequence` is the checkpoint that wrote it."""

    sequence: int
    accounts: dict[str, bytes]


def bucket_of(account_id: str) -> int:
    """Give the bucket of an account: the same on every machine, for ever."""
    return zlib.crc32(account_id.encode()) % BUCKETS


class AccountMirror:
    """Every account's newest packed record, in buckets.

    A checkpoint writes the records that changed (`delta`) and, in turn, one whole bucket. As every bucket comes up once
    in BUCKETS checkpoints, deltas older than that are never needed again and their keys are used anew: what a restart
    has to read stays in proportion to the accounts there are, however long the worker has run.
    """

    def __init__(self) -> None:
        self._buckets: list[dict[str, bytes]] = [{} for _ in range(BUCKETS)]

    def __len__(self) -> int:
        return sum(map(len, self._buckets))

    def accounts(self) -> Iterable[tuple[str, bytes]]:
        """Yield every account with its record."""
        for bucket in self._buckets:
            yield from bucket.items()

    def update(self, changed: Mapping[str, bytes]) -> None:
        """Take newer records; an empty one removes the account."""
        for account_id, record in changed.items():
            bucket = self._buckets[bucket_of(account_id)]
            if record:
                bucket[account_id] = record
            else:
                bucket.pop(account_id, None)

    def sections(self, sequence: int, changed: Mapping[str, bytes]) -> dict[str, bytes]:
        """Give what checkpoint `sequence` must write, `changed` having been taken already."""
        turn = sequence % BUCKETS
        return {
            f"delta:{turn}": msgspec.msgpack.encode(Records(sequence, dict(changed))),
            f"bucket:{turn}": msgspec.msgpack.encode(Records(sequence, self._buckets[turn])),
        }

    @classmethod
    def restore(cls, sections: Mapping[str, bytes]) -> AccountMirror:
        """Build the mirror that wrote `sections`."""
        mirror = cls()
        decode = msgspec.msgpack.Decoder(Records).decode
        written = [-1] * BUCKETS
        for turn in range(BUCKETS):
            data = sections.get(f"bucket:{turn}")
            if data is not None:
                written[turn], mirror._buckets[turn] = decode(data)
        deltas = [decode(data) for name, data in sections.items() if name.startswith("delta:")]
        for sequence, accounts in sorted(deltas, key=lambda records: records.sequence):
            mirror.update({key: value for key, value in accounts.items() if written[bucket_of(key)] < sequence})
        return mirror
