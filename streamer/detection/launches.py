"""Models that are new to everybody, and who moves to them in their first day."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from streamer.detection.evidence import EvidenceItem, Moves
from streamer.detection.families import Table
from streamer.detection.gathering import Gathering
from streamer.detection.links import Keys, stable_key
from streamer.detection.probability import together_log10
from streamer.detection.profile import Rows
from streamer.detection.report_parts import partition_of
from streamer.detection.settings import DAY_S, HOUR_S, DetectionSettings

MEMORY_S = 7 * DAY_S
# Clients invent names: of models that are new at once only so many are followed, and only so many names remembered.
MAX_FOLLOWED = 16
MAX_MODELS = 4096
_NONE = np.zeros(0, dtype=np.uint64)


@lru_cache(maxsize=256)
def _key_of(model: str) -> int:
    return stable_key("model", model)


class LaunchWatch:
    """Sees all rows, and tells of the accounts of its own shards; what a model is new to is the whole population."""

    def __init__(self, everything: DetectionSettings, partition: int, partitions: int) -> None:
        self._shards = everything.link.shards
        self._partition, self._partitions = partition, partitions
        self._window_ms = everything.window.window_ms
        self._day = everything.window.windows(everything.group.pivot_s)
        self._hour = everything.window.windows(HOUR_S)
        self._known: dict[int, int] = {}
        self._followed: dict[str, tuple[int, Keys]] = {}

    def see(self, gathered: Gathering, window: int, *, ready: bool) -> list[Moves]:
        """Note the models of a window; give the moves to those that are new. Before it is `ready` none is."""
        for model, (since, _) in list(self._followed.items()):
            if window >= since + self._day:
                del self._followed[model]
        for model in sorted(gathered.model_names):
            key = _key_of(model)
            is_new = key not in self._known
            self._known[key] = window
            if is_new and ready and self._has_room(window):
                self._followed[model] = window, _NONE
        if len(self._known) > MAX_MODELS:
            latest = sorted(self._known.items(), key=lambda item: (-item[1], item[0]))
            self._known = dict(latest[: MAX_MODELS // 2])
        if not self._followed:
            return []
        mine = partition_of(gathered.account_keys, self._shards, self._partitions) == self._partition
        return [self._moves(model, gathered, mine) for model in sorted(self._followed)]

    def _has_room(self, window: int) -> bool:
        """Make room if need be: what fewest moved to in an hour at least was no launch."""
        if len(self._followed) >= MAX_FOLLOWED:
            tried = [
                (len(moved), model) for model, (since, moved) in self._followed.items() if since < window - self._hour
            ]
            if not tried:
                return False
            del self._followed[min(tried)[1]]
        return True

    def _moves(self, model: str, gathered: Gathering, mine: Rows) -> Moves:
        since, moved = self._followed[model]
        rows = gathered.rows
        since_ms = since * self._window_ms
        places = np.flatnonzero(mine & (rows["first_seen_ms"] < since_ms))
        active = int((rows["before_ms"][places] < since_ms).sum())
        keys = gathered.account_keys[[at for at in places.tolist() if model in gathered.models[at]]]
        fresh = np.setdiff1d(keys, moved, assume_unique=True)
        self._followed[model] = since, np.union1d(moved, fresh)
        return Moves(model, since, active, np.sort(fresh).tobytes())

    def snapshot(self) -> dict[str, Any]:
        """Plain data from which `restore` makes the same."""
        followed = [[model, since, keys.tobytes()] for model, (since, keys) in sorted(self._followed.items())]
        return {"known": sorted(self._known.items()), "followed": followed}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `snapshot` gave."""
        self._known = dict(state["known"])
        self._followed = {model: (since, np.frombuffer(keys, dtype="<u8")) for model, since, keys in state["followed"]}


class Launches:
    """All launches of the last week: how many accounts could move to each, and which did."""

    def __init__(self, settings: DetectionSettings) -> None:
        self._settings = settings
        self._memory = settings.window.windows(MEMORY_S)
        self._of: dict[tuple[int, str], tuple[int, Keys]] = {}

    def __len__(self) -> int:
        """Count the launches that are remembered."""
        return len(self._of)

    def learn(self, window: int, moves: Iterable[Moves]) -> None:
        """Add what all partitions tell of a window."""
        for launch in [launch for launch in self._of if launch[0] < window - self._memory]:
            del self._of[launch]
        for found in moves:
            active, moved = self._of.get((found.since, found.model), (0, _NONE))
            self._of[found.since, found.model] = active + found.active, np.union1d(moved, found.keys())

    def joint_pivot(self, table: Table, clustered: Rows) -> EvidenceItem | None:
        """Test whether more of a group moved to a new model within its first day than of everybody else.

        Accounts that came after it moved from nothing and do not count. Those in clusters (`clustered`) are not
        everybody else.
        """
        found = [item for launch in sorted(self._of) if (item := self._test(launch, table.rows, clustered)) is not None]
        if not found:
            return None
        best = min(found, key=lambda item: item.log10_p)
        return best._replace(log10_p=min(0.0, best.log10_p + np.log10(len(found)).item()))

    def _test(self, launch: tuple[int, str], rows: Rows, clustered: Rows) -> EvidenceItem | None:
        since, model = launch
        active, moved = self._of[launch]
        settings = self._settings.group
        could = self._could_move(rows, since)
        left_out = np.union1d(could, self._could_move(clustered, since))
        others = active - len(left_out)
        if len(could) < settings.min_accounts or others < self._settings.reference.min_accounts:
            return None
        seen = int(np.isin(could, moved).sum())
        expected = (len(moved) - int(np.isin(left_out, moved).sum()) + 1) / (others + 2)
        log10_p = together_log10(seen, len(could), expected, settings.cause_correlation)
        statement = (
            f"{seen} of {len(could)} accounts moved to {model} within {settings.pivot_s / 3600:g} h of its first "
            f"request; of all others that were active {100 * expected:.0f}% did"
        )
        return EvidenceItem("joint_pivot", statement, round(seen / len(could), 3), round(expected, 4), log10_p)

    def _could_move(self, rows: Rows, since: int) -> Keys:
        """Give the accounts that were there before a launch and were active after it."""
        since_ms = since * self._settings.window.window_ms
        return np.unique(rows["key"][(rows["first_seen_ms"] < since_ms) & (rows["window"] >= since)])

    def snapshot(self) -> list[Any]:
        """Plain data from which `restore` makes the same."""
        return [[since, model, active, keys.tobytes()] for (since, model), (active, keys) in sorted(self._of.items())]

    def restore(self, state: Sequence[Any]) -> None:
        """Take over what `snapshot` gave."""
        self._of = {(since, model): (active, np.frombuffer(keys, "<u8")) for since, model, active, keys in state}
