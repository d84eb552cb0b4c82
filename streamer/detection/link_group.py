"""The accounts on one link value, and how they are added: all uses of a window's values at a time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from streamer.detection.gathering import Gathering
from streamer.detection.links import Keys, Link
from streamer.detection.sightings import Flags

# Up to so many accounts are noted faster one by one.
FEW = 6
Places = npt.NDArray[np.int64]


class Group:
    """The accounts on one value: the key of each, and the window in which it was last on it."""

    __slots__ = (
        "_oldest",
        "judged_accounts",
        "judged_requests",
        "judged_window",
        "last_window",
        "link",
        "members",
        "new_requests",
        "suspect",
    )

    def __init__(self, link: Link, window: int) -> None:
        self.link = link
        self.members: dict[int, int] = {}
        self._oldest = window  # nobody was last on it before
        self.last_window = window
        self.judged_window = -1
        self.judged_requests = 0
        self.judged_accounts = 0
        self.new_requests = 0
        self.suspect = False

    def forget(self, before_window: int) -> None:
        """Drop accounts that were last on the value before a window."""
        if before_window > self._oldest:
            for key in [key for key, window in self.members.items() if window < before_window]:
                del self.members[key]
            self._oldest = before_window

    def judged(self, window: int, requests: int) -> None:
        """Note that the group is judged now, so that it can be told when it has grown enough to be judged again."""
        self.judged_window = window
        self.judged_requests = requests
        self.judged_accounts = len(self.members)
        self.new_requests = 0

    def snapshot(self) -> list[Any]:
        """Plain data from which `restore` makes the same group."""
        judged = [self.judged_window, self.judged_requests, self.judged_accounts, self.new_requests, self.suspect]
        members = sorted(self.members.items())
        keys, windows = ([pair[part] for pair in members] for part in (0, 1))
        packed = [np.array(keys, dtype="<u8").tobytes(), np.array(windows, dtype="<i4").tobytes()]
        return [list(self.link), self.last_window, *judged, *packed]

    @classmethod
    def restore(cls, state: list[Any]) -> Group:
        """Take over what `snapshot` gave."""
        self = cls(Link(*state[0]), state[1])
        self.judged_window, self.judged_requests, self.judged_accounts, self.new_requests, self.suspect = state[2:7]
        keys, windows = np.frombuffer(state[7], dtype="<u8"), np.frombuffer(state[8], dtype="<i4")
        self.members = dict(zip(keys.tolist(), windows.tolist(), strict=True))
        self._oldest = min(self.members.values(), default=self.last_window)
        return self


class Uses:
    """Those uses of values at some `places` of all, by value and account; `values` has each value once, in order."""

    def __init__(self, keys: Keys, owners: Places, places: Places) -> None:
        keys, owners = keys[places], owners[places]
        order = np.lexsort((owners, keys))
        keys = keys[order]
        self._places, self._owners = places[order], owners[order]
        self._begins = np.ones(len(keys), dtype=np.bool_)
        np.not_equal(keys[1:], keys[:-1], out=self._begins[1:])
        self._number = np.cumsum(self._begins) - 1
        self.values: list[int] = keys[self._begins].tolist()

    def places_of(self, wanted: Flags) -> Places:
        """Give the places of the uses of some values: a flag for each."""
        found: Places = self._places[wanted[self._number]]
        return found

    def join(self, groups: Iterable[Group], joined: Flags, gathered: Gathering, window: int) -> None:
        """Note accounts on the values that are `joined`, and their groups: each once, however often it is on one."""
        fresh = self._begins.copy()
        fresh[1:] |= self._owners[1:] != self._owners[:-1]
        kept = np.flatnonzero(fresh & joined[self._number])
        if not len(kept):
            return
        owners = self._owners[kept]
        starts = np.flatnonzero(self._begins[kept])
        accounts = gathered.account_keys[owners].tolist()
        requests = np.add.reduceat(gathered.rows["requests"][owners].astype(np.int64), starts).tolist()
        begins = starts.tolist()
        for group, begin, end, count in zip(groups, begins, [*begins[1:], len(accounts)], requests, strict=True):
            members = group.members
            if end - begin == 1:
                members[accounts[begin]] = window
            elif end - begin > FEW:
                members.update(dict.fromkeys(accounts[begin:end], window))
            else:
                for account in accounts[begin:end]:
                    members[account] = window
            group.new_requests += count
            group.last_window = window
