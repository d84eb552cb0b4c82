"""What one partition tells of a window: who is loud while it is open, all active accounts once it is closed."""

from __future__ import annotations

import numpy as np

from streamer.detection.account_book import AccountBook
from streamer.detection.account_learning import DAY_MS, learn, surprise
from streamer.detection.account_rows import census, rows_of
from streamer.detection.behaviour import behaviour_of, due
from streamer.detection.early_counts import Passed
from streamer.detection.evidence import CELL, ActiveAccounts, EarlyCount
from streamer.detection.identities import Identities, prompts_of, refused_in
from streamer.detection.open_window import Columns, OpenWindow
from streamer.detection.profile import put_rows
from streamer.detection.segments import Segments
from streamer.detection.settings import DetectionSettings


class Telling:
    """Describes the accounts of windows, and lets their records take in what is closed."""

    def __init__(self, settings: DetectionSettings, book: AccountBook) -> None:
        self._settings = settings.account
        self._window_ms = settings.window.window_ms
        self._book = book
        self._identities = Identities(settings.reference.strata, settings.link.disabled_kinds)

    def early(self, window: int, seen: OpenWindow, passed: Passed) -> list[EarlyCount]:
        """Describe accounts that passed a bound in an open window."""
        start_ms = window * self._window_ms
        names = seen.account_ids()
        account_ids = [names[at] for at in passed.place.tolist()]
        known = self._book.look(account_ids, start_ms)
        # To as many digits as a row has.
        odd = surprise(known, passed.bound).astype(np.float32)
        first_ms = np.where(known["requests"] > 0, known["first_ms"], start_ms)
        columns = (known["key"], passed.bound, odd, first_ms, known["requests"] + passed.bound, known["output_tokens"])
        return [EarlyCount(*told) for told in zip(account_ids, *(column.tolist() for column in columns), strict=True)]

    def closed(self, window: int, seen: Columns, cut: Segments) -> tuple[ActiveAccounts, bytes]:
        """Learn what a window brought; give its active accounts, and the cells of the census (`evidence.CELL`)."""
        start_ms = window * self._window_ms
        end_ms = start_ms + self._window_ms
        account_ids = seen.account_ids
        slots = self._book.open(account_ids, cut.first_ms, start_ms)
        state = self._book.rows.take(slots)
        odd, before_ms = surprise(state, cut.counts), state["last_ms"].copy()
        who = self._identities.of(seen)
        learn(state, cut, who.origins, start_ms, self._settings)
        rows = rows_of(state, cut, end_ms, odd, who.created_ms)
        rows["stratum"], rows["organization"], rows["place"] = who.stratum, who.organization, who.place
        rows["before_ms"], rows["model"] = before_ms, who.model
        day = (end_ms - 1) // DAY_MS
        daily = day > state["census_day"]
        state["census_day"] = np.maximum(day, state["census_day"])
        told = np.flatnonzero(due(state, cut.counts, start_ms))
        behaviour = behaviour_of(state.take(told), end_ms, who.created_ms[told])
        put_rows(self._book.rows, slots, state)
        prompts = prompts_of(seen, cut, start_ms)
        codes, counts = census(rows, daily, refused_in(prompts))
        cells = np.empty(len(codes), dtype=CELL)
        cells["code"], cells["count"] = codes, counts
        active = ActiveAccounts(
            account_ids,
            rows.tobytes(),
            who.models,
            who.links,
            who.uses.tobytes(),
            prompts.tobytes(),
            behaviour.tobytes(),
        )
        return active, cells.tobytes()
