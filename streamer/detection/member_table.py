"""The accounts that were active of late, each as it now is, for whoever judges groups of them."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from itertools import accumulate, chain, compress, repeat
from typing import Any

import numpy as np
import numpy.typing as npt

from streamer.detection.profile import MEMBER, ROW, Rows, put_rows

Slots = npt.NDArray[np.int64]
_FIRST_SIZE = 1024
UNKNOWN = -1


class MemberTable:
    """Rows of `profile.MEMBER` by account key; what is older than what is known changes nothing."""

    def __init__(self) -> None:
        self._slots: dict[int, int] = {}
        self._free: list[int] = []
        self._used = 0
        self.account_ids: list[str] = []
        self.models: list[tuple[str, ...]] = []
        self.rows: Rows = np.zeros(_FIRST_SIZE, dtype=MEMBER)

    def __len__(self) -> int:
        """Count the accounts."""
        return len(self._slots)

    def __iter__(self) -> Iterator[int]:
        """Give the key of every account."""
        return iter(self._slots)

    def __contains__(self, key: int) -> bool:
        """Whether an account is known."""
        return key in self._slots

    def find(self, keys: npt.NDArray[np.uint64]) -> Slots:
        """Give the place of each of some accounts, `UNKNOWN` of one that is not known."""
        return np.array(list(map(self._slots.get, keys.tolist(), repeat(UNKNOWN))), dtype=np.int64)

    def put(
        self,
        rows: Rows,
        account_ids: Sequence[str],
        models: Sequence[tuple[str, ...]],
        slots: Slots | None = None,
    ) -> None:
        """Take in accounts as they now are, each once; `slots` are their places, if they were looked for already."""
        slots = self.find(rows["key"]) if slots is None else slots
        fresh = np.flatnonzero(slots == UNKNOWN)
        if len(fresh):
            keys = rows["key"][fresh].tolist()
            slots[fresh] = [self._new(key, account_ids[at]) for key, at in zip(keys, fresh.tolist(), strict=True)]
            self.rows["window"][slots[fresh]] = -1
        newer = rows["window"] >= self.rows["window"][slots]
        if newer.all():
            put_rows(self.rows, slots, rows)
        else:
            put_rows(self.rows, slots[newer], rows.compress(newer))
            models = list(compress(models, newer))
            slots = slots[newer]
        for slot, used in zip(slots.tolist(), models, strict=True):
            self.models[slot] = used

    def _new(self, key: int, account_id: str) -> int:
        if self._free:
            slot = self._free.pop()
            self.account_ids[slot] = account_id
        else:
            slot, self._used = self._used, self._used + 1
            self.account_ids.append(account_id)
            self.models.append(())
            if slot == len(self.rows):
                larger = np.zeros(slot + max(slot // 4, _FIRST_SIZE), dtype=MEMBER)
                larger[:slot] = self.rows
                self.rows = larger
        self._slots[key] = slot
        return slot

    def slots(self, keys: Iterable[int]) -> Slots:
        """Give the places of those accounts that are known, in the order given."""
        return np.array([slot for slot in map(self._slots.get, keys) if slot is not None], dtype=np.int64)

    def of(self, keys: Iterable[int]) -> Rows:
        """Give the rows of those accounts that are known, in the order given."""
        found: Rows = self.rows.take(self.slots(keys))
        return found

    def slots_of_each(self, groups: Iterable[Iterable[int]]) -> tuple[Slots, list[int]]:
        """Give the places of several groups of accounts one after another, and where each ends; see `slots`."""
        found = [[slot for slot in map(self._slots.get, keys) if slot is not None] for keys in groups]
        ends = list(accumulate(map(len, found)))
        return np.fromiter(chain.from_iterable(found), dtype=np.int64, count=ends[-1] if ends else 0), ends

    def window_of(self, key: int) -> int:
        """Give the window in which an account was last active, as far as is known; -1 if it is not known."""
        slot = self._slots.get(key)
        return -1 if slot is None else int(self.rows["window"][slot])

    def name(self, key: int) -> str:
        """Give the id of an account that is known."""
        return self.account_ids[self._slots[key]]

    def models_of(self, key: int) -> tuple[str, ...]:
        """Give the models of an account that is known."""
        return self.models[self._slots[key]]

    def forget(self, before_window: int, kept: Container[int] = frozenset()) -> None:
        """Drop accounts that were last active before a window, but for those to be `kept`."""
        windows = self.rows["window"]
        self.drop([key for key, slot in self._slots.items() if windows[slot] < before_window and key not in kept])

    def drop(self, keys: Iterable[int]) -> None:
        """Drop accounts that are known."""
        self._free += [self._slots.pop(key) for key in keys]

    def snapshot(self) -> list[Any]:
        """Plain data from which `restore` makes the same table."""
        keys = sorted(self._slots)
        models: dict[tuple[str, ...], int] = {}
        numbers = [models.setdefault(self.models_of(key), len(models)) for key in keys]
        return [[self.name(key) for key in keys], self.of(keys).tobytes(), numbers, [list(names) for names in models]]

    def restore(self, state: list[Any]) -> None:
        """Take over what `snapshot` gave."""
        self.__init__()  # type: ignore[misc]
        names, rows, numbers, models = state
        told = [tuple(model) for model in models]
        self.put(np.frombuffer(rows, dtype=MEMBER), names, [told[number] for number in numbers])


def members_of(rows: Rows, window: int, usual: Any, scores: Any) -> Rows:  # noqa: ANN401 - columns, or one value
    """Make members of rows that were active in a window."""
    members = np.zeros(len(rows), dtype=MEMBER)
    # A member begins with a row: its bytes are copied at once, for field by field takes ten times as long.
    as_bytes = np.ascontiguousarray(rows).view(np.uint8).reshape(len(rows), ROW.itemsize)
    members.view(np.uint8).reshape(len(rows), MEMBER.itemsize)[:, : ROW.itemsize] = as_bytes
    members["window"], members["usual"], members["scores"] = window, usual, scores
    return members
