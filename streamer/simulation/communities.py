"""Honest people who have something in common: a place, a card, a firm, a tool, an occasion."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from streamer.simulation.programs import COMPANY
from streamer.simulation.traits import Content, HonestTraits, Identity

TOOL_CONTENT: Final = Content(
    turns_mu=1.3,
    turns_sigma=1.0,
    pause_mu=3.2,
    pause_sigma=1.1,
    lengths={"code": 0.4, "context": 0.45, "long": 0.15},
    capabilities=(0.72, 0.18, 0.04, 0.02, 0.0, 0.02, 0.02, 0.0),
    focus=0.7,
    repeat_ratio=0.4,
    system={"tool": 0.93, "own": 0.07},
    max_tokens={8192: 0.4, 16384: 0.25, 32000: 0.35},
    streaming=0.95,
    limited_ratio=0.01,
)
_PLACE: Final = frozenset({"country", "network"})
_MANY_LANGUAGES: Final = ("en", "es", "zh", "de", "fr", "pt", "ja", "ko", "it", "vi", "ru", "id", "pl", "tr")

COMMUNITIES: Final[dict[str, HonestTraits]] = {
    # Students behind the one address of their university: no course, no common task, accounts of any age.
    "campus": HonestTraits(
        identity=Identity(
            stacks={"web": 0.75, "mobile": 0.15, "tool": 0.1},
            networks={"office": 1.0},
            plans={"education": 0.5, "free": 0.4, "subscription": 0.1},
            address="shared",
            lease_days=400.0,
            second_place=0.8,
            shared=_PLACE | {"mail"},
        ),
        requests_per_day=6.0,
        group_size=180,
        weekend=0.6,
    ),
    # Strangers behind the few exits of one virtual private network.
    "vpn": HonestTraits(
        identity=Identity(
            stacks={"web": 0.45, "mobile": 0.15, "sdk": 0.25, "tool": 0.15},
            networks={"vpn": 1.0},
            address="shared",
            lease_days=3.0,
            second_place=0.3,
            shared=_PLACE,
            anywhere=True,
        ),
        group_size=45,
    ),
    # Parents and children: one card, one address, a device each.
    "family": HonestTraits(
        identity=Identity(
            stacks={"web": 0.6, "mobile": 0.4},
            networks={"home": 1.0},
            plans={"subscription": 0.85, "free": 0.15},
            address="shared",
            lease_days=20.0,
            second_place=0.6,
            shared=_PLACE | {"payment", "language"},
        ),
        group_size=3,
        weekend=1.2,
    ),
    # A support desk that never closes: one firm, few accounts, everyone's languages, prepared answers.
    "shift_team": HonestTraits(
        identity=Identity(
            stacks={"web": 1.0},
            networks={"office": 1.0},
            plans={"subscription": 0.7, "enterprise": 0.3},
            address="shared",
            lease_days=90.0,
            second_place=0.05,
            shared=COMPANY,
        ),
        content=Content(
            turns_mu=0.5,
            capabilities=(0.03, 0.02, 0.03, 0.4, 0.22, 0.05, 0.25, 0.0),
            template_ratio=0.35,
            templates=12,
            shared_templates=True,
            system={"web": 0.4, "group": 0.6},
            languages=_MANY_LANGUAGES[:10],
            own_language=0.9,
        ),
        requests_per_day=38.0,
        requests_sigma=0.3,
        group_size=9,
        rhythm="shifts",
        weekend=0.85,
        days_off=0.25,
    ),
    # Freelance translators, each with several languages.
    "translator": HonestTraits(
        identity=Identity(stacks={"web": 0.6, "sdk": 0.25, "tool": 0.15}),
        content=Content(
            capabilities=(0.05, 0.02, 0.02, 0.2, 0.6, 0.06, 0.05, 0.0),
            languages=_MANY_LANGUAGES,
            own_language=0.9,
            template_ratio=0.4,
        ),
        requests_per_day=14.0,
        rhythm="business",
        weekend=0.4,
    ),
    # A popular open source tool has a new release: one day later its users send its new system prompt and templates.
    "tool_release": HonestTraits(
        identity=Identity(stacks={"tool": 1.0}, plans={"subscription": 0.6, "payg": 0.4}, second_place=0.1),
        content=TOOL_CONTENT,
        revised=replace(
            TOOL_CONTENT,
            system={"group": 0.9, "tool": 0.1},
            template_ratio=0.3,
            templates=5,
            template_flips=6,
            shared_templates=True,
        ),
        requests_per_day=14.0,
        group_size=100_000,
        rhythm="business",
        weekend=0.6,
    ),
    # An afternoon in which everyone pastes what the speaker shows.
    "webinar": HonestTraits(
        identity=Identity(just_joined=0.5),
        content=Content(turns_mu=0.9, pause_mu=4.0, template_ratio=0.7, template_flips=1, shared_templates=True),
        requests_per_day=70.0,
        requests_sigma=0.6,
        group_size=140,
        rhythm="flat",
        weekend=1.0,
        days_off=0.0,
        group_days=0.2,
        event=True,
        event_hour=14.0,
    ),
    # A game jam on the web: strangers from everywhere build on one starter kit for two days, each on a card of its own.
    "game_jam": HonestTraits(
        identity=Identity(
            stacks={"sdk": 0.5, "tool": 0.3, "web": 0.2},
            plans={"payg": 0.5, "free": 0.3, "subscription": 0.2},
            second_place=0.2,
            just_joined=0.75,
        ),
        content=Content(
            turns_mu=0.9,
            pause_mu=3.6,
            template_ratio=0.35,
            templates=5,
            shared_templates=True,
            system={"group": 0.6, "own": 0.4},
            capabilities=(0.46, 0.22, 0.06, 0.1, 0.01, 0.03, 0.04, 0.08),
            limited_ratio=0.03,
        ),
        requests_per_day=60.0,
        requests_sigma=1.0,
        group_size=80,
        rhythm="sleepless",
        weekend=1.0,
        days_off=0.0,
        group_days=2.0,
        event=True,
        event_hour=17.0,
        stagger_days=0.1,
    ),
    # A newspaper writes about the service: strangers sign up within hours, and most lose interest.
    "press_day": HonestTraits(
        identity=Identity(signup_spread_days=0.6),
        requests_per_day=9.0,
        group_size=100_000,
        days_off=0.1,
        fade_days=3.0,
        event=True,
    ),
    # A letter to customers of old: accounts that were quiet for months are used again.
    "returning": HonestTraits(
        identity=Identity(age_days=400.0, newcomers=0.0),
        requests_per_day=8.0,
        group_size=100_000,
        days_off=0.1,
        event=True,
        stagger_days=0.5,
        fade_days=6.0,
    ),
    # One person with two or three free accounts, who goes on with the next one when the first has reached its limit.
    "several_accounts": HonestTraits(
        identity=Identity(
            stacks={"web": 0.8, "mobile": 0.2},
            networks={"home": 1.0},
            plans={"free": 0.9, "subscription": 0.1},
            address="shared",
            second_place=0.0,
            shared=_PLACE | {"device", "language", "stack"},
            disposable_mail=4.0,
            newcomers=0.0,
        ),
        content=Content(limited_ratio=0.05, retry_s=25.0),
        requests_per_day=12.0,
        requests_sigma=0.3,
        group_size=2,
        days_off=0.2,
        balanced=True,
    ),
}
