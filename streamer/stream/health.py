"""Is this worker getting on with its work, does it hold what it was given? Plain answers, and pages that give them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

if TYPE_CHECKING:
    from collections.abc import Callable

    import faust
    from prometheus_client import CollectorRegistry

    from streamer.stream.app import Runtime

STUCK_S = 120.0
OK, UNAVAILABLE = 200, 503


class Answer(NamedTuple):
    """What a probe is told."""

    status: int
    body: dict[str, Any]


def live(runtime: Runtime, now_s: float) -> Answer:
    """Say whether the worker gets on: no partition waits with work to do. Restoring is work, and takes its time."""
    quiet_s = now_s - runtime.ticked_at
    stuck = sorted(
        f"{driver.position.topic}/{driver.position.partition}"
        for driver in runtime.partitions
        if driver.stuck_s(now_s) > STUCK_S
    )
    alive = quiet_s < STUCK_S and not stuck
    return Answer(OK if alive else UNAVAILABLE, {"live": alive, "stuck": stuck, "last_tick_s": round(quiet_s, 3)})


def ready(runtime: Runtime) -> Answer:
    """Say whether every partition this worker was given is restored, and there is at least one."""
    held = {
        f"{driver.position.topic}/{driver.position.partition}": driver.restored.is_set()
        for driver in runtime.partitions
    }
    is_ready = runtime.partitions.is_ready
    return Answer(OK if is_ready else UNAVAILABLE, {"ready": is_ready, "restored": held})


def exposition(registry: CollectorRegistry) -> tuple[bytes, str]:
    """Give the metrics as Prometheus reads them, with the content type."""
    return generate_latest(registry), CONTENT_TYPE_LATEST


def add_pages(app: faust.App, runtime: Runtime, registry: CollectorRegistry, clock: Callable[[], float]) -> None:
    """Serve /metrics, /live and /ready from the application's own web server."""

    async def metrics_page(web: Any, _request: Any) -> Any:  # noqa: ANN401 - Faust ships no types
        body, content_type = exposition(registry)
        return web.bytes(body, content_type=content_type.partition(";")[0])

    async def live_page(web: Any, _request: Any) -> Any:  # noqa: ANN401
        answer = live(runtime, clock())
        return web.json(answer.body, status=answer.status)

    async def ready_page(web: Any, _request: Any) -> Any:  # noqa: ANN401
        answer = ready(runtime)
        return web.json(answer.body, status=answer.status)

    for path, page in (("/metrics", metrics_page), ("/live", live_page), ("/ready", ready_page)):
        app.page(path, name=path.strip("/"))(page)
