"""A small world with a population to judge by, and accounts in it that hammer: new ones, and at a window's edge."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from streamer.detection.request import RequestRecord
from streamer.detection.settings import DetectionSettings, ReferenceSettings
from tests.detection.traffic import HOUR_MS, START_MS, settings

SETTINGS: DetectionSettings = replace(
    settings(), reference=ReferenceSettings(epoch_s=3600, warm_up_s=4 * 3600, min_accounts=20, min_stratum_accounts=20)
)
WINDOW_MS, LATENESS_MS = SETTINGS.window.window_ms, SETTINGS.window.lateness_s * 1000
MINUTE_MS = 60_000
# Everybody is judged by now; a window begins here.
NOON_MS = START_MS + 36 * HOUR_MS
HOURS = 37
PEOPLE = 60


def people() -> list[RequestRecord]:
    """Sixty people who ask now and then, and one who once asked twenty times within a minute."""
    rng = np.random.default_rng(4)
    found = [
        RequestRecord(f"p{number}-{hour}", START_MS + hour * HOUR_MS + int(rng.integers(0, HOUR_MS)), f"p{number}", "m")
        for number in range(PEOPLE)
        for hour in range(number % 3, HOURS, 3)
    ]
    return found + hammer("p0", 8 * HOUR_MS - 36 * HOUR_MS, 20, 3000)


def hammer(account_id: str, offset_ms: int, count: int, gap_ms: int) -> list[RequestRecord]:
    """So many requests of one account, evenly, from an offset to `NOON_MS` on."""
    return [
        RequestRecord(
            f"{account_id}-{offset_ms}-{number}",
            NOON_MS + offset_ms + number * gap_ms,
            account_id,
            "m",
            output_tokens=7,
        )
        for number in range(count)
    ]


def ordered(*parts: list[RequestRecord]) -> list[RequestRecord]:
    """All of them, in the order of time."""
    return sorted((r for part in parts for r in part), key=lambda request: (request.timestamp_ms, request.event_id))


def world() -> list[RequestRecord]:
    """The people, and some who hammer."""
    return ordered(
        people(),
        hammer("new", 6 * MINUTE_MS, 900, 150),  # from the sixth minute to the eighth
        hammer("p1", -4 * MINUTE_MS, 1500, 600),  # over three windows
        hammer("edge", 9 * MINUTE_MS, 200, 295),  # the last second of the window
        hammer("less", 1 * MINUTE_MS, 199, 2000),  # one too few
        hammer("p2", 21 * MINUTE_MS, 250, 800),  # no more than for the record
        hammer("two", 31 * MINUTE_MS, 398, 4 * 750),  # as many as a warning needs, but in two windows
    )
