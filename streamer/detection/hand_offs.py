"""Finds requests that were refused at one account and sent by another within seconds: a scheduler's failover."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from streamer.detection.evidence import HandOff
from streamer.detection.gathering import Gathering
from streamer.detection.links import Keys, prompt_keys
from streamer.detection.open_window import BY_SHAPE
from streamer.detection.profile import Rows
from streamer.detection.settings import DetectionSettings
from streamer.detection.sightings import ACCOUNT_MASK, NOBODY, Sightings

MAX_TAKERS = 3


class _Sent(NamedTuple):
    """A prompt that an account sent: when first, when it was first refused, and who had the prompt `before`."""

    value: int
    account: int
    first_ms: int
    refused_ms: int | None
    by_shape: bool
    before: int


def _sent(prompts: Rows, accounts: Keys, before: Keys, start_ms: int) -> Iterator[_Sent]:
    return map(
        _Sent,
        prompts["value"].tolist(),
        accounts.tolist(),
        [start_ms + first_ms for first_ms in prompts["first_ms"].tolist()],
        [start_ms + refused_ms if refused_ms >= 0 else None for refused_ms in prompts["refused_ms"].tolist()],
        (prompts["kind"] == BY_SHAPE).tolist(),
        before.tolist(),
    )


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
            mine = np.flatnonzero(keys % np.uint64(self._settings.shards) % self._partitions == self._partition)
            prompts, keys = prompts.take(mine), keys[mine]
        accounts = gathered.account_keys[prompts["owner"]]
        epoch, start_ms = window // self._epoch_windows, window * self._window_ms
        values = prompts["value"]
        turned_away = {*self._open, *values[prompts["refused_ms"] >= 0].tolist()}
        if not turned_away:
            self._sightings.shared(keys, accounts, epoch)
            return []
        watched = [at for at, value in enumerate(values.tolist()) if value in turned_away]
        before = self._sightings.before(keys[watched], epoch)
        self._sightings.shared(keys, accounts, epoch)
        asked: dict[int, list[_Sent]] = {}
        for sent in _sent(prompts.take(watched), accounts[watched], before, start_ms):
            asked.setdefault(sent.value, []).append(sent)
        found = [hand_off for value, sent in sorted(asked.items()) for hand_off in self._match(value, sent)]
        self._remember(asked, start_ms)
        return found

    def _match(self, value: int, asked: Sequence[_Sent]) -> Iterator[HandOff]:
        turned_away = list(self._open.get(value, ()))
        turned_away += [(sent.account, sent.refused_ms) for sent in asked if sent.refused_ms is not None]
        users = {account for account, _ in turned_away} | {sent.account for sent in asked}
        if not 1 < len(users) <= MAX_TAKERS:
            return
        known = {account & int(ACCOUNT_MASK) for account, _ in turned_away} | {int(NOBODY)}
        if not known.issuperset(sent.before for sent in asked):
            return
        for sent in asked:
            givers = [
                (at_ms, giver)
                for giver, at_ms in turned_away
                if giver != sent.account and at_ms <= sent.first_ms <= at_ms + self._within_ms
            ]
            if givers:
                refused_ms, giver = max(givers)
                yield HandOff(giver, sent.account, sent.first_ms, sent.first_ms - refused_ms, sent.by_shape)

    def _remember(self, asked: Mapping[int, Sequence[_Sent]], start_ms: int) -> None:
        """Keep what was refused so late that the next window may take it up."""
        from_ms = start_ms + self._window_ms - self._within_ms
        late = {
            value: [(s.account, s.refused_ms) for s in sent if s.refused_ms is not None and s.refused_ms >= from_ms]
            for value, sent in asked.items()
        }
        self._open = {value: refused for value, refused in late.items() if refused}

    def snapshot(self) -> dict[str, Any]:
        """Plain data from which `restore` makes the same."""
        held = [[value, [list(pair) for pair in pairs]] for value, pairs in sorted(self._open.items())]
        return {"sightings": self._sightings.snapshot(), "open": held}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `snapshot` gave."""
        self._sightings.restore(state["sightings"])
        self._open = {value: [(pair[0], pair[1]) for pair in pairs] for value, pairs in state["open"]}
