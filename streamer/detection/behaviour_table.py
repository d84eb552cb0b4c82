"""How all accounts behave now, and how a sample of them behaved on each of the last days."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from streamer.detection.behaviour import BEHAVIOUR
from streamer.detection.profile import Rows, put_rows
from streamer.detection.settings import DAY_S, LikenessSettings, WindowSettings

_FIRST_SIZE = 1024
SPARE = 1.25
_MIX = np.uint64(0x9E37_79B9_7F4A_7C15)
Values = npt.NDArray[np.float16]


def _order(keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Give each key its place in a draw that is the same everywhere."""
    mixed = (keys + np.uint64(1)) * _MIX
    return mixed ^ mixed >> np.uint64(32)


class BehaviourTable:
    """The newest row of each account, up to `max_accounts`: beyond it, those that a fixed draw puts first.

    `began` is the day of the first row, -1 before it.
    """

    def __init__(self, settings: LikenessSettings, window: WindowSettings) -> None:
        self._settings = settings
        self._day = window.windows(DAY_S)
        self._kept = window.windows(settings.memory_s)
        self._slots: dict[int, int] = {}
        self._free: list[int] = []
        self._names: list[str] = []
        self._rows: Rows = np.zeros(_FIRST_SIZE, dtype=BEHAVIOUR)
        self._windows: npt.NDArray[np.int64] = np.full(_FIRST_SIZE, -1, dtype=np.int64)
        self._samples: dict[int, list[Rows]] = {}
        self._swept = -1
        self.began = -1

    def __len__(self) -> int:
        """Count the accounts."""
        return len(self._slots)

    def put(self, rows: Rows, account_ids: Sequence[str], window: int) -> None:
        """Take in accounts as they behave in a window."""
        slots = [self._slots.get(key) for key in rows["key"].tolist()]
        for at, slot in enumerate(slots):
            if slot is None:
                slots[at] = self._new(int(rows["key"][at]), account_ids[at])
        places = np.array(slots, dtype=np.int64)
        put_rows(self._rows, places, rows)
        self._windows[places] = window
        day = window // self._day
        self.began = day if self.began < 0 else self.began
        told = self._samples.setdefault(day, [])
        told.append(rows)
        if sum(map(len, told)) > SPARE * self._settings.sample_accounts:
            told[:] = [self._drawn(told)]

    def _new(self, key: int, name: str) -> int:
        if self._free:
            slot = self._free.pop()
            self._names[slot] = name
        else:
            slot = len(self._names)
            self._names.append(name)
            if slot == len(self._rows):
                more = max(slot // 4, _FIRST_SIZE)
                self._rows = np.concatenate((self._rows, np.zeros(more, dtype=BEHAVIOUR)))
                self._windows = np.concatenate((self._windows, np.full(more, -1, dtype=np.int64)))
        self._slots[key] = slot
        return slot

    def sweep(self, window: int) -> None:
        """Drop old samples, and forget accounts not told of for long; once a day, or where they are too many."""
        day = window // self._day
        if day == self._swept and len(self) <= SPARE * self._settings.max_accounts:
            return
        self._swept = day
        self._samples = {at: rows for at, rows in self._samples.items() if at >= day - self._settings.sample_days}
        gone = [key for key, slot in self._slots.items() if self._windows[slot] < day * self._day - self._kept]
        excess = len(self._slots) - len(gone) - self._settings.max_accounts
        if excess > 0:
            old = set(gone)
            keys = np.array([key for key in self._slots if key not in old], dtype=np.uint64)
            gone += keys[np.argsort(_order(keys))[-excess:]].tolist()
        for key in gone:
            slot = self._slots.pop(key)
            self._windows[slot] = -1
            self._free.append(slot)

    def _drawn(self, parts: list[Rows]) -> Rows:
        """Draw a sample of a day's accounts, each as first told that day."""
        rows = np.concatenate(parts)
        _, first = np.unique(rows["key"], return_index=True)
        rows = rows[first]
        found: Rows = rows[np.argsort(_order(rows["key"]))[: self._settings.sample_accounts]]
        return found

    def sampled_days(self, before_window: int, now: int) -> tuple[int, ...]:
        """Give the days that ended before a window; where none had, the first known, once it ended by window `now`.

        The day on which the table began counts only while no other is known: habits had not shown yet.
        """
        ended = sorted(day for day in self._samples if (day + 1) * self._day <= now)
        ended = [day for day in ended if day != self.began] or ended
        return tuple(day for day in ended if (day + 1) * self._day <= before_window) or tuple(ended[:1])

    def sample(self, days: Sequence[int]) -> Rows:
        """Give how a draw of accounts behaved on each of some days."""
        rows = [self._drawn(self._samples[day]) for day in days]
        return np.concatenate(rows) if rows else np.zeros(0, dtype=BEHAVIOUR)

    def lately(self, since_window: int) -> list[int]:
        """Give the accounts told of since a window, by key."""
        return sorted(key for key, slot in self._slots.items() if self._windows[slot] >= since_window)

    def requests(self, key: int) -> int:
        """Give how many requests an account that is known has made."""
        return int(self._rows["total_requests"][self._slots[key]])

    def of(self, keys: Sequence[int]) -> Values:
        """Give how accounts that are known behave."""
        found: Values = self._rows["values"][[self._slots[key] for key in keys]]
        return found

    def tells_what(self, keys: Collection[int]) -> bool:
        """Whether it is known of most of some accounts what they ask for."""
        return 2 * int(np.isnan(self.of(list(keys))[:, 0]).sum()) <= len(keys)

    def totals(self, key: int) -> tuple[int, int, int] | None:
        """Give when an account was first seen, and its requests and output tokens; None if it is not known any more."""
        slot = self._slots.get(key)
        if slot is None:
            return None
        row = self._rows[slot]
        return int(row["first_seen_ms"]), int(row["total_requests"]), int(row["total_output_tokens"])

    def told_since(self, key: int, window: int) -> bool:
        """Whether an account was told of since a window."""
        slot = self._slots.get(key)
        return slot is not None and int(self._windows[slot]) >= window

    def name(self, key: int) -> str:
        """Give the id of an account that is known."""
        return self._names[self._slots[key]]

    def snapshot(self) -> dict[str, Any]:
        """Plain data from which `restore` makes the same table."""
        keys = sorted(self._slots)
        slots = [self._slots[key] for key in keys]
        return {
            "names": [self._names[slot] for slot in slots],
            "rows": self._rows[slots].tobytes(),
            "windows": self._windows[slots].tobytes(),
            "samples": [[day, np.concatenate(rows).tobytes()] for day, rows in sorted(self._samples.items())],
            "swept": self._swept,
            "began": self.began,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `snapshot` gave."""
        self._slots, self._free, self._names = {}, [], []
        rows = np.frombuffer(state["rows"], dtype=BEHAVIOUR)
        windows = np.frombuffer(state["windows"], dtype=np.int64)
        self._rows = np.zeros(max(_FIRST_SIZE, len(rows)), dtype=BEHAVIOUR)
        self._windows = np.full(len(self._rows), -1, dtype=np.int64)
        for key, name in zip(rows["key"].tolist(), state["names"], strict=True):
            self._new(key, name)
        self._rows[: len(rows)] = rows
        self._windows[: len(rows)] = windows
        self._samples = {day: [np.frombuffer(told, dtype=BEHAVIOUR)] for day, told in state["samples"]}
        self._swept, self.began = state["swept"], state["began"]
