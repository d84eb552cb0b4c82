"""Whom the cluster stage must see: accounts of new leads, and for some days those that a suspicion fell upon."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from streamer.detection.evidence import HandOff, Lead, WatchedAccounts
from streamer.detection.gathering import Gathering
from streamer.detection.member_table import MemberTable
from streamer.detection.settings import DetectionSettings


class Watch:
    """Keeps in mind until which window each account is watched."""

    def __init__(self, settings: DetectionSettings, members: MemberTable) -> None:
        self._least_log10_p = settings.group.lead_log10_p
        self._watch_windows = settings.window.windows(settings.link.watch_s)
        self._members = members
        self._until: dict[int, int] = {}

    def shown(self, leads: Sequence[Lead], hand_offs: Iterable[HandOff], gathered: Gathering, window: int) -> set[int]:
        """Give the accounts that the next stage must see: those of new leads, and those that are watched and active."""
        until = window + self._watch_windows
        shown = set(np.frombuffer(b"".join(lead.members for lead in leads), dtype=np.uint64).tolist())
        for lead in leads:
            if lead.log10_p <= self._least_log10_p:
                self._until.update(dict.fromkeys(lead.accounts(), until))
        for found in hand_offs:
            shown.update((found.giver, found.taker))
            self._until.update(dict.fromkeys((found.giver, found.taker), until))
        if self._until:
            shown.update(filter(self._until.__contains__, gathered.account_keys.tolist()))
        return shown

    def accounts(self, keys: set[int]) -> WatchedAccounts:
        """Give all that is known of accounts."""
        known = [key for key in sorted(keys) if key in self._members]
        rows = self._members.of(known)
        models: dict[tuple[str, ...], int] = {}
        rows["model"] = [models.setdefault(self._members.models_of(key), len(models)) for key in known]
        return WatchedAccounts([self._members.name(key) for key in known], rows.tobytes(), list(models))

    def forget(self, before_window: int) -> None:
        """Watch nobody any more whose time is over."""
        self._until = {key: until for key, until in self._until.items() if until >= before_window}

    def snapshot(self) -> list[Any]:
        """Plain data from which `restore` makes the same."""
        return sorted(self._until.items())

    def restore(self, state: list[Any]) -> None:
        """Take over what `snapshot` gave."""
        self._until = dict(state)
