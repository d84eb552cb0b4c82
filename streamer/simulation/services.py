"""Honest programs of many hands, and gateways that sit between people and the service."""

from __future__ import annotations

from typing import Final

from streamer.simulation.programs import COMPANY, SDK
from streamer.simulation.traits import Content, HonestTraits, Identity

SERVICES: Final[dict[str, HonestTraits]] = {
    # Products of independent developers with users all over the world: a program that asks once, at any hour.
    "app": HonestTraits(
        identity=Identity(
            stacks=SDK,
            networks={"cloud": 0.75, "home": 0.15, "office": 0.1},
            plans={"payg": 0.6, "subscription": 0.25, "enterprise": 0.15},
            lease_days=12.0,
            second_place=0.15,
        ),
        content=Content(
            turns_mu=0.0,
            turns_sigma=0.35,
            pause_mu=3.0,
            lengths={"conversation": 0.25, "code": 0.1, "context": 0.3, "long": 0.35},
            capabilities=(0.35, 0.2, 0.15, 0.1, 0.05, 0.08, 0.05, 0.02),
            focus=0.4,
            template_ratio=0.5,
            templates=4,
            template_flips=10,
            common_ratio=0.03,
            repeat_ratio=0.05,
            warm_ratio=0.5,
            system={"own": 0.75, "none": 0.25},
            streaming=0.6,
            languages=("en", "es", "zh", "pt", "de", "fr", "ja", "ko", "id", "ru", "vi", "it", "tr", "ar", "hi"),
            limited_ratio=0.012,
            retry_s=4.0,
        ),
        requests_per_day=24.0,
        requests_sigma=1.3,
        rhythm="flat",
        weekend=0.95,
        days_off=0.0,
    ),
    # Scheduled jobs of developers who do not know one another, with the SDK that everybody uses.
    "cron": HonestTraits(
        identity=Identity(
            stacks=SDK,
            networks={"cloud": 0.7, "home": 0.2, "office": 0.1},
            plans={"payg": 0.7, "subscription": 0.3},
            lease_days=40.0,
            second_place=0.0,
        ),
        content=Content(
            turns_mu=0.1,
            turns_sigma=0.6,
            pause_mu=1.0,
            pause_sigma=0.8,
            lengths={"context": 0.5, "long": 0.3, "conversation": 0.2},
            focus=0.9,
            template_ratio=0.8,
            templates=2,
            template_flips=8,
            warm_ratio=0.5,
            system={"own": 0.8, "none": 0.2},
            streaming=0.1,
        ),
        requests_per_day=18.0,
        requests_sigma=1.2,
        rhythm="scheduled",
        days_off=0.0,
    ),
    # One firm's gateway in front of its own accounts: work is spread evenly, and a 429 is answered by the next account.
    "enterprise_gateway": HonestTraits(
        identity=Identity(
            stacks=SDK,
            networks={"office": 0.4, "cloud": 0.6},
            plans={"enterprise": 1.0},
            address="shared",
            lease_days=400.0,
            second_place=0.0,
            shared=COMPANY | {"stack"},
        ),
        content=Content(system={"group": 0.5, "own": 0.2, "none": 0.3}, limited_ratio=0.02, retries=3, retry_s=3.0),
        requests_per_day=60.0,
        requests_sigma=0.2,
        group_size=14,
        rhythm="business",
        weekend=0.15,
        days_off=0.0,
        balanced=True,
    ),
    # Sells on what it buys, over accounts of its own, and says for whom.
    "reseller": HonestTraits(
        identity=Identity(
            stacks=SDK,
            networks={"cloud": 1.0},
            plans={"payg": 0.5, "enterprise": 0.5},
            address="block",
            lease_days=30.0,
            second_place=0.0,
            shared=COMPANY | {"stack"},
            age_days=400.0,
        ),
        content=Content(
            focus=0.0,
            end_users=800,
            languages=("en", "zh", "es", "pt", "de", "fr", "ja", "ru", "ko", "ar"),
            own_language=0.8,
            limited_ratio=0.02,
            retries=3,
            retry_s=3.0,
            system={"own": 0.1, "none": 0.9},
        ),
        requests_per_day=45.0,
        requests_sigma=0.3,
        group_size=16,
        rhythm="human",
        weekend=0.9,
        days_off=0.0,
        balanced=True,
    ),
}
