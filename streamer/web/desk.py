"""What the pages work on and act with."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from streamer.cases.bonds import Bonds, bonds_of
from streamer.cases.case import Case
from streamer.cases.store import CaseStore
from streamer.errors import StreamerError
from streamer.sinks.encode import Message, rfc3339
from streamer.sinks.feedback import Feedback, feedback_message
from streamer.web.access import Access

Action: TypeAlias = Literal["confirm", "dismiss", "limit", "block", "lift"]
ACTIONS: tuple[Action, ...] = get_args(Action)
SEND_S = 30.0
_REMEMBERED = 8


@dataclass(frozen=True, slots=True)
class Ports:
    """Ways out of the page: how records are sent, the clock, new ids, and how a case is handed on."""

    send: Callable[[Iterable[Message]], Awaitable[None]]
    clock_ms: Callable[[], int]
    new_id: Callable[[], str]
    exporters: Mapping[str, Callable[[Case], str]]
    feedback_topic: str
    limits_topic: str


class Desk:
    """Where a person reads cases and decides about them."""

    def __init__(self, store: CaseStore, access: Access, ports: Ports) -> None:
        self.store = store
        self.access = access
        self.exporters = ports.exporters
        self._ports = ports
        self._bonds: OrderedDict[tuple[str, tuple[int, int]], Bonds] = OrderedDict()

    async def act(self, case: Case, action: Action, *, author: str, reason: str, account_id: str | None) -> int:
        """Write down what a person decided; to lift takes effect at once. Gives the number of accounts it is about.

        Raises:
            StreamerError: the records could not be sent; nothing was done.
        """
        alert_id = case.alert.alert_id
        freed = len(case.liftable)
        said = Feedback(
            feedback_id=self._ports.new_id(),
            action=action,
            author=author,
            created_at=rfc3339(self._ports.clock_ms()),
            alert_id=alert_id,
            account_id=account_id,
            reason=reason,
        )
        lifted = (
            [state.limit.account_id for state in case.holding if account_id in (None, state.limit.account_id)]
            if action == "lift"
            else []
        )
        tombstones = [Message(self._ports.limits_topic, account.encode(), None) for account in lifted]
        try:
            async with asyncio.timeout(SEND_S):
                await self._ports.send([feedback_message(said, self._ports.feedback_topic), *tombstones])
        except Exception as error:
            found = f"could not be sent ({type(error).__name__})"
            raise StreamerError(f"{action} of {alert_id}", found, "look at Kafka, and try again") from error
        # The records come back by the topics; whoever pressed the button sees what it did before they do.
        self.store.feedback(said)
        for account in lifted:
            self.store.lift(account)
        if account_id is not None:
            return 1
        return freed if action == "lift" else len(case.live_members)

    def bonds(self, case: Case) -> Bonds:
        """How the accounts hang together; worked out once for each version of a case."""
        key = (case.alert.alert_id, case.version)
        found = self._bonds.get(key)
        if found is None:
            found = self._bonds[key] = bonds_of(case)
            while len(self._bonds) > _REMEMBERED:
                self._bonds.popitem(last=False)
        return found
