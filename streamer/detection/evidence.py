"""What one stage tells the next: plain named tuples of numbers, texts and bytes, which cross a topic as they are."""

from __future__ import annotations

from operator import itemgetter
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from streamer.detection.links import Keys, Link, prompt_keys, template_keys
from streamer.detection.open_window import BY_HASH
from streamer.detection.profile import MEMBER, ROW, Rows

USE = np.dtype([("owner", "<u4"), ("link", "<u4")])
PROMPT = np.dtype(
    [("value", "<u8"), ("owner", "<u4"), ("first_ms", "<i4"), ("refused_ms", "<i4"), ("kind", "<u1"), ("pad", "V3")]
)
CELL = np.dtype([("code", "<u4"), ("count", "<u4")])


class ActiveAccounts(NamedTuple):
    """The accounts that were active in a window, with what they may share.

    `rows` are of `profile.ROW`, in the order of `account_ids`; `uses` say which of `links` an account was on; `prompts`
    say which prompts it sent, when first (ms into the window) and when it was first refused (-1 if it was not).
    """

    account_ids: list[str]
    rows: bytes
    models: list[tuple[str, ...]]
    links: list[Link]
    uses: bytes
    prompts: bytes

    def table(self) -> Rows:
        """Give the rows as a table."""
        return np.frombuffer(self.rows, dtype=ROW)


NOBODY = ActiveAccounts([], b"", [], [], b"", b"")


class WindowReport(NamedTuple):
    """All that one partition of the input has to say of one window and, by silence, of those before it.

    `summary` holds the counts (`CELL`) that it adds to the population. `last` is False on all but the last chunk of a
    window; only the last one counts as progress. `idle` says that the partition has nothing more for now, so that
    nobody should wait for it.
    """

    partition: int
    window: int
    active: ActiveAccounts = NOBODY
    summary: bytes = b""
    idle: bool = False
    last: bool = True


class EvidenceItem(NamedTuple):
    """One finding about a group: what was observed, what was to be expected, how improbable that is."""

    family: str
    statement: str
    observed: float
    expected: float
    log10_p: float


class Lead(NamedTuple):
    """The accounts on one link value, worth a look; `members` are account keys, `log10_p` is of a trace of control."""

    link: Link
    members: bytes
    log10_p: float

    def keys(self) -> Keys:
        """Give the keys of its accounts, in order."""
        return np.frombuffer(self.members, dtype=np.uint64)


class HandOff(NamedTuple):
    """A request that was refused at one account and sent by another within seconds; keys of accounts, times in ms.

    `after_ms` is how long after the refusal it was sent at `at_ms`.
    """

    giver: int
    taker: int
    at_ms: int
    after_ms: int
    by_shape: bool


class WatchedAccounts(NamedTuple):
    """Accounts of leads and hand-offs as they now are; `rows` are of `profile.MEMBER`."""

    account_ids: list[str]
    rows: bytes
    models: list[tuple[str, ...]]

    def table(self) -> Rows:
        """Give the rows as a table."""
        return np.frombuffer(self.rows, dtype=MEMBER)


class Burst(NamedTuple):
    """One account far beyond everybody."""

    account_id: str
    key: int
    log10_p: float
    evidence: EvidenceItem


class Saying(NamedTuple):
    """One thing that a person said: `confirm` or `dismiss` an alert; `saying_id` tells a repeat."""

    saying_id: str
    action: str
    alert_id: str
    author: str
    reason: str


class LeadReport(NamedTuple):
    """All that one link partition has to say of one window; `tests` counts the groups that were judged in it.

    `refused` counts the refused requests of the whole population with and without a prompt's hash. What people said
    comes in reports of no window, which are nobody's progress (`last` is False).
    """

    partition: int
    window: int
    leads: list[Lead] = []  # noqa: RUF012 - never changed
    hand_offs: list[HandOff] = []  # noqa: RUF012
    watched: WatchedAccounts = WatchedAccounts([], b"", [])
    bursts: list[Burst] = []  # noqa: RUF012
    tests: int = 0
    refused: tuple[int, int] = (0, 0)
    accounts: int = 0
    idle: bool = False
    last: bool = True
    sayings: list[Saying] = []  # noqa: RUF012


def split(report: WindowReport, link_partitions: int, shards: int) -> list[WindowReport]:
    """Give each link partition what it must see: every row, but of links and prompts its own only.

    Shard `key % shards` belongs to partition `shard % link_partitions`.
    """
    if link_partitions == 1:
        return [report]
    active = report.active
    uses = np.frombuffer(active.uses, dtype=USE)
    prompts = np.frombuffer(active.prompts, dtype=PROMPT)
    keys = np.fromiter(map(itemgetter(0), active.links), dtype=np.uint64, count=len(active.links))
    owners = partition_of(keys, shards, link_partitions)
    of_prompts = partition_of(keys_of(prompts), shards, link_partitions)
    found = []
    for target in range(link_partitions):
        mine = np.flatnonzero(owners == target)
        place = np.zeros(len(owners), dtype=np.uint32)
        place[mine] = np.arange(len(mine))
        used = uses[owners[uses["link"]] == target] if len(uses) else uses
        kept = used.copy()
        kept["link"] = place[used["link"]]
        part = active._replace(
            links=[active.links[at] for at in mine.tolist()],
            uses=kept.tobytes(),
            prompts=prompts[(of_prompts == target).any(axis=1)].tobytes(),
        )
        found.append(report._replace(active=part))
    return found


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
    active = report.active
    count = len(active.account_ids)
    if count <= max_rows:
        return [report]
    rows = active.table()
    uses = np.frombuffer(active.uses, dtype=USE)
    prompts = np.frombuffer(active.prompts, dtype=PROMPT)
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
        )
        parts.append(report._replace(active=part, summary=b"", idle=False, last=False))
    parts[-1] = parts[-1]._replace(summary=report.summary, idle=report.idle, last=report.last)
    return parts
