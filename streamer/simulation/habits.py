"""How people of one class differ: some always ask once, some write in many languages, some reuse long prompts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from streamer.simulation import tokens
from streamer.simulation.catalogue import LANGUAGES
from streamer.simulation.randomness import mix, normal, pick, uniform

if TYPE_CHECKING:
    from streamer.simulation.randomness import Integers, Reals, Words
    from streamer.simulation.traits import Content

_TURNS_SPREAD: Final = 0.6
_PAUSE_SPREAD: Final = 0.7
_PROJECTS: Final = 5
_FOREIGN: Final = 0.35
_SPOKEN: Final = 1 / np.arange(1, len(LANGUAGES) + 1)
_GRID: Final = np.linspace(-4, 4, 33)


class Habits:
    """Habits of each account of a population; with no `variety` everyone does as the class does."""

    def __init__(self, content: Content, salt: int, count: int, variety: float) -> None:
        index = np.arange(count)
        self._variety = variety
        self.turns_mu: Reals = np.full(count, content.turns_mu)
        self.mean_turns: Reals = np.full(count, tokens.mean_turns(content.turns_mu, content.turns_sigma))
        self.warm_ratio: Reals = np.full(count, content.warm_ratio)
        self.pause_mu: Reals = np.full(count, content.pause_mu)
        self._projects: Integers = np.ones(count, dtype=np.int64)
        if not variety:
            return
        self._projects += (variety * _PROJECTS * uniform(mix(salt, 49, index)) ** 2).astype(np.int64)
        person = normal(mix(salt, 28, index))
        if content.turns_sigma:
            spread = _TURNS_SPREAD * variety
            self.turns_mu = content.turns_mu + spread * person
            means = [tokens.mean_turns(content.turns_mu + spread * at, content.turns_sigma) for at in _GRID]
            self.mean_turns = np.interp(person, _GRID, means)
        self.pause_mu = content.pause_mu + _PAUSE_SPREAD * variety * normal(mix(salt, 48, index))
        reuse = uniform(mix(salt, 29, index)) ** 2
        self.warm_ratio = (1 - variety) * content.warm_ratio + variety * (0.5 * content.warm_ratio + 0.8 * reuse)
        # A letter to translate, a manual, or a short prompt that the classifier takes for another language.
        self._foreign: Reals = _FOREIGN * variety * uniform(mix(salt, 30, index)) ** 2

    def project(self, owner: Integers, session: Words) -> Integers:
        """Which of its projects an account works on in a session; the first most often."""
        return np.asarray(self._projects[owner] * uniform(mix(session, 50)) ** 2, dtype=np.int64)

    def languages(
        self, rng: np.random.Generator, language: Integers, owner: Integers, conversation: Integers
    ) -> Integers:
        """Language of each request, some conversations being in another one than usual."""
        if not self._variety or not len(conversation):
            return language
        conversations = int(conversation[-1]) + 1
        first = np.searchsorted(conversation, np.arange(conversations))
        foreign = rng.random(conversations) < self._foreign[owner[first]]
        other = pick(_SPOKEN, rng.random(conversations))
        return np.where(foreign[conversation], other[conversation], language)
