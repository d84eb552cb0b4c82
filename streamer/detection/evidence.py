"""What one stage tells the next: plain named tuples of numbers, texts and bytes, which cross a topic as they are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from streamer.detection.behaviour import BEHAVIOUR
from streamer.detection.links import Keys, Link
from streamer.detection.profile import MEMBER, ROW, Rows

USE = np.dtype([("owner", "<u4"), ("link", "<u4")])
PROMPT = np.dtype(
    [("value", "<u8"), ("owner", "<u4"), ("first_ms", "<i4"), ("refused_ms", "<i4"), ("kind", "<u1"), ("pad", "V3")]
)
CELL = np.dtype([("code", "<u4"), ("count", "<u4")])


class ActiveAccounts(NamedTuple):
    """The accounts that were active in a window, with what they may share.

    `rows` are of `profile.ROW`, in the order of `account_ids`; `uses` say which of `links` an account was on; `prompts`
    say which prompts it sent, when first (ms into the window) and when it was first refused (-1 if it was not);
    `behaviour` is of `behaviour.BEHAVIOUR`, of those accounts whose turn it is.
    """

    account_ids: list[str]
    rows: bytes
    models: list[tuple[str, ...]]
    links: list[Link]
    uses: bytes
    prompts: bytes
    behaviour: bytes = b""

    def table(self) -> Rows:
        """Give the rows as a table."""
        return np.frombuffer(self.rows, dtype=ROW)


NOBODY = ActiveAccounts([], b"", [], [], b"", b"")


class EarlyCount(NamedTuple):
    """One account that made at least so many `requests` in a window that is still open.

    `surprise` is of that many; the totals are those of the windows before it, and these `requests`.
    """

    account_id: str
    key: int
    requests: int
    surprise: float
    first_seen_ms: int
    total_requests: int
    total_output_tokens: int


class WindowReport(NamedTuple):
    """All that one partition of the input has to say of one window and, by silence, of those before it.

    `summary` holds the counts (`CELL`) that it adds to the population. `last` is False on all but the last chunk of a
    window; only the last one counts as progress. `idle` says that the partition has nothing more for now, so that
    nobody should wait for it. What is `early` comes before the window closes, in reports that say nothing else.
    """

    partition: int
    window: int
    active: ActiveAccounts = NOBODY
    summary: bytes = b""
    idle: bool = False
    last: bool = True
    early: list[EarlyCount] = []  # noqa: RUF012 - never changed


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

    def accounts(self) -> list[int]:
        """Give the same as plain numbers."""
        return memoryview(self.members).cast("Q").tolist()


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


class Behaviours(NamedTuple):
    """How accounts behave, of those whose turn it is; `rows` are of `behaviour.BEHAVIOUR`."""

    account_ids: list[str]
    rows: bytes

    def table(self) -> Rows:
        """Give the rows as a table."""
        return np.frombuffer(self.rows, dtype=BEHAVIOUR)


class Burst(NamedTuple):
    """One account far beyond everybody."""

    account_id: str
    key: int
    log10_p: float
    evidence: EvidenceItem


class EarlyBurst(NamedTuple):
    """A burst in a window that is still open, which can only grow; the rest is of the account, as far as is known."""

    burst: Burst
    first_seen_ms: int
    total_requests: int
    total_output_tokens: int


class Saying(NamedTuple):
    """One thing that a person said: `confirm` or `dismiss` an alert; `saying_id` tells a repeat."""

    saying_id: str
    action: str
    alert_id: str
    author: str
    reason: str


class Moves(NamedTuple):
    """Who moved in a window to a model that was new to everybody in window `since`.

    Only accounts that were there before it count: `active` of them were so for the first time since, and those whose
    keys `moved` has used it for the first time.
    """

    model: str
    since: int
    active: int
    moved: bytes

    def keys(self) -> Keys:
        """Give the keys of the accounts that moved."""
        return np.frombuffer(self.moved, dtype=np.uint64)


class LeadReport(NamedTuple):
    """All that one link partition has to say of one window; `tests` counts the groups that were judged in it.

    `refused` counts the refused requests of the whole population with and without a prompt's hash, `active` its
    accounts that were active in the window. What people said comes in reports of no window, which are nobody's progress
    (`last` is False); what is `early` likewise. `newcomers` are accounts first seen of late, of those whose behaviour
    is told.
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
    behaviours: Behaviours = Behaviours([], b"")
    early: list[EarlyBurst] = []  # noqa: RUF012
    moves: list[Moves] = []  # noqa: RUF012
    active: int = 0
    newcomers: WatchedAccounts = WatchedAccounts([], b"", [])

    def says_anything(self) -> bool:
        """Whether there is anything in it to be decided when its window closes."""
        told = self.leads or self.watched.account_ids or self.behaviours.account_ids
        return bool(told or self.newcomers.account_ids or self.tests or self.moves or self.active or any(self.refused))
