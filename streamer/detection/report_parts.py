"""Reports cut up: each link partition gets what it must see, and no message is larger than a topic takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from operator import itemgetter

import numpy as np
import numpy.typing as npt

from streamer.detection.behaviour import BEHAVIOUR
from streamer.detection.evidence import (
    PROMPT,
    USE,
    ActiveAccounts,
    Behaviours,
    Lead,
    LeadReport,
    WatchedAccounts,
    WindowReport,
)
from streamer.detection.links import Keys, Link, prompt_keys, template_keys
from streamer.detection.open_window import BY_HASH
from streamer.detection.profile import Rows

LINK_ROWS, KEY_BYTES = 16, 8


def split(report: WindowReport, link_partitions: int, shards: int) -> list[WindowReport]:
    """Give each link partition what it must see: every row, but of links, prompts, behaviour and early counts its own.

    Shard `key % shards` belongs to partition `shard % link_partitions`.
    """
    if link_partitions == 1:
        return [report]
    early = [
        [count for count in report.early if count.key % shards % link_partitions == target]
        for target in range(link_partitions)
    ]
    active = report.active
    if not active.account_ids:
        return [report._replace(early=own) for own in early]
    keys = np.fromiter(map(itemgetter(0), active.links), dtype=np.uint64, count=len(active.links))
    owners = partition_of(keys, shards, link_partitions)
    order, link_ends = _by_target(owners, link_partitions)
    links = [active.links[at] for at in order.tolist()]
    place = np.empty(len(owners), dtype=np.int64)
    place[order] = np.arange(len(owners)) - np.array([0, *link_ends])[owners[order]]
    uses = np.frombuffer(active.uses, dtype=USE).copy()
    of_uses, use_ends = _by_target(owners[uses["link"]], link_partitions)
    uses["link"] = place[uses["link"]]
    prompts = np.frombuffer(active.prompts, dtype=PROMPT)
    wanted = np.zeros((link_partitions, len(prompts)), dtype=np.bool_)
    wanted[partition_of(keys_of(prompts), shards, link_partitions).T, np.arange(len(prompts))] = True
    behaviour = np.frombuffer(active.behaviour, dtype=BEHAVIOUR)
    of_behaviour, behaviour_ends = _by_target(partition_of(behaviour["key"], shards, link_partitions), link_partitions)
    parts = zip(
        _cut(links, link_ends),
        _cut_rows(uses.take(of_uses), use_ends),
        _cut_rows(prompts.take(np.nonzero(wanted)[1]), wanted.sum(axis=1).cumsum().tolist()),
        _cut_rows(behaviour.take(of_behaviour), behaviour_ends),
        early,
        strict=True,
    )
    return [
        report._replace(
            active=active._replace(links=own, uses=used, prompts=asked, behaviour=told),
            early=counts,
        )
        for own, used, asked, told, counts in parts
    ]


def _by_target(targets: npt.NDArray[np.int64], count: int) -> tuple[npt.NDArray[np.int64], list[int]]:
    """Give an order by target, which else keeps the order there is, and where each target ends in it."""
    return np.argsort(targets, kind="stable"), np.bincount(targets, minlength=count).cumsum().tolist()


def _cut(values: list[Link], ends: list[int]) -> Iterator[list[Link]]:
    return (values[begin:end] for begin, end in pairwise((0, *ends)))


def _cut_rows(rows: Rows, ends: list[int]) -> Iterator[bytes]:
    plain = rows.tobytes()
    size = rows.dtype.itemsize
    return (plain[size * begin : size * end] for begin, end in pairwise((0, *ends)))


def partition_of(keys: Keys, shards: int, partitions: int) -> npt.NDArray[np.int64]:
    """Give the link partition that each key belongs to."""
    return (keys % np.uint64(shards) % np.uint64(partitions)).astype(np.int64)


def keys_of(prompts: Rows) -> Keys:
    """Give the keys of prompts, seven each: six of its template, where it has a hash, and that of the whole."""
    whole = prompt_keys(prompts["value"])[:, np.newaxis]
    templates = template_keys(prompts["value"])
    return np.concatenate((np.where((prompts["kind"] == BY_HASH)[:, np.newaxis], templates, whole), whole), axis=1)


def chunk(report: WindowReport, max_rows: int) -> list[WindowReport]:
    """Cut a report so that no part has more than `max_rows` rows; only the last part is marked last."""
    if report.early:
        return [report._replace(early=report.early[at : at + max_rows]) for at in range(0, len(report.early), max_rows)]
    active = report.active
    count = len(active.account_ids)
    if count <= max_rows:
        return [report]
    rows = active.table()
    uses = np.frombuffer(active.uses, dtype=USE)
    prompts = np.frombuffer(active.prompts, dtype=PROMPT)
    behaviour = np.frombuffer(active.behaviour, dtype=BEHAVIOUR)
    parts = []
    for cut in range(0, count, max_rows):
        end = min(cut + max_rows, count)
        part_uses, part_prompts = (of[(of["owner"] >= cut) & (of["owner"] < end)].copy() for of in (uses, prompts))
        part_uses["owner"] -= cut
        part_prompts["owner"] -= cut
        used = np.unique(part_uses["link"])
        part_uses["link"] = np.searchsorted(used, part_uses["link"])
        models = np.unique(rows["model"][cut:end])
        part_rows = rows[cut:end].copy()
        part_rows["model"] = np.searchsorted(models, part_rows["model"])
        part = ActiveAccounts(
            active.account_ids[cut:end],
            part_rows.tobytes(),
            [active.models[at] for at in models.tolist()],
            [active.links[at] for at in used.tolist()],
            part_uses.tobytes(),
            part_prompts.tobytes(),
            behaviour[np.isin(behaviour["key"], part_rows["key"])].tobytes(),
        )
        parts.append(report._replace(active=part, summary=b"", idle=False, last=False))
    parts[-1] = parts[-1]._replace(summary=report.summary, idle=report.idle, last=report.last)
    return parts


def chunk_leads(report: LeadReport, max_rows: int) -> list[LeadReport]:
    """Cut a report so that no part tells of more than `max_rows` accounts; only the last part is marked last.

    A lead counts as its members and its link; one lead is never cut.
    """
    if report.early:
        return [report._replace(early=report.early[at : at + max_rows]) for at in range(0, len(report.early), max_rows)]
    at, new = LeadReport(report.partition, report.window), report.newcomers
    parts = [at._replace(watched=part) for part in _watched(report.watched, max_rows)]
    parts += [at._replace(newcomers=part) for part in _watched(new, max_rows)]
    ids, behaviour = report.behaviours.account_ids, report.behaviours.table()
    for cut in range(0, len(ids), max_rows):
        told = Behaviours(ids[cut : cut + max_rows], behaviour[cut : cut + max_rows].tobytes())
        parts.append(at._replace(behaviours=told))
    parts += [at._replace(leads=batch) for batch in _batches(report.leads, max_rows)]
    whole = len(report.watched.account_ids) + len(new.account_ids) + len(ids) + sum(map(_rows_of, report.leads))
    if whole <= max_rows:
        return [report]
    nobody = WatchedAccounts([], b"", [])
    rest = report._replace(leads=[], watched=nobody, behaviours=Behaviours([], b""), newcomers=nobody)
    return [*(part._replace(last=False) for part in parts), rest]


def _rows_of(lead: Lead) -> int:
    return LINK_ROWS + len(lead.members) // KEY_BYTES


def _batches(leads: Iterable[Lead], max_rows: int) -> Iterator[list[Lead]]:
    batch: list[Lead] = []
    rows = 0
    for lead in leads:
        if batch and rows + _rows_of(lead) > max_rows:
            yield batch
            batch, rows = [], 0
        batch.append(lead)
        rows += _rows_of(lead)
    if batch:
        yield batch


def _watched(watched: WatchedAccounts, max_rows: int) -> list[WatchedAccounts]:
    rows, ids = watched.table(), watched.account_ids
    cuts = range(0, len(ids), max_rows)
    return [WatchedAccounts(ids[at : at + max_rows], rows[at : at + max_rows].tobytes(), watched.models) for at in cuts]
