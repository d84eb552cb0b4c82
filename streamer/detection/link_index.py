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

SWEEP_S = 6 * HOUR_S


class Group:
    """The accounts on one value, each as it last was."""

    __slots__ = ("judged_requests", "judged_window", "last_window", "link", "members", "new_requests", "suspect")

    def __init__(self, link: Link, window: int) -> None:
        self.link = link
        self.members: dict[str, Member] = {}
        self.last_window = window
        self.judged_window = -1
        self.judged_requests = 0
        self.new_requests = 0
        self.suspect = False

    def forget(self, before_window: int) -> None:
        """Drop accounts that were last active before a window."""
        for name in [name for name, member in self.members.items() if member.profile.window < before_window]:
            del self.members[name]

    def judged(self, window: int) -> None:
        """Note that the group is judged now, so that it can be told when it has grown enough to be judged again."""
        self.judged_window = window
        self.judged_requests = sum([member.profile.requests_24h for member in self.members.values()])
        self.new_requests = 0

    def snapshot(self, intern: Callable[[Profile], int]) -> list[Any]:
        """Plain data; `intern` gives the number under which a profile is written once for all groups."""
        judged = [self.judged_window, self.judged_requests, self.new_requests, self.suspect]
        members = [intern(member.profile) for member in self.members.values()]
        return [list(self.link), self.last_window, *judged, members]

    @classmethod
    def restore(cls, state: list[Any], members: list[Member]) -> Group:
        """Take over what `snapshot` gave; groups share the `members` that their profiles were written for."""
        self = cls(Link(*state[0]), state[1])
        self.judged_window, self.judged_requests, self.new_requests, self.suspect = state[2:6]
        self.members = {members[number].profile.account_id: members[number] for number in state[6]}
        return self


class Uses:
    """Who used which link value in a window: of identities first, then of templates, each in the order of the rows.

    `keys`, `owners` (places in `members`) and `accounts` (their keys) run side by side, for one partition's shards.
    """

    def __init__(self, rows: Sequence[Row], shards: int, partition: np.uint64, partitions: np.uint64) -> None:
        self.members = [Member(row.profile) for row in rows]
        self._links = [link for row in rows for link in row.links]
        self._simhashes = [simhash for row in rows for simhash in row.templates]
        numbers = np.arange(len(rows))
        identity = np.array([link.key for link in self._links], dtype=np.uint64)
        template = template_keys(self._simhashes).ravel()
        keys = np.concatenate((identity, template))
        owners = np.concatenate(
            (
                np.repeat(numbers, [len(row.links) for row in rows]),
                np.repeat(numbers, [len(row.templates) * TEMPLATE_KEYS for row in rows]),
            )
        )
        mine = np.flatnonzero(keys % np.uint64(shards) % partitions == partition)
        self._places = mine
        self.keys, self.owners = keys[mine], owners[mine]
        self.accounts = np.array([row.profile.account_key for row in rows], dtype=np.uint64)[self.owners]

    def link(self, at: int) -> Link:
        """Give the link of an entry."""
        place = int(self._places[at])
        if place < len(self._links):
            return self._links[place]
        number, pair = divmod(place - len(self._links), TEMPLATE_KEYS)
        return Link(int(self.keys[at]), TEMPLATE, f"{self._simhashes[number]:016x}/{pair}")


class LinkIndex:
    """Sees every use of a link value: keeps singles in constant memory, and groups of two and more in full.

    A hub is a value that too many accounts share: they are not followed, and it binds nobody. A group begins with the
    second account on a value; the first joins when it is active again, for a single leaves no more than a few bits.
    """

    def __init__(self, settings: LinkSettings, window: WindowSettings, partition: int, partitions: int) -> None:
        self._settings = settings
        self._window = window
        self._partition, self._partitions = np.uint64(partition), np.uint64(partitions)
        self._epoch_windows = window.windows(settings.sighting_memory_s)
        self._sweep_windows = window.windows(SWEEP_S)
        self._swept = -1
        self._sightings = Sightings(settings.shards, settings.sighting_slots)
        self._per_shard: Counter[int] = Counter()
        self._touched: set[int] = set()
        self.groups: dict[int, Group] = {}
        self._hubs: dict[int, int] = {}

    def see(self, rows: Sequence[Row], window: int) -> None:
        """Note the links of the accounts that were active in the window that is being closed, in the order given."""
        self._sweep(window)
        uses = Uses(rows, self._settings.shards, self._partition, self._partitions)
        values = uses.keys.tolist()
        known = np.fromiter(map(self.groups.__contains__, values), dtype=np.bool_, count=len(values))
        hubs = np.fromiter(map(self._hubs.__contains__, values), dtype=np.bool_, count=len(values))
        unknown = np.flatnonzero(~known & ~hubs)
        met = self._sightings.shared(uses.keys[unknown], uses.accounts[unknown], window // self._epoch_windows)
        known[unknown[met]] = True
        groups, touched, members = self.groups, self._touched, uses.members
        owners = uses.owners.tolist()
        for at in np.flatnonzero(known).tolist():
            key = values[at]
            group = groups.get(key) or self._start(uses.link(at), window)
            if group is not None:
                member = members[owners[at]]
                account_id = member.profile.account_id
                if group.members.get(account_id) is not member:  # or another prompt of it had the same key
                    group.members[account_id] = member
                    group.new_requests += member.profile.requests
                    group.last_window = window
                    touched.add(key)

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
        often = self._window.windows(settings.judge_suspect_every_s)
        oldest = window - self._window.windows(settings.horizon_s)
        touched, self._touched = sorted(self._touched), set()
        for key in touched:
            group = self.groups[key]
            if len(group.members) > limit:
                group.forget(oldest)
            if len(group.members) > limit:
                self._drop(key)
                self._hubs[key] = window
            elif len(group.members) >= min_accounts and reference.ready:
                grown = group.new_requests >= settings.judge_growth_ratio * group.judged_requests
                if grown or window - group.judged_window >= (often if group.suspect else every):
                    group.forget(oldest)
                    group.judged(window)
                    yield key, group

    def _sweep(self, window: int) -> None:
        """Forget groups that nobody used for long, and hubs after as long: they must show again that they are one.

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
            "swept": self._swept,
        }

    def restore(self, state: dict[str, Any], members: list[Member]) -> None:
        """Take over what `snapshot` gave."""
        self._sightings.restore(state["sightings"])
        self.groups = {group.link.key: group for group in (Group.restore(plain, members) for plain in state["groups"])}
        self._per_shard = Counter(key % self._settings.shards for key in self.groups)
        self._hubs = dict(state["hubs"])
        self._swept = state["swept"]
