"""Counter-based randomness: a value is a hash of what it belongs to, so nothing has to be remembered."""

from __future__ import annotations

from typing import TypeAlias
from zlib import crc32

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

Words: TypeAlias = NDArray[np.uint64]
Integers: TypeAlias = NDArray[np.int64]
Reals: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


def words(value: ArrayLike) -> Words:
    """Any integers as unsigned 64-bit words."""
    return np.asarray(value).astype(np.uint64)


def mix(*parts: ArrayLike) -> Words:
    """Hash integers, element by element, to 64 well-mixed bits (the finalizer of SplitMix64)."""
    state = np.zeros(1, dtype=np.uint64)
    for part in parts:
        state = (state ^ words(part)) + _GOLDEN
        state = (state ^ (state >> np.uint64(30))) * _FIRST
        state = (state ^ (state >> np.uint64(27))) * _SECOND
        state = state ^ (state >> np.uint64(31))
    return state


def uniform(hashed: Words) -> Reals:
    """Hashes as numbers in (0, 1), never at either end."""
    return ((hashed >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def normal(hashed: Words) -> Reals:
    """Hashes as standard normal numbers."""
    return np.asarray(ndtri(uniform(hashed)), dtype=np.float64)


def pick(weights: ArrayLike, uniforms: Reals) -> Integers:
    """Turn uniform numbers into indices drawn with the given weights."""
    bounds = np.cumsum(np.asarray(weights, dtype=np.float64))
    drawn = np.searchsorted(bounds, uniforms * bounds[-1], side="right")
    return np.asarray(np.minimum(drawn, len(bounds) - 1), dtype=np.int64)


def salt(seed: int, *names: str) -> int:
    """A 32-bit salt for one named part of a world; parts do not move when others are added."""
    return crc32("/".join((str(seed), *names)).encode())


def generator(seed: int, *names: str) -> np.random.Generator:
    """A generator of its own for one named part of a world."""
    return np.random.default_rng([seed, *(crc32(name.encode()) for name in names)])
