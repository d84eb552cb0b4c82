"""Lengths, turns and pauses of requests, fitted to public traces.

`CONVERSATION` and `CODE` are quantiles of the Azure LLM inference traces of 2023 (Microsoft, CC BY 4.0,
github.com/Azure/AzurePublicDataset), `CONTEXT` of the Mooncake conversation trace (Moonshot AI, Apache-2.0,
github.com/kvcache-ai/Mooncake). Turns, pauses and the cached share of a follow-up are fitted to Mooncake, where a
request follows another if it starts with that one's blocks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from scipy.special import ndtri

if TYPE_CHECKING:
    from streamer.simulation.randomness import Integers, Reals

QUANTILES: Final = (0.0, 0.01, 0.05, 0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9, 0.95, 0.99, 1.0)


class Lengths(NamedTuple):
    """Input and output tokens at `QUANTILES`; the two are uncorrelated in all three traces (|rho| < 0.08)."""

    input_tokens: tuple[int, ...]
    output_tokens: tuple[int, ...]


CONVERSATION: Final = Lengths(
    (2, 29, 181, 207, 396, 703, 1020, 1071, 1189, 2734, 4083, 4142, 14050),
    (7, 16, 41, 54, 85, 103, 129, 177, 395, 424, 451, 601, 1000),
)
CODE: Final = Lengths(
    (3, 17, 75, 147, 578, 1075, 1469, 1909, 2744, 5188, 7303, 7436, 7437),
    (6, 6, 6, 7, 9, 11, 13, 16, 24, 55, 90, 251, 1899),
)
CONTEXT: Final = Lengths(
    (891, 894, 901, 964, 2306, 4993, 6909, 9570, 15367, 27367, 39550, 85400, 126195),
    (1, 3, 10, 24, 156, 291, 350, 399, 472, 597, 698, 1119, 2000),
)
# No public trace holds reasoning or document writing; a guess of the same form, so that long answers are not rare.
LONG: Final = Lengths(
    (12, 30, 70, 110, 260, 480, 700, 1050, 2300, 7200, 14000, 42000, 120000),
    (40, 120, 260, 420, 900, 1400, 1800, 2300, 3600, 6200, 8300, 15500, 32000),
)
KINDS: Final[tuple[Lengths, ...]] = (CONVERSATION, CODE, CONTEXT, LONG)
KIND_NAMES: Final = ("conversation", "code", "context", "long")

# Share of a follow-up's input that repeats its predecessor, at QUANTILES (Mooncake).
CACHED_RATIO: Final = (0.016, 0.10, 0.20, 0.36, 0.65, 0.81, 0.88, 0.92, 0.954, 0.98, 0.987, 0.995, 1.0)
# Turns are floor(exp(N(mu, sigma))), at least one; pauses between them exp(N(mu, sigma)) seconds (Mooncake).
TURNS_MU: Final = 0.22
TURNS_SIGMA: Final = 0.76
PAUSE_MU: Final = 4.84
PAUSE_SIGMA: Final = 1.05

_LOG_INPUT: Final = np.log(np.array([kind.input_tokens for kind in KINDS], dtype=np.float64))
_LOG_OUTPUT: Final = np.log(np.array([kind.output_tokens for kind in KINDS], dtype=np.float64))


def _at(table: Reals, kinds: Integers, quantile: Reals) -> Integers:
    lengths = np.empty(len(quantile), dtype=np.float64)
    for kind in range(len(KINDS)):
        chosen = kinds == kind
        if chosen.any():
            lengths[chosen] = np.interp(quantile[chosen], QUANTILES, table[kind])
    return np.rint(np.exp(lengths)).astype(np.int64)


def input_tokens(kinds: Integers, quantile: Reals) -> Integers:
    """Input lengths at the given quantiles of the given kinds (indices into `KINDS`)."""
    return _at(_LOG_INPUT, kinds, quantile)


def output_tokens(kinds: Integers, quantile: Reals) -> Integers:
    """Output lengths at the given quantiles of the given kinds (indices into `KINDS`)."""
    return _at(_LOG_OUTPUT, kinds, quantile)


def cached_ratio(quantile: Reals) -> Reals:
    """Share of a follow-up's input that is read from the cache, at the given quantiles."""
    return np.interp(quantile, QUANTILES, CACHED_RATIO)


def turns(mu: Reals | float, sigma: float, draws: Reals) -> Integers:
    """Number of requests of conversations, from standard normal draws; at least one, at most 400."""
    return np.clip(np.floor(np.exp(mu + sigma * draws)), 1, 400).astype(np.int64)


def mean_turns(mu: float, sigma: float) -> float:
    """Expected number of requests of a conversation, by the midpoints of 4,000 equally likely draws."""
    return float(turns(mu, sigma, ndtri((np.arange(4000) + 0.5) / 4000)).mean())
