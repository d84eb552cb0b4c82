"""Small traffic by hand for the detector's tests: people with days and sessions, and a scheduler behind many accounts.

Written apart from the simulator: a test of the detector should not stand or fall with it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from streamer.detection.request import RequestRecord
from streamer.detection.settings import DetectionSettings, LinkSettings, ReferenceSettings, WindowSettings

START_MS = 1_780_272_000_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
MASK_64 = (1 << 64) - 1


def settings(window_s: int = 600, lateness_s: int = 300) -> DetectionSettings:
    """Settings for small worlds: the defaults but for a quick warm-up and small tables."""
    return DetectionSettings(
        window=WindowSettings(window_s=window_s, lateness_s=lateness_s),
        reference=ReferenceSettings(min_accounts=100, min_stratum_accounts=50),
        link=LinkSettings(shards=16, sighting_slots=4096),
    )


@dataclass(frozen=True, slots=True)
class Campaign:
    """Accounts that one scheduler uses evenly, round the clock."""

    accounts: int = 40
    start_ms: int = START_MS + 2 * DAY_MS
    per_day: float = 40.0
    templates: int = 3
    payments: int = 4
    prefix: str = "c"
    refused_ratio: float = 0.0


def _person(rng: np.random.Generator, number: int, days: int) -> list[RequestRecord]:
    zone, habit = int(rng.integers(0, 24)), float(rng.lognormal(1.2, 1.0))
    created = START_MS - int(rng.integers(0, 400)) * DAY_MS
    stack = f"client/{min(7, int(rng.exponential(2)))}"
    address = f"{rng.integers(1, 220)}.{rng.integers(0, 255)}.{rng.integers(0, 255)}.{rng.integers(1, 255)}"
    tool = "coding-tool" if number % 3 == 0 else None
    found: list[RequestRecord] = []
    for day in range(days):
        for _ in range(rng.poisson(1.2)):
            time_ms = START_MS + day * DAY_MS + int((9 + rng.normal(4, 3) - zone) % 24 * HOUR_MS)
            for _ in range(1 + rng.geometric(1 / (1 + habit))):
                time_ms += int(rng.lognormal(3.5, 1.3) * 1000)
                if time_ms < START_MS + days * DAY_MS:
                    found.append(
                        RequestRecord(
                            event_id=f"p{number}-{len(found)}",
                            timestamp_ms=time_ms,
                            account_id=f"p{number}",
                            model="large",
                            plan="payg",
                            account_created_ms=created,
                            client_ip=address,
                            user_agent=stack,
                            tls_fingerprint=f"t-{stack}",
                            device_id=f"d{number}",
                            payment_fingerprint=f"pay{number}",
                            email_domain="mail.example",
                            system_prompt_hash=tool,
                            prompt_simhash=f"{rng.integers(0, MASK_64, dtype=np.uint64):016x}",
                            output_tokens=int(rng.lognormal(5, 1)),
                            status=200,
                        )
                    )
    return found


def _bot(rng: np.random.Generator, number: int, days: int, campaign: Campaign) -> list[RequestRecord]:
    end_ms = START_MS + days * DAY_MS
    count = rng.poisson(campaign.per_day * (end_ms - campaign.start_ms) / DAY_MS)
    found = []
    for position, time_ms in enumerate(np.sort(rng.integers(campaign.start_ms, end_ms, count)).tolist()):
        simhash = (0x1234_5678_90AB_CDEF * (1 + int(rng.integers(0, campaign.templates)))) & MASK_64
        for bit in rng.integers(0, 64, rng.integers(0, 3)).tolist():
            simhash ^= 1 << bit
        name = f"{campaign.prefix}{number}"
        found.append(
            RequestRecord(
                event_id=f"{name}-{position}",
                timestamp_ms=time_ms,
                account_id=name,
                model="large",
                plan="payg",
                account_created_ms=campaign.start_ms - number * HOUR_MS,
                client_ip=f"{rng.integers(1, 220)}.{rng.integers(0, 255)}.{rng.integers(0, 255)}.9",
                user_agent=f"client/{number % 4}",
                tls_fingerprint=f"t-client/{number % 4}",
                device_id=f"d-{name}",
                payment_fingerprint=f"pay-{campaign.prefix}{number % campaign.payments}",
                email_domain="mail.example",
                prompt_simhash=f"{simhash:016x}",
                output_tokens=int(rng.lognormal(5.5, 0.8)),
                status=200,
            )
        )
    return found


def _handed_over(rng: np.random.Generator, bots: list[RequestRecord], ratio: float) -> list[RequestRecord]:
    """Refuse some requests; another of the accounts sends each again within seconds."""
    if not ratio:
        return bots
    found: list[RequestRecord] = []
    for request in bots:
        if rng.random() >= ratio:
            found.append(request)
            continue
        own = f"{rng.integers(0, MASK_64, dtype=np.uint64):016x}"
        refused = request._replace(status=429, output_tokens=0, prompt_simhash=own)
        other = bots[int(rng.integers(0, len(bots)))]
        sent_ms = request.timestamp_ms + int(rng.integers(500, 20_000))
        taken = other._replace(event_id=f"{request.event_id}-again", timestamp_ms=sent_ms, prompt_simhash=own)
        found += [refused, taken]
    return found


def traffic(seed: int = 0, people: int = 400, days: int = 3, campaign: Campaign | None = None) -> list[RequestRecord]:
    """Requests of `people` and of a campaign, if any, in the order of time."""
    rng = np.random.default_rng(seed)
    found = [request for number in range(people) for request in _person(rng, number, days)]
    if campaign is not None:
        bots = [request for number in range(campaign.accounts) for request in _bot(rng, number, days, campaign)]
        found += _handed_over(rng, bots, campaign.refused_ratio)
    return sorted(found, key=lambda request: (request.timestamp_ms, request.event_id))


def shuffled(requests: list[RequestRecord], seed: int, within_ms: int) -> list[RequestRecord]:
    """The same requests as they would arrive with delays of up to `within_ms`."""
    delays = np.random.default_rng(seed).integers(0, within_ms, len(requests)).tolist()
    order = sorted(range(len(requests)), key=lambda at: (requests[at].timestamp_ms + delays[at], at))
    return [requests[at] for at in order]
