"""Finds requests that were refused at one account and sent by another within seconds: a scheduler's failover."""

from __future__ import annotations

from typing import Any

import numpy as np

from streamer.detection.evidence import HandOff
from streamer.detection.gathering import Gathering
from streamer.detection.links import prompt_keys
from streamer.detection.open_window import BY_SHAPE
from streamer.detection.profile import Rows
from streamer.detection.settings import DetectionSettings
from streamer.detection.sightings import ACCOUNT_MASK, NOBODY, Sightings

MAX_TAKERS = 3


class HandOffs:
    """Watches the prompts of this partition's shards.

    A prompt that any third account had before, or that more than `MAX_TAKERS` accounts send at once, is everybody's and
    shows nothing.
    """

    def __init__(self, everything: DetectionSettings, partition: int, partitions: int) -> None:
        self._settings = settings = everything.link
        window = everything.window
        self._within_ms = everything.group.hand_off_s * 1000
        self._window_ms = window.window_ms
        self._epoch_windows = window.windows(settings.sighting_memory_s)
        self._partition, self._partitions = np.uint64(partition), np.uint64(partitions)
        self._sightings = Sightings(
            settings.shards, settings.prompt_slots, count_several=True, partition=partition, partitions=partitions
        )
        self._open: dict[int, list[tuple[int, int]]] = {}

    def see(self, gathered: Gathering, window: int) -> list[HandOff]:
        """Note the prompts of a window; give the hand-offs that it completes, in order."""
        prompts = gathered.prompts
        keys = prompt_keys(prompts["value"])
        if self._partitions > 1:
            mine = keys % np.uint64(self._settings.shards) % self._partitions == self._partition
            prompts, keys = prompts[mine], keys[mine]
        accounts = gathered.account_keys[prompts["owner"]]
        epoch, start_ms = window // self._epoch_windows, window * self._window_ms
        values = prompts["value"].tolist()
        refused = np.flatnonzero(prompts["refused_ms"] >= 0)
        turned_away = {*self._open, *(values[at] for at in refused.tolist())}
        watched = [at for at, value in enumerate(values) if value in turned_away]
        before = dict(zip(watched, self._sightings.before(keys[watched], epoch).tolist(), strict=True))
        self._sightings.shared(keys, accounts, epoch)
        asked: dict[int, list[int]] = {}
        for at in watched:
            asked.setdefault(values[at], []).append(at)
        found: list[HandOff] = []
        for value, places in sorted(asked.items()):
            had = [before[at] for at in places]
            found += self._match(value, prompts.take(places), accounts[places].tolist(), had, start_ms)
        self._remember(prompts.take(refused), accounts[refused].tolist(), start_ms)
        return found

    def _match(self, value: int, prompts: Rows, accounts: list[int], before: list[int], start_ms: int) -> list[HandOff]:
        turned_away = list(self._open.get(value, ()))
        turned_away += [
            (account, start_ms + int(row["refused_ms"]))
            for account, row in zip(accounts, prompts, strict=True)
            if row["refused_ms"] >= 0
        ]
        users = {account for account, _ in turned_away} | set(accounts)
        if not 1 < len(users) <= MAX_TAKERS:
            return []
        known = {int(np.uint64(account) & ACCOUNT_MASK) for account, _ in turned_away} | {int(NOBODY)}
        if not known.issuperset(before):
            return []
        within_ms = self._within_ms
        found = []
        for taker, row in zip(accounts, prompts, strict=True):
            taken_ms = start_ms + int(row["first_ms"])
            givers = [
                (at_ms, giver)
                for giver, at_ms in turned_away
                if giver != taker and at_ms <= taken_ms <= at_ms + within_ms
            ]
            if givers:
                refused_ms, giver = max(givers)
                found.append(HandOff(giver, taker, taken_ms, taken_ms - refused_ms, int(row["kind"]) == BY_SHAPE))
        return found

    def _remember(self, refused: Rows, accounts: list[int], start_ms: int) -> None:
        """Keep what was refused so late that the next window may take it up."""
        from_ms = self._window_ms - self._within_ms
        self._open = {}
        for account, row in zip(accounts, refused, strict=True):
            if row["refused_ms"] >= from_ms:
                self._open.setdefault(int(row["value"]), []).append((account, start_ms + int(row["refused_ms"])))

    def snapshot(self) -> dict[str, Any]:
        """Plain data from which `restore` makes the same."""
        held = [[value, [list(pair) for pair in pairs]] for value, pairs in sorted(self._open.items())]
        return {"sightings": self._sightings.snapshot(), "open": held}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `snapshot` gave."""
        self._sightings.restore(state["sightings"])
        self._open = {value: [(pair[0], pair[1]) for pair in pairs] for value, pairs in state["open"]}
