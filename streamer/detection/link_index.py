"""The groups of accounts on one link value each, for the shards of one partition.

A value belongs to shard `key % shards` however many processes there are, so a bound that is reached cuts the same
groups in a replay as in a live run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from streamer.detection.gathering import Gathering
from streamer.detection.link_group import Group, Uses
from streamer.detection.population import Reference
from streamer.detection.report_parts import partition_of
from streamer.detection.settings import HOUR_S, DetectionSettings
from streamer.detection.sightings import Flags, Sightings

SWEEP_S = 6 * HOUR_S
# Two are needed to overlap, and a third to be added.
MIN_TIE = 3
# A group too small to be judged is told of again when it has this much more accounts.
TIE_GROWTH_RATIO = 0.25
# What was a hub is one again with so many of the accounts that make one: on a Sunday, say.
HUB_AGAIN_RATIO = 0.5
_FILTER_MASK = (1 << 20) - 1


class LinkIndex:
    """Sees every use of a link value: keeps singles in constant memory, and groups of two and more in full.

    A hub is a value that too many accounts share: they are not followed, and it binds nobody. After a time it must show
    again that it is one; until then it is on trial, and binds nobody either. A group begins with the second account on
    a value; the first joins when it is active again, for a single leaves no more than a few bits.
    """

    def __init__(self, everything: DetectionSettings, partition: int, partitions: int) -> None:
        self._settings = settings = everything.link
        self._min_accounts = everything.group.min_accounts
        self._window = window = everything.window
        self._partition, self._partitions = partition, partitions
        self._epoch_windows = window.windows(settings.sighting_memory_s)
        self._sweep_windows = window.windows(SWEEP_S)
        self._swept = -1
        self._sightings = Sightings(
            settings.shards, settings.sighting_slots, partition=partition, partitions=partitions
        )
        self._per_shard: Counter[int] = Counter()
        self._touched: dict[int, Group] = {}
        self.groups: dict[int, Group] = {}
        self._hubs: dict[int, int] = {}
        self._trials: dict[int, int] = {}
        self._filter = self._fresh_filter()

    def see(self, gathered: Gathering, window: int) -> Flags:
        """Note the links of the accounts that were active in the window being closed; say which are now in a group."""
        self._sweep(window)
        keys, owners = gathered.keys, gathered.owners
        mine = np.arange(len(keys))
        if self._partitions > 1:
            mine = np.flatnonzero(partition_of(keys, self._settings.shards, self._partitions) == self._partition)
            keys, owners = keys[mine], owners[mine]
        uses = Uses(keys, owners, np.flatnonzero(self._filter[keys & np.uint64(_FILTER_MASK)]))
        groups = list(map(self.groups.get, uses.values))
        known = np.array([group is not None for group in groups], dtype=np.bool_)
        unknown = np.ones(len(keys), dtype=np.bool_)
        unknown[uses.places_of(known | self._popular(uses.values))] = False
        rest = np.flatnonzero(unknown)
        accounts = gathered.account_keys[owners[rest]]
        met = rest[self._sightings.shared(keys[rest], accounts, window // self._epoch_windows)]
        for place, key in zip(mine[met].tolist(), keys[met].tolist(), strict=True):
            if key not in self.groups:
                self._start(gathered, place, window)
        grouped = np.zeros(len(gathered.account_keys), dtype=np.bool_)
        grouped[owners[uses.places_of(known)]] = grouped[owners[met]] = True
        self._join(uses, groups, gathered, window)
        if len(met):
            newcomers = Uses(keys, owners, met)
            self._join(newcomers, list(map(self.groups.get, newcomers.values)), gathered, window)
        return grouped

    def _popular(self, values: list[int]) -> Flags:
        """Say which of some values are hubs."""
        if not self._hubs:
            return np.zeros(len(values), dtype=np.bool_)
        return np.fromiter(map(self._hubs.__contains__, values), dtype=np.bool_, count=len(values))

    def _join(self, uses: Uses, groups: Sequence[Group | None], gathered: Gathering, window: int) -> None:
        """Note who used values, `groups` being those on them; for some there was no room."""
        there = {key: group for key, group in zip(uses.values, groups, strict=True) if group is not None}
        joined = np.array([group is not None for group in groups], dtype=np.bool_)
        uses.join(there.values(), joined, gathered, window)
        self._touched.update(there)

    def _start(self, gathered: Gathering, place: int, window: int) -> None:
        link = gathered.link(place)
        shard = link.key % self._settings.shards
        if self._per_shard[shard] >= self._settings.max_groups_per_shard:
            return
        self._per_shard[shard] += 1
        self.groups[link.key] = Group(link, window)
        self._filter[link.key & _FILTER_MASK] = True

    def due(self, window: int, reference: Reference) -> Iterator[Group]:
        """Give the groups that have enough new to be judged at the close of a window, by key.

        Whoever takes one must tell it when it is `judged`.
        """
        settings = self._settings
        hub_accounts = max(settings.hub_min_accounts, settings.hub_ratio * reference.accounts)
        limit = hub_accounts if reference.ready else settings.max_members
        every = self._window.windows(settings.judge_every_s)
        often = self._window.windows(settings.judge_suspect_every_s)
        oldest = window - self._window.windows(settings.horizon_s)
        trials, min_accounts = self._trials, self._min_accounts
        touched, self._touched = self._touched, {}
        for key in sorted(touched):
            group = touched[key]
            count, most = len(group.members), limit
            on_trial = key in trials and trials[key] > oldest
            if on_trial:
                most *= HUB_AGAIN_RATIO
            if count > most:
                group.forget(oldest)
                count = len(group.members)
            if count > most:
                self._drop(key)
                self._hubs[key] = window
                trials.pop(key, None)
            elif count >= MIN_TIE and reference.ready and not on_trial:
                if count >= min_accounts:
                    grown = group.new_requests >= settings.judge_growth_ratio * group.judged_requests
                else:
                    grown = count >= (1 + TIE_GROWTH_RATIO) * group.judged_accounts
                if grown or window - group.judged_window >= (often if group.suspect else every):
                    group.forget(oldest)
                    yield group

    def _sweep(self, window: int) -> None:
        """Forget groups that nobody used for long, and put hubs on trial after as long.

        Done before anything of a new stretch of time is seen; skipping one with nothing in it changes nothing.
        """
        stretch = window // self._sweep_windows
        if stretch == self._swept:
            return
        self._swept = stretch
        oldest = stretch * self._sweep_windows - self._window.windows(self._settings.idle_s)
        for key, group in list(self.groups.items()):
            if group.last_window < oldest:
                self._drop(key)
        forgotten = [key for key, since in self._hubs.items() if since < oldest]
        self._trials = {key: since for key, since in self._trials.items() if since >= oldest}
        for key in forgotten:
            del self._hubs[key]
            self._trials[key] = stretch * self._sweep_windows
        self._filter = self._fresh_filter()

    def _fresh_filter(self) -> npt.NDArray[np.bool_]:
        """Mark the places of all groups and hubs: nearly all values are in neither, and are told so at once."""
        marks = np.zeros(_FILTER_MASK + 1, dtype=np.bool_)
        for keys in (self.groups, self._hubs):
            marks[np.fromiter(keys, dtype=np.uint64, count=len(keys)) & np.uint64(_FILTER_MASK)] = True
        return marks

    def _drop(self, key: int) -> None:
        del self.groups[key]
        self._per_shard[key % self._settings.shards] -= 1

    @property
    def hub_count(self) -> int:
        """How many values are shared by too many to bind anybody."""
        return len(self._hubs)

    def snapshot(self) -> dict[str, Any]:
        """Plain data from which `restore` makes the same index."""
        return {
            "sightings": self._sightings.snapshot(),
            "groups": [group.snapshot() for group in self.groups.values()],
            "hubs": sorted(self._hubs.items()),
            "trials": sorted(self._trials.items()),
            "swept": self._swept,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `snapshot` gave."""
        self._sightings.restore(state["sightings"])
        self.groups = {group.link.key: group for group in map(Group.restore, state["groups"])}
        self._per_shard = Counter(key % self._settings.shards for key in self.groups)
        self._hubs = dict(state["hubs"])
        self._trials = dict(state["trials"])
        self._swept = state["swept"]
        self._filter = self._fresh_filter()
