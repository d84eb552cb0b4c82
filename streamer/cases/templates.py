"""Prompt templates by name: the many hashes of one template and its variations are told as one.

The detector follows a template by keys made of parts of its SimHash, each with an example and a number (`hash/3`). To a
person these are one template as long as the hashes are near each other: two that have nothing to do with each other
differ in about 32 of 64 bits, and in ten or fewer once in tens of millions of pairs.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from streamer.cases.records import kind_and_value

NEAR_BITS = 10
MOST_TEMPLATES = 64
_KIND = "template"
_HASH = re.compile(r"([0-9a-f]{16})(/\d+)?")


def template_names(links: Mapping[str, int]) -> dict[str, str]:
    """For each link of a template that has another name, that name. `links` are counted; the most frequent names all.

    >>> names = template_names({"template:00000000000000ff/1": 3, "template:00000000000000fe": 2, "payment:p": 9})
    >>> sorted(names), set(names.values())
    (['template:00000000000000fe', 'template:00000000000000ff/1'], {'template:00000000000000ff'})
    """
    counts: Counter[str] = Counter()
    hashes: dict[str, str] = {}
    for link, count in links.items():
        kind, value = kind_and_value(link)
        found = _HASH.fullmatch(value) if kind == _KIND else None
        if found is not None:
            hashes[link] = found[1]
            counts[found[1]] += count
    leaders: list[tuple[int, str]] = []
    named: dict[str, str] = {}
    for value, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        number = int(value, 16)
        near = next((name for leader, name in leaders if (leader ^ number).bit_count() <= NEAR_BITS), None)
        if near is None and len(leaders) < MOST_TEMPLATES:
            leaders.append((number, value))
        named[value] = near or value
    return {link: f"{_KIND}:{named[value]}" for link, value in hashes.items() if link != f"{_KIND}:{named[value]}"}


def renamed(links: tuple[str, ...], names: Mapping[str, str]) -> tuple[str, ...]:
    """The links under their names, each once, in their order.

    >>> renamed(("a", "b", "c"), {"b": "a"})
    ('a', 'c')
    """
    return tuple(dict.fromkeys(names.get(link, link) for link in links))
