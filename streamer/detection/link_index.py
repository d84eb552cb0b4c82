"""The groups of accounts on one link value each, for the shards of one partition.

A value belongs to shard `key % shards` however many processes there are, so a bound that is reached cuts the same
groups in a replay as in a live run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from streamer.detection.evidence import Profile, Row
from streamer.detection.group import Member
from streamer.detection.links import TEMPLATE, TEMPLATE_KEYS, Link, template_keys
from streamer.detection.population import Reference
from streamer.detection.settings import HOUR_S, LinkSettings, WindowSettings
from streamer.detection.sightings import Sightings


class Group:
    """The accounts on one value, each as it last was."""

    __slots__ = ("judged_requests", "judged_window", "last_window", "link", "members", "new_requests")

    def __init__(self, link: Link, window: int) -> None:
        self.link = link
        self.members: dict[str, Member] = {}
        self.last_window = window
        self.judged_window = -1
        self.judged_requests = 0
        self.new_requests = 0

    def join(self, member: Member) -> None:
        """Add an account, or bring it up to date."""
        profile = member.profile
        self.members[profile.account_id] = member
        self.new_requests += profile.requests
        self.last_window = profile.window

    def snapshot(self, intern: Callable[[Profile], int]) -> list[Any]:
        """Plain data; `intern` gives the number under which a profile is written once for all groups."""
        judged = [self.judged_window, self.judged_requests, self.new_requests]
        members = [intern(member.profile) for member in self.members.values()]
        return [list(self.link), self.last_window, *judged, members]

    @classmethod
    def restore(cls, state: list[Any], members: list[Member]) -> Group:
        """Take over what `snapshot` gave; groups share the `members` that their profiles were written for."""
        self = cls(Link(*state[0]), state[1])
        self.judged_window, self.judged_requests, self.new_requests = state[2:5]
        self.members = {members[number].profile.account_id: members[number] for number in state[5]}
        return self


class LinkIndex:
    """Sees every use of a link value: keeps singles in constant memory, and groups of two and more in full.

    A hub is a value that too many accounts share: they are not followed, and it binds nobody.
    """

    def __init__(self, settings: LinkSettings, window: WindowSettings, partition: int, partitions: int) -> None:
        self._settings = settings
        self._window = window
        self._partition, self._partitions = np.uint64(partition), np.uint64(partitions)
        self._epoch_windows = window.windows(settings.sighting_memory_s)
        self._hour_windows = window.windows(HOUR_S)
        self._swept_hour = -1
        self._sightings = Sightings(settings.shards, settings.sighting_slots)
        self._per_shard: Counter[int] = Counter()
        self._touched: set[int] = set()
        self.groups: dict[int, Group] = {}
        self._hubs: dict[int, int] = {}

    def see(self, rows: Sequence[Row], window: int) -> None:
        """Note the links of the accounts that were active in the window that is being closed, in the order given."""
        self._sweep(window)
        members = [Member(row.profile) for row in rows]
        links = [link for row in rows for link in row.links]
        simhashes = [simhash for row in rows for simhash in row.templates]
        owners = np.repeat(np.arange(len(rows)), [len(row.links) for row in rows])
        writers = np.repeat(np.arange(len(rows)), [len(row.templates) * TEMPLATE_KEYS for row in rows])
        keys = np.concatenate(
            (np.array([link.key for link in links], dtype=np.uint64), template_keys(simhashes).ravel())
        )
        owners = np.concatenate((owners, writers))
        shards = keys % np.uint64(self._settings.shards)
        mine = shards % self._partitions == self._partition
        values = keys.tolist()
        known = np.fromiter(map(self.groups.__contains__, values), dtype=np.bool_, count=len(values))
        hubs = np.fromiter(map(self._hubs.__contains__, values), dtype=np.bool_, count=len(values))
        unknown = np.flatnonzero(mine & ~known & ~hubs)
        accounts = np.array([row.profile.account_key for row in rows], dtype=np.uint64)
        met = self._sightings.shared(keys[unknown], accounts[owners[unknown]], window // self._epoch_windows)
        touched = self._touched
        for at in np.sort(np.concatenate((np.flatnonzero(known), unknown[met]))).tolist():
            if at < len(links):
                group = self.groups.get(values[at]) or self._start(links[at], window)
            else:
                group = self.groups.get(values[at])
                if group is None:
                    pair = at - len(links)
                    name = f"{simhashes[pair // TEMPLATE_KEYS]:016x}/{pair % TEMPLATE_KEYS}"
                    group = self._start(Link(values[at], TEMPLATE, name), window)
            if group is not None:
                group.join(members[owners[at]])
                touched.add(values[at])

    def _start(self, link: Link, window: int) -> Group | None:
        shard = link.key % self._settings.shards
        if self._per_shard[shard] >= self._settings.max_groups_per_shard:
            return None
        self._per_shard[shard] += 1
        group = self.groups[link.key] = Group(link, window)
        return group

    def due(self, window: int, reference: Reference, min_accounts: int) -> Iterator[tuple[int, Group]]:
        """Give the groups that have enough new to be judged at the close of a window, by key; mark them as judged."""
        settings = self._settings
        hub_accounts = max(settings.hub_min_accounts, settings.hub_ratio * reference.accounts)
        limit = hub_accounts if reference.ready else settings.max_members
        every = self._window.windows(settings.judge_every_s)
        touched, self._touched = sorted(self._touched), set()
        for key in touched:
            group = self.groups[key]
            if len(group.members) > limit:
                self._drop(key)
                self._hubs[key] = window
            elif len(group.members) >= min_accounts and reference.ready:
                grown = group.new_requests >= settings.judge_growth_ratio * group.judged_requests
                if grown or window - group.judged_window >= every:
                    self._mark_judged(group, window)
                    yield key, group

    def _mark_judged(self, group: Group, window: int) -> None:
        oldest = window - self._window.windows(self._settings.horizon_s)
        requests = 0
        for name, member in list(group.members.items()):
            profile = member.profile
            if profile.window < oldest:
                del group.members[name]
            else:
                requests += profile.requests_24h
        group.judged_window = window
        group.judged_requests = requests
        group.new_requests = 0

    def _sweep(self, window: int) -> None:
        """Forget groups that nobody used for long, and hubs after as long: they must show again that they are one.

        Done before anything of a new hour is seen; that hours in which nothing was seen are skipped changes nothing.
        """
        hour = window // self._hour_windows
        if hour == self._swept_hour:
            return
        self._swept_hour = hour
        oldest = hour * self._hour_windows - self._window.windows(self._settings.idle_s)
        for key, group in list(self.groups.items()):
            if group.last_window < oldest:
                self._drop(key)
        self._hubs = {key: since for key, since in self._hubs.items() if since >= oldest}

    def _drop(self, key: int) -> None:
        del self.groups[key]
        self._per_shard[key % self._settings.shards] -= 1

    @property
    def hub_count(self) -> int:
        """How many values are shared by too many to bind anybody."""
        return len(self._hubs)

    def snapshot(self, intern: Callable[[Profile], int]) -> dict[str, Any]:
        """Plain data from which `restore` makes the same index."""
        return {
            "sightings": self._sightings.snapshot(),
            "groups": [group.snapshot(intern) for group in self.groups.values()],
            "hubs": sorted(self._hubs.items()),
            "swept_hour": self._swept_hour,
        }

    def restore(self, state: dict[str, Any], members: list[Member]) -> None:
        """Take over what `snapshot` gave."""
        self._sightings.restore(state["sightings"])
        self.groups = {group.link.key: group for group in (Group.restore(plain, members) for plain in state["groups"])}
        self._per_shard = Counter(key % self._settings.shards for key in self.groups)
        self._hubs = dict(state["hubs"])
        self._swept_hour = state["swept_hour"]
