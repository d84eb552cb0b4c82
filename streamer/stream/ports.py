"""What the driver of a partition reaches the world by, and how often."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from streamer.stream.log_reader import LogReader
    from streamer.stream.messages import Outgoing, Position


@dataclass(frozen=True, slots=True)
class Intervals:
    """How often a driver does what costs a round trip.

    Results wait for `send_s` at most. State is saved with them, `save_s` apart, and within `save_latest_s` even when
    there are none. After `quiet_s` without a message the source is asked whether there are any; after `idle_s` without
    any, and when its task agrees, the partition is idle (None: that is not for this stage to find).
    """

    send_s: float
    save_s: float
    save_latest_s: float
    quiet_s: float
    idle_s: float | None
    max_outbox_bytes: int = 16 << 20


class Sender(Protocol):
    """Sends messages and returns once the broker has them."""

    async def send(self, messages: Sequence[Outgoing]) -> None:
        """Send `messages`, in order."""


@dataclass(frozen=True, slots=True)
class Ports:
    """What a driver reaches the world by. `commit` tells the consumer group what need not be delivered again."""

    sender: Sender
    source: LogReader
    commit: Callable[[Position, int], Awaitable[None]]
    clock: Callable[[], float]
