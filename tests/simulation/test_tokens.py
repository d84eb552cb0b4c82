"""The fits against the traces they were fitted to, where those lie beside the repository."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import ndtri

from streamer.simulation import tokens

LEVELS = [0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95]
DRAWS = 40_000


def azure(path: Path) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = np.array([row[1:] for row in list(csv.reader(lines))[1:]], dtype=np.int64)
    return rows[:, 0], rows[:, 1]


def mooncake(path: Path) -> list[dict[str, list[int]]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def trace(data: Path, kind: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    if kind == "context":
        rows = mooncake(data / "mooncake_conversation.jsonl.gz")
        return np.array([row["input_length"] for row in rows]), np.array([row["output_length"] for row in rows])
    return azure(data / {"conversation": "azure_llm_2023_conv.csv.gz", "code": "azure_llm_2023_code.csv.gz"}[kind])


@pytest.mark.parametrize("kind", ["conversation", "code", "context"])
def test_lengths_have_the_quantiles_of_the_trace(shared_data: Path, kind: str) -> None:
    uniforms = np.random.default_rng(1).random(DRAWS)
    kinds = np.full(DRAWS, tokens.KIND_NAMES.index(kind))
    real_input, real_output = trace(shared_data, kind)
    for drawn, real in (
        (tokens.input_tokens(kinds, uniforms), real_input),
        (tokens.output_tokens(kinds, uniforms), real_output),
    ):
        ours, theirs = np.quantile(drawn, LEVELS), np.quantile(real, LEVELS)
        np.testing.assert_allclose(ours, theirs, rtol=0.12, atol=2)


def follow_ups(rows: list[dict[str, list[int]]]) -> tuple[list[float], list[float], list[int]]:
    """Pauses (s), cached shares, turns: a request follows the one whose blocks it repeats."""
    last: dict[int, int] = {}
    conversation: list[int] = []
    pauses, shares = [], []
    stamps = [int(str(row["timestamp"])) for row in rows]
    for index, row in enumerate(rows):
        blocks = row["hash_ids"]
        depth = next((d for d in range(len(blocks) - 1, 2, -1) if blocks[d - 1] in last), None)
        if depth is None:
            conversation.append(index)
        else:
            before = last[blocks[depth - 1]]
            conversation.append(conversation[before])
            pauses.append((stamps[index] - stamps[before]) / 1000)
            shares.append(min(1.0, depth * 512 / int(str(row["input_length"]))))
        last.update(dict.fromkeys(blocks, index))
    return pauses, shares, np.unique(conversation, return_counts=True)[1].tolist()


def test_conversations_have_the_shape_of_the_trace(shared_data: Path) -> None:
    pauses, shares, turns = follow_ups(mooncake(shared_data / "mooncake_conversation.jsonl.gz"))
    levels = [0.25, 0.5, 0.75, 0.9]
    pause_fit = np.exp(tokens.PAUSE_MU + tokens.PAUSE_SIGMA * ndtri(levels))
    np.testing.assert_allclose(pause_fit, np.quantile(pauses, levels), rtol=0.15)
    np.testing.assert_allclose(tokens.cached_ratio(np.array(levels)), np.quantile(shares, levels), rtol=0.03)
    draws = tokens.turns(tokens.TURNS_MU, tokens.TURNS_SIGMA, np.random.default_rng(1).standard_normal(DRAWS))
    np.testing.assert_allclose(np.quantile(draws, [0.5, 0.75, 0.9, 0.95, 0.99]), [1, 2, 3, 4, 7], atol=1)
    np.testing.assert_allclose(draws.mean(), np.mean(turns), rtol=0.1)


def test_turns_are_never_fewer_than_one() -> None:
    assert tokens.turns(-3.0, 0.5, np.linspace(-4, 4, 50)).min() == 1
    assert tokens.mean_turns(0.0, 0.0) == 1.0
