"""Is this worker getting on with its work, and does it hold what it was given? Two different questions."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamer.stream.app import Runtime

STUCK_S = 120.0


def live_problem(runtime: Runtime, now_s: float) -> str | None:
    """Say why the worker does not get on, None when it does. Restoring is work, and may take its time."""
    quiet_s = now_s - runtime.ticked_at
    if quiet_s > STUCK_S:
        return f"nothing was looked after for {quiet_s:.0f} s"
    stuck = [driver.position for driver in runtime.partitions if driver.stuck_s(now_s) > STUCK_S]
    if stuck:
        names = ", ".join(f"{position.topic}/{position.partition}" for position in stuck)
        return f"nothing was taken for {STUCK_S:.0f} s, though there is something to take: {names}"
    return None


def ready_problem(runtime: Runtime) -> str | None:
    """Say why the worker does not yet do its part, None when it does."""
    waiting = [driver.position for driver in runtime.partitions if not driver.restored.is_set()]
    if waiting:
        names = ", ".join(f"{position.topic}/{position.partition}" for position in waiting)
        return f"restoring {names}"
    return None if runtime.partitions.is_ready else "no partitions assigned"
