"""The honest classes: individuals, and everything that looks like a campaign and is none."""

from __future__ import annotations

from typing import Final

from streamer.simulation.communities import COMMUNITIES, TOOL_CONTENT
from streamer.simulation.programs import COMPANY, PROGRAMS
from streamer.simulation.services import SERVICES
from streamer.simulation.traits import Content, HonestTraits, Identity

CLASSES: Final[dict[str, HonestTraits]] = {
    **PROGRAMS,
    **COMMUNITIES,
    **SERVICES,
    "individual": HonestTraits(),
    "coding_tool": HonestTraits(
        identity=Identity(stacks={"tool": 1.0}, plans={"subscription": 0.7, "payg": 0.3}, second_place=0.1),
        content=TOOL_CONTENT,
        requests_per_day=16.0,
        requests_sigma=1.2,
        rhythm="business",
        weekend=0.45,
    ),
    "enterprise_nat": HonestTraits(
        identity=Identity(
            stacks={"web": 0.7, "tool": 0.3},
            networks={"office": 1.0},
            plans={"enterprise": 1.0},
            address="shared",
            lease_days=400.0,
            second_place=0.25,
            shared=COMPANY,
        ),
        requests_per_day=8.0,
        group_size=120,
        rhythm="business",
        weekend=0.06,
    ),
    "classroom": HonestTraits(
        identity=Identity(
            stacks={"web": 0.9, "sdk": 0.1},
            networks={"office": 0.7, "home": 0.3},
            plans={"education": 0.7, "free": 0.3},
            address="shared",
            lease_days=60.0,
            second_place=0.4,
            shared=frozenset({"country", "network", "mail", "language"}),
            signup_spread_days=1.0,
        ),
        content=Content(
            template_ratio=0.55, templates=6, template_flips=5, shared_templates=True, focus=0.8, pause_mu=4.3
        ),
        requests_per_day=14.0,
        requests_sigma=0.9,
        group_size=35,
        rhythm="business",
        weekend=0.15,
        group_days=5.0,
    ),
    "region": HonestTraits(
        identity=Identity(
            stacks={"mobile": 0.8, "web": 0.2},
            networks={"mobile": 1.0},
            countries=("ID",),
            plans={"free": 0.8, "subscription": 0.2},
            address="block",
            lease_days=0.5,
            second_place=0.2,
            shared=frozenset({"country", "network"}),
            signup_spread_days=1.0,
        ),
        content=Content(own_language=0.95),
        requests_per_day=5.0,
        group_size=200,
    ),
    "agency": HonestTraits(
        identity=Identity(
            stacks={"web": 0.6, "sdk": 0.4},
            networks={"home": 0.4, "office": 0.6},
            plans={"subscription": 0.6, "payg": 0.4},
            address="shared",
            lease_days=60.0,
            shared=frozenset({"payment", "mail", "country", "network"}),
            signup_spread_days=0.2,
            signup_lead_days=30.0,
        ),
        content=Content(capabilities=(0.1, 0.02, 0.03, 0.55, 0.15, 0.1, 0.05, 0.0), template_ratio=0.25),
        requests_per_day=12.0,
        group_size=6,
        rhythm="business",
        weekend=0.2,
    ),
    "hackathon": HonestTraits(
        identity=Identity(
            stacks={"sdk": 0.6, "tool": 0.25, "web": 0.15},
            networks={"office": 0.8, "home": 0.2},
            plans={"payg": 0.8, "free": 0.2},
            address="shared",
            lease_days=60.0,
            second_place=0.3,
            shared=frozenset({"payment", "country", "network"}),
            signup_spread_days=0.5,
        ),
        content=Content(
            turns_mu=0.9,
            pause_mu=3.6,
            template_ratio=0.35,
            templates=5,
            shared_templates=True,
            system={"group": 0.6, "own": 0.4},
            capabilities=(0.5, 0.3, 0.06, 0.04, 0.02, 0.04, 0.03, 0.01),
            limited_ratio=0.03,
        ),
        requests_per_day=60.0,
        requests_sigma=1.0,
        group_size=60,
        rhythm="sleepless",
        weekend=1.0,
        days_off=0.0,
        group_days=1.25,
    ),
    "launch_day": HonestTraits(
        identity=Identity(signup_spread_days=1.0),
        content=Content(adoption_days=0.1),
        requests_per_day=9.0,
        days_off=0.1,
    ),
}
