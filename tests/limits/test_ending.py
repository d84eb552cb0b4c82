"""Tasks that run for ever end when they are told to."""

from __future__ import annotations

import asyncio

from streamer.limits.ending import end


def test_a_task_that_lost_its_first_cancellation_ends_all_the_same() -> None:
    async def stubborn(lost: list[str]) -> None:
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                if lost:
                    raise
                lost.append("the first")

    async def work() -> list[str]:
        lost: list[str] = []
        task = asyncio.create_task(stubborn(lost))
        await asyncio.sleep(0)
        await end(task)
        assert task.cancelled()
        return lost

    assert asyncio.run(work()) == ["the first"]
