"""All accounts of a partition: one record of fixed size each, in one table; the long gone are forgotten."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from streamer.detection.links import stable_key
from streamer.detection.settings import AccountSettings

HOUR_MS = 3_600_000
DAY_HOURS = 24
RECORD_VERSION = 5
CAPABILITIES, LANGUAGES, GAPS = 16, 8, 10
# What of a request may be as it was in the one before.
STEADY = ("system", "model", "capability", "language", "limit")
ACCOUNT = np.dtype(
    [
        ("key", "<u8"),
        ("first_ms", "<i8"),
        ("last_ms", "<i8"),
        ("requests", "<i8"),
        ("output_tokens", "<i8"),
        ("hour", "<i4"),
        ("census_day", "<i4"),
        ("told_stretch", "<i4"),
        ("hours", "<u2", (DAY_HOURS,)),
        ("slots", "u1", (DAY_HOURS,)),
        ("refused", "<u2", (2,)),
        ("refused_day", "<i4"),
        ("session", "<u4"),
        ("languages", "<u4"),
        ("capabilities", "<u4"),
        ("output", "<f8", (3,)),
        ("input", "<f8", (3,)),
        ("greed", "<f8", (3,)),
        ("follow", "<f8", (2,)),
        ("moves", "<f8", (2,)),
        ("prompted", "<f8", (2,)),
        ("steady", "<f4", (len(STEADY), 2)),
        ("latest", "<u4", (len(STEADY),)),
        ("address", "<u8"),
        ("capability_mix", "<f4", (CAPABILITIES,)),
        ("language_mix", "<f4", (LANGUAGES,)),
        ("gap_mix", "<f4", (GAPS,)),
        ("gaps", "<f8", (3,)),
        ("usage", "<f8", (3,)),
    ]
)
Accounts = npt.NDArray[Any]
Slots = npt.NDArray[np.int64]
_FIRST_SIZE = 1024


def requests_of(record: bytes) -> int:
    """Read the number of requests off a record."""
    return int(_unpacked(record)["requests"][0])


def _unpacked(record: bytes) -> Accounts:
    if len(record) != ACCOUNT.itemsize + 1 or record[0] != RECORD_VERSION:
        message = f"account record {record[:1]!r} of {len(record)} bytes, expected version {RECORD_VERSION}"
        raise ValueError(message)
    return np.frombuffer(record, dtype=ACCOUNT, offset=1)


class AccountBook:
    """Finds the record of an account, and keeps the memory of all within bounds.

    Forgetting changes nothing that is said: an account that was idle for so long counts as new, whether it was swept
    already or not. Only beyond `max_accounts` are the longest idle dropped before their time.
    """

    def __init__(self, settings: AccountSettings, *, track_changes: bool) -> None:
        self._settings = settings
        self._slots: dict[str, int] = {}
        self._free: list[int] = []
        self._used = 0
        self.rows: Accounts = np.zeros(_FIRST_SIZE, dtype=ACCOUNT)
        self._changed: set[str] | None = set() if track_changes else None
        self.swept_hour = -1

    def __len__(self) -> int:
        """Count the accounts that are remembered."""
        return len(self._slots)

    def __iter__(self) -> Iterator[str]:
        """Name the accounts that are remembered."""
        return iter(self._slots)

    def open(self, account_ids: Sequence[str], first_ms: npt.NDArray[np.int64], now_ms: int) -> Slots:
        """Give the places of accounts in `rows`, each active from `first_ms` in a window that began at `now_ms`."""
        found = list(map(self._slots.get, account_ids))
        fresh = [at for at, slot in enumerate(found) if slot is None]
        for at in fresh:
            found[at] = self._new(account_ids[at])
        slots = np.array(found, dtype=np.int64)
        rows = self.rows
        gone = self._expired(rows["last_ms"][slots], rows["requests"][slots], now_ms)
        gone[fresh] = True
        begin = slots[gone]
        if len(begin):
            keys = rows["key"][begin]
            rows[begin] = np.zeros(1, dtype=ACCOUNT)[0]
            rows["key"][begin] = keys
            rows["first_ms"][begin] = rows["last_ms"][begin] = first_ms[gone]
            rows["hour"][begin] = first_ms[gone] // HOUR_MS
            rows["census_day"][begin] = rows["refused_day"][begin] = first_ms[gone] // (HOUR_MS * DAY_HOURS)
        if self._changed is not None:
            self._changed.update(account_ids)
        return slots

    def look(self, account_ids: Sequence[str], now_ms: int) -> Accounts:
        """Give records as `open` would find them, changing nothing: zeros but for the key where an account is new."""
        found = np.zeros(len(account_ids), dtype=ACCOUNT)
        for at, account_id in enumerate(account_ids):
            slot = self._slots.get(account_id)
            if slot is not None:
                found[at] = self.rows[slot]
        found[self._expired(found["last_ms"], found["requests"], now_ms)] = np.zeros(1, dtype=ACCOUNT)[0]
        found["key"] = [stable_key("account", account_id) for account_id in account_ids]
        return found

    def _new(self, account_id: str) -> int:
        if self._free:
            slot = self._free.pop()
        else:
            slot, self._used = self._used, self._used + 1
            if slot == len(self.rows):
                larger = np.zeros(slot + max(slot // 4, _FIRST_SIZE), dtype=ACCOUNT)
                larger[:slot] = self.rows
                self.rows = larger
        self._slots[account_id] = slot
        self.rows["key"][slot] = stable_key("account", account_id)
        return slot

    def _expired(self, last_ms: Slots, requests: Slots, now_ms: int) -> npt.NDArray[np.bool_]:
        settings = self._settings
        one_off = requests < settings.one_off_requests
        gone: npt.NDArray[np.bool_] = now_ms - last_ms > 1000 * np.where(
            one_off, settings.one_off_retention_s, settings.retention_s
        )
        return gone

    def sweep(self, now_ms: int) -> None:
        """Once a day of event time, or beyond the bound once an hour, forget those that were idle for too long."""
        hour = now_ms // HOUR_MS
        if hour == self.swept_hour:
            return
        if hour // DAY_HOURS != self.swept_hour // DAY_HOURS or len(self) > self._settings.max_accounts:
            self._forget(now_ms)
        self.swept_hour = hour

    def _forget(self, now_ms: int) -> None:
        if not self._slots:
            return
        names = list(self._slots)
        slots = np.fromiter(self._slots.values(), dtype=np.int64, count=len(names))
        last_ms = self.rows["last_ms"][slots]
        gone = self._expired(last_ms, self.rows["requests"][slots], now_ms)
        excess = len(names) - int(gone.sum()) - self._settings.max_accounts
        if excess > 0:
            idle = np.flatnonzero(~gone)
            # By time, then by name, so that every run drops the same ones.
            idlest = sorted(idle.tolist(), key=lambda at: (last_ms[at], names[at]))[:excess]
            gone[idlest] = True
        for at in np.flatnonzero(gone).tolist():
            self._free.append(self._slots.pop(names[at]))

    def take_changed(self) -> dict[str, bytes]:
        """Give the packed record of every account that changed since this was last asked."""
        if self._changed is None:
            return {}
        changed, self._changed = self._changed, set()
        return {name: record for name in sorted(changed) if (record := self.record(name)) is not None}

    def record(self, account_id: str) -> bytes | None:
        """Give the packed record of one account, versioned and exact; None if it is not remembered."""
        slot = self._slots.get(account_id)
        return None if slot is None else bytes((RECORD_VERSION,)) + self.rows[slot].tobytes()

    def restore(self, accounts: Iterable[tuple[str, bytes]], swept_hour: int) -> None:
        """Take over the records of accounts; ValueError for another version."""
        self._slots, self._free, self._used, self.swept_hour = {}, [], 0, swept_hour
        self.rows = np.zeros(_FIRST_SIZE, dtype=ACCOUNT)
        for account_id, record in accounts:
            slot = self._new(account_id)  # which may put a larger table in the place of this one
            self.rows[slot] = _unpacked(record)[0]
