"""SimHashes of last user turns: fresh prompts, common ones, and variants of templates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from streamer.simulation.randomness import mix, uniform

if TYPE_CHECKING:
    from streamer.simulation.randomness import Integers, Words
    from streamer.simulation.traits import Content

_COMMON: Final = 5_000


class Prompts:
    """Draws the prompts of one population."""

    def __init__(self, content: Content, salt: int) -> None:
        self._content = content
        self._salt = salt

    def draw(
        self, rng: np.random.Generator, owner: Integers, group: Integers, language: Integers, turn: Integers
    ) -> Words:
        """One hash per request; rows of one conversation stand together and in order of `turn`."""
        content, count = self._content, len(owner)
        prompts = self._fresh(rng, language)
        kind = rng.random(count)
        templated = kind < content.template_ratio
        # Half of all individuals have a routine; a shared template is used by everyone.
        if not content.shared_templates:
            templated &= uniform(mix(self._salt, 31, owner)) < 0.5  # noqa: PLR2004
        if templated.any():
            prompts[templated] = self._variants(rng, (group if content.shared_templates else owner)[templated])
        common = (kind >= content.template_ratio) & (kind < content.template_ratio + content.common_ratio)
        if common.any():
            rank = np.minimum(rng.zipf(1.5, int(common.sum())), _COMMON)
            prompts[common] = mix(41, rank, language[common])
        repeated = (turn > 0) & (rng.random(count) < content.repeat_ratio)
        # Each repeat takes the prompt of the nearest earlier row that is none.
        source = np.maximum.accumulate(np.where(repeated, 0, np.arange(count)))
        return prompts[source]

    def _fresh(self, rng: np.random.Generator, language: Integers) -> Words:
        drawn = rng.integers(0, 2**64, (4, len(language)), dtype=np.uint64)
        # Texts of one language share words, so their hashes agree in a few bits more than half.
        lean = drawn[0] & drawn[1] & drawn[2]
        return np.asarray((drawn[3] & ~lean) | (mix(42, language) & lean), dtype=np.uint64)

    def _variants(self, rng: np.random.Generator, scope: Integers) -> Words:
        content = self._content
        which = rng.integers(0, content.templates, len(scope))
        variants = mix(self._salt, 32, 1 if content.shared_templates else 0, scope, which)
        return flipped(rng, variants, content.template_flips)


def flipped(rng: np.random.Generator, hashes: Words, most: int) -> Words:
    """The same hashes with none to `most` of their bits changed."""
    flips = rng.integers(0, most + 1, len(hashes))
    for flip in range(most):
        bit = np.uint64(1) << rng.integers(0, 64, len(hashes), dtype=np.uint64)
        hashes = np.where(flip < flips, hashes ^ bit, hashes)
    return hashes
