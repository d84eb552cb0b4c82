"""Accounts and what ties them, from which unions grow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from streamer.detection.evidence import HandOff
from streamer.detection.lead_book import LeadBook
from streamer.detection.member_table import MemberTable
from streamer.detection.passing_rate import PassingRate
from streamer.detection.profile import PROFILE, Feature, Rows
from streamer.detection.union import Grower, Union
from tests.detection.handmade import default_settings, key_of, lead, link, watched

WINDOW = 2000
DAY = 144  # windows
VOLUME = PROFILE.index(Feature.VOLUME)


class Ground:
    """Accounts and what ties them, from which unions grow."""

    def __init__(self) -> None:
        settings = default_settings()
        self.book, self.members, self.rate = LeadBook(settings), MemberTable(), PassingRate(settings)
        self._settings = settings
        self._names: dict[int, str] = {}

    def accounts(
        self, prefix: str, count: int, *, window: int = WINDOW, score: float = 0.0, **columns: Any
    ) -> list[str]:
        """Accounts that are used alike."""
        names = [f"{prefix}{number:02}" for number in range(count)]
        self._put(names, watched(names, window, **columns).table().copy(), score)
        return names

    def strangers(self, prefix: str, count: int, **columns: Any) -> list[str]:
        """Accounts of which one asks much and the next little."""
        names = [f"{prefix}{number:02}" for number in range(count)]
        rows = watched(names, WINDOW, **columns).table().copy()
        rows["bins"][:, VOLUME] = np.arange(count) * 11 % 60
        self._put(names, rows, 0.0)
        return names

    def _put(self, names: list[str], rows: Rows, score: float) -> None:
        rows["scores"] = score
        self.members.put(rows, names, [("large",)] * len(names))
        self._names.update({key_of(name): name for name in names})

    def tie(self, names: Sequence[str], value: str, kind: str = "payment") -> None:
        self.book.add(lead(names, value, kind=kind), WINDOW)

    def passes(self, giver: str, taker: str, after_ms: int = 1200) -> None:
        self.book.pass_on(HandOff(key_of(giver), key_of(taker), 0, after_ms, by_shape=False), WINDOW)

    def grow(self, seed: Sequence[str], *values: str, kind: str = "payment") -> Union:
        grower = Grower(self._settings, self.book, self.members, self.rate, WINDOW)
        return grower.grow(map(key_of, seed), [link(value, kind) for value in values])

    def named(self, keys: Iterable[int]) -> list[str]:
        return sorted(self._names[key] for key in keys)

    def inside(self, union: Union) -> list[str]:
        return self.named(union.table.rows["key"].tolist())

    def support(self, union: Union) -> dict[str, int]:
        return {self._names[key]: count for key, count in union.support.items()}
