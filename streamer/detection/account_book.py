"""All accounts of a partition: those in use at hand, the idle ones packed, the long gone forgotten."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence

from streamer.detection.account import AccountState
from streamer.detection.links import stable_key
from streamer.detection.settings import AccountSettings

HOUR_MS = 3_600_000
DAY_HOURS = 24


class AccountBook:
    """Finds the state of an account, and keeps the memory of all within bounds.

    Packing and forgetting change nothing that is said: an account that was idle for so long counts as new, whether it
    was swept already or not. Only beyond `max_accounts` are the longest idle dropped before their time.
    """

    def __init__(self, settings: AccountSettings, *, track_changes: bool) -> None:
        self._settings = settings
        self._states: dict[str, AccountState] = {}
        self._packed: dict[str, bytes] = {}
        self._changed: set[str] | None = set() if track_changes else None
        self.swept_hour = -1

    def __len__(self) -> int:
        """Count the accounts that are remembered."""
        return len(self._states) + len(self._packed)

    def __iter__(self) -> Iterator[str]:
        """Name the accounts that are remembered."""
        yield from self._states
        yield from self._packed

    @property
    def packed_count(self) -> int:
        """How many accounts are idle and packed."""
        return len(self._packed)

    def open(self, account_id: str, times: Sequence[int], now_ms: int) -> AccountState:
        """Give the state of an account that was active at `times` (ms), in a window that began at `now_ms`."""
        state = self._states.get(account_id)
        if state is None:
            key = stable_key("account", account_id)
            record = self._packed.pop(account_id, None)
            state = AccountState(key, min(times)) if record is None else AccountState.unpack(key, record)
            self._states[account_id] = state
        if self._expired(state.last_ms, state.requests, now_ms):
            state = self._states[account_id] = AccountState(state.key, min(times))
        if self._changed is not None:
            self._changed.add(account_id)
        return state

    def _expired(self, last_ms: int, requests: int, now_ms: int) -> bool:
        settings = self._settings
        one_off = requests < settings.one_off_requests
        return now_ms - last_ms > 1000 * (settings.one_off_retention_s if one_off else settings.retention_s)

    def sweep(self, now_ms: int) -> None:
        """Once an hour of event time: pack idle accounts; once a day: forget those that were idle for too long."""
        hour = now_ms // HOUR_MS
        if hour == self.swept_hour:
            return
        idle_before_ms = now_ms - self._settings.pack_after_s * 1000
        for account_id in [name for name, state in self._states.items() if state.last_ms < idle_before_ms]:
            self._packed[account_id] = self._states.pop(account_id).pack()
        if hour // DAY_HOURS != self.swept_hour // DAY_HOURS or len(self) > self._settings.max_accounts:
            self._forget(now_ms)
        self.swept_hour = hour

    def _forget(self, now_ms: int) -> None:
        for account_id, record in list(self._packed.items()):
            if self._expired(*AccountState.peek(record), now_ms):
                del self._packed[account_id]
        excess = len(self) - self._settings.max_accounts
        if excess > 0:
            idlest = ((AccountState.peek(record)[0], name) for name, record in self._packed.items())
            for _, account_id in heapq.nsmallest(excess, idlest):
                del self._packed[account_id]

    def take_changed(self) -> dict[str, bytes]:
        """Give the packed record of every account that changed since this was last asked."""
        if self._changed is None:
            return {}
        changed, self._changed = self._changed, set()
        return {name: record for name in sorted(changed) if (record := self.record(name)) is not None}

    def record(self, account_id: str) -> bytes | None:
        """Give the packed record of one account, None if it is not remembered."""
        state = self._states.get(account_id)
        return self._packed.get(account_id) if state is None else state.pack()

    def restore(self, accounts: Iterable[tuple[str, bytes]], swept_hour: int) -> None:
        """Take over the records of accounts."""
        self._packed, self._states, self.swept_hour = dict(accounts), {}, swept_hour
