"""Remembers, in constant memory, which account was last seen on a link value, to notice the second one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from streamer.detection.links import Keys

ACCOUNT_BITS = np.uint64(28)
EPOCH_BITS = np.uint64(8)
TAG_SHIFT = ACCOUNT_BITS + EPOCH_BITS
ACCOUNT_MASK = np.uint64((1 << 28) - 1)
EPOCH_MASK = np.uint64(0xFF)
NOBODY = np.uint64(1 << 28)
SEVERAL = np.uint64((1 << 28) - 1)
Flags = npt.NDArray[np.bool_]


class Sightings:
    """One table of slots for each shard; a newer value takes an older one's slot.

    A slot holds 28 bits of the key, 8 bits of time and 28 bits of the account. A million invented values cost
    nothing. A value that was pushed out costs a later notice; whoever asks what was `before` takes it for a new one.
    With `count_several`, a value that several accounts had keeps that fact in place of the last account. Shards do
    not share slots, so the same values meet in a replay, where one process has all shards, and in a live run, where
    each has some: those of its `partition`, in which alone values may be asked for.
    """

    def __init__(
        self, shards: int, slots: int, *, count_several: bool = False, partition: int = 0, partitions: int = 1
    ) -> None:
        if slots & (slots - 1) or shards < 1:
            message = f"slots must be a power of two and shards at least 1, found {slots} and {shards}"
            raise ValueError(message)
        self._shards = np.uint64(shards)
        self._slots_per_shard = np.uint64(slots)
        self._count_several = count_several
        self._partitions = np.uint64(partitions)
        self._slots = np.zeros(len(range(partition, shards, partitions)) * slots, dtype=np.uint64)

    def _places(self, keys: Keys) -> Keys:
        shard = keys % self._shards // self._partitions
        return shard * self._slots_per_shard + (keys >> np.uint64(8) & self._slots_per_shard - np.uint64(1))

    def shared(self, keys: Keys, accounts: Keys, epoch: int) -> Flags:
        """Note accounts on values; say for each whether another was on that value now, in this epoch or the last.

        `keys` and `accounts` run side by side; accounts are 64-bit keys of which 28 bits are kept.
        """
        if not len(keys):
            return np.zeros(0, dtype=np.bool_)
        accounts = accounts & ACCOUNT_MASK
        order = np.argsort(keys)
        ordered, owners = keys[order], accounts[order]
        begins = np.ones(len(keys), dtype=np.bool_)
        np.not_equal(ordered[1:], ordered[:-1], out=begins[1:])
        starts, number = np.flatnonzero(begins), np.cumsum(begins) - 1
        # The sort is several times as fast where it need not be stable; who was first is asked of the places.
        values, first = ordered[starts], accounts[np.minimum.reduceat(order, starts)]
        places = self._places(values)
        found = self._slots[places]
        now = np.uint64(epoch & 0xFF)
        fresh = (found >> TAG_SHIFT == values >> TAG_SHIFT) & (((now - (found >> ACCOUNT_BITS)) & EPOCH_MASK) <= 1)
        met = fresh & (found & ACCOUNT_MASK != first)
        several = np.zeros(len(starts), dtype=np.bool_)
        several[number[1:][(owners[1:] != owners[:-1]) & ~begins[1:]]] = True
        told = values >> TAG_SHIFT << TAG_SHIFT | now << ACCOUNT_BITS
        if self._count_several:
            self._slots[places] = told | np.where(met | several, SEVERAL, first)
        else:
            self._slots[places[~met]] = (told | first)[~met]
        shared = np.empty(len(keys), dtype=np.bool_)
        shared[order] = (met | several)[number]
        return shared

    def before(self, keys: Keys, epoch: int) -> Keys:
        """Give, for each value, the account (28 bits) that was on it in this epoch or the last; NOBODY if none was."""
        places = self._places(keys)
        found = self._slots[places]
        now = np.uint64(epoch & 0xFF)
        fresh = (found >> TAG_SHIFT == keys >> TAG_SHIFT) & (((now - (found >> ACCOUNT_BITS)) & EPOCH_MASK) <= 1)
        return np.where(fresh, found & ACCOUNT_MASK, NOBODY)

    def snapshot(self) -> bytes:
        """All slots, little-endian."""
        return self._slots.astype("<u8").tobytes()

    def restore(self, state: bytes) -> None:
        """Take over what `snapshot` gave."""
        self._slots = np.frombuffer(state, dtype="<u8").astype(np.uint64)
