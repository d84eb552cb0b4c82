"""What one stage tells the next: plain named tuples, so that they cross a topic or a function call alike."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from streamer.detection.links import Link, template_keys

MISSING = -1


class Profile(NamedTuple):
    """An account as it stood at the end of a window in which it was active.

    The bins are positions in the population's histograms (see `population.Feature`); MISSING where there was too little
    to say. `surprise` is -log10 of the probability of this window's requests under the account's own habit.
    """

    account_id: str
    account_key: int
    window: int
    stratum: str
    organization: str | None
    first_seen_ms: int
    span_class: int
    requests: int
    requests_24h: int
    total_requests: int
    total_output_tokens: int
    volume_bin: int
    hours_bin: int
    rhythm_bin: int
    output_bin: int
    age_bin: int
    surprise: float
    models: tuple[str, ...]


class Row(NamedTuple):
    """One active account in one window: how it is, and what it may share with others."""

    profile: Profile
    links: list[Link]
    templates: list[int]


class Count(NamedTuple):
    """How many accounts of a stratum fell into one bin of a feature's histogram."""

    stratum: str
    feature: int
    bucket: int
    bin: int
    total: int


class WindowReport(NamedTuple):
    """All that one partition of the input has to say of one window and, by silence, of those before it.

    `last` is False on all but the last chunk of a window; only the last one counts as progress. `idle` says that the
    partition has nothing more for now, so that nobody should wait for it.
    """

    partition: int
    window: int
    rows: list[Row]
    summary: list[Count]
    idle: bool = False
    last: bool = True


class EvidenceItem(NamedTuple):
    """One finding about a group: what was observed, what was to be expected, how improbable that is."""

    family: str
    statement: str
    observed: float
    expected: float
    log10_p: float


class Candidate(NamedTuple):
    """An account of a suspect group; `score` is 0 (on the edge) to 1 (typical of the group)."""

    account_id: str
    score: float
    first_seen_ms: int
    total_requests: int
    total_output_tokens: int
    models: tuple[str, ...]


class Suspect(NamedTuple):
    """A group, or one account, that is improbable taken together."""

    kind: str
    link_kind: str
    link_value: str
    key: int
    window: int
    account_count: int
    candidates: list[Candidate]
    evidence: list[EvidenceItem]
    log10_p: float


class SuspectReport(NamedTuple):
    """All that one link partition has to say of one window; `tests` counts the groups that were judged in it."""

    partition: int
    window: int
    suspects: list[Suspect]
    tests: int
    population: int
    idle: bool = False
    last: bool = True


def split(report: WindowReport, link_partitions: int, shards: int) -> list[WindowReport]:
    """Give each link partition what it must see: rows with its links only; summary and progress to all.

    Shard `key % shards` belongs to partition `shard % link_partitions`; an account's own shard comes from its key.
    """
    if link_partitions == 1:
        return [report]
    rows: list[list[Row]] = [[] for _ in range(link_partitions)]
    flat = [template for row in report.rows for template in row.templates]
    targets = (template_keys(flat) % np.uint64(shards) % np.uint64(link_partitions)).tolist()
    at = 0
    for row in report.rows:
        links: dict[int, list[Link]] = {row.profile.account_key % shards % link_partitions: []}
        templates: dict[int, list[int]] = {}
        for link in row.links:
            links.setdefault(link.key % shards % link_partitions, []).append(link)
        for template in row.templates:
            for target in set(targets[at]):
                templates.setdefault(target, []).append(template)
            at += 1
        for target in sorted(links.keys() | templates.keys()):
            rows[target].append(Row(row.profile, links.get(target, []), templates.get(target, [])))
    return [report._replace(rows=part) for part in rows]


def chunk(report: WindowReport, max_rows: int) -> list[WindowReport]:
    """Cut a report so that no part has more than `max_rows` rows; only the last part is marked last."""
    if len(report.rows) <= max_rows:
        return [report]
    cuts = range(0, len(report.rows), max_rows)
    parts = [
        report._replace(rows=report.rows[cut : cut + max_rows], summary=[], idle=False, last=False) for cut in cuts
    ]
    parts[-1] = parts[-1]._replace(summary=report.summary, idle=report.idle, last=report.last)
    return parts
