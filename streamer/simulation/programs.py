"""The honest classes that are programs: round the clock, repetitive, busy, and each one organization's own."""

from __future__ import annotations

from typing import Final

from streamer.simulation.traits import Content, HonestTraits, Identity

SDK: Final = {"sdk": 1.0}
_CLOUD: Final = {"cloud": 0.9, "office": 0.1}
_BATCH_CONTENT: Final = Content(
    turns_mu=0.0,
    turns_sigma=0.0,
    template_ratio=0.9,
    templates=2,
    template_flips=8,
    shared_templates=True,
    system={"group": 1.0},
    max_tokens={1024: 0.2, 2048: 0.1, 4096: 0.2, 8192: 0.25, 16384: 0.15, 32000: 0.1},
    streaming=0.05,
    limited_ratio=0.03,
    retries=3,
    own_language=0.3,
    focus=0.9,
)
COMPANY: Final = frozenset({"organization", "payment", "mail", "country", "network"})

PROGRAMS: Final[dict[str, HonestTraits]] = {
    "batch_eval": HonestTraits(
        identity=Identity(
            stacks=SDK,
            networks=_CLOUD,
            plans={"payg": 0.5, "enterprise": 0.5},
            address="block",
            lease_days=2.0,
            second_place=0.0,
            shared=COMPANY | {"stack"},
        ),
        content=_BATCH_CONTENT,
        requests_per_day=320.0,
        requests_sigma=0.8,
        group_size=4,
        rhythm="night",
        days_off=0.5,
    ),
    "synthetic_data": HonestTraits(
        identity=Identity(
            stacks=SDK,
            networks=_CLOUD,
            plans={"payg": 0.4, "enterprise": 0.6},
            address="block",
            lease_days=1.0,
            second_place=0.0,
            shared=COMPANY | {"stack"},
        ),
        content=Content(
            turns_mu=0.0,
            turns_sigma=0.0,
            lengths={"long": 0.75, "conversation": 0.25},
            output_shift=0.4,
            template_ratio=0.8,
            templates=8,
            template_flips=10,
            shared_templates=True,
            system={"group": 1.0},
            max_tokens={4096: 0.2, 8192: 0.3, 16384: 0.25, 32000: 0.25},
            streaming=0.05,
            limited_ratio=0.04,
            retries=4,
            focus=0.95,
        ),
        requests_per_day=700.0,
        requests_sigma=0.7,
        group_size=3,
        rhythm="flat",
        days_off=0.2,
    ),
    "ci": HonestTraits(
        identity=Identity(
            stacks=SDK,
            networks={"cloud": 1.0},
            plans={"payg": 0.6, "enterprise": 0.4},
            lease_days=0.02,
            roaming=True,
            second_place=0.0,
        ),
        content=Content(
            turns_mu=1.2,
            turns_sigma=0.8,
            pause_mu=1.5,
            pause_sigma=0.8,
            lengths={"code": 0.5, "context": 0.5},
            capabilities=(0.9, 0.1, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
            template_ratio=0.7,
            templates=4,
            system={"own": 0.7, "tool": 0.3},
            streaming=0.1,
            own_language=0.1,
        ),
        requests_per_day=90.0,
        requests_sigma=1.0,
        rhythm="events",
        weekend=0.4,
    ),
    "aggregator": HonestTraits(
        identity=Identity(
            stacks=SDK,
            networks={"cloud": 1.0},
            plans={"enterprise": 1.0},
            lease_days=30.0,
            second_place=0.0,
            own_mail_domain=1.0,
            age_days=500.0,
            newcomers=0.0,
        ),
        content=Content(
            system={"own": 0.5, "none": 0.5}, focus=0.0, end_users=3000, own_language=0.3, limited_ratio=0.02, retries=3
        ),
        requests_per_day=3000.0,
        requests_sigma=0.6,
        rhythm="human",
        weekend=0.9,
        days_off=0.0,
    ),
    "retry_storm": HonestTraits(
        identity=Identity(stacks=SDK, networks=_CLOUD, plans={"payg": 1.0}, lease_days=20.0, second_place=0.0),
        content=Content(
            turns_mu=0.3,
            turns_sigma=0.8,
            pause_mu=1.0,
            template_ratio=0.5,
            common_ratio=0.2,
            system={"own": 0.8, "none": 0.2},
            limited_ratio=0.35,
            error_ratio=0.03,
            retries=8,
            retry_s=1.5,
            streaming=0.2,
        ),
        requests_per_day=60.0,
        requests_sigma=0.8,
        rhythm="business",
        weekend=0.6,
    ),
}
