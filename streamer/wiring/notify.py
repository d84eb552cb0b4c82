"""Objects of what follows the topics of results: gauges for every worker, and whom one of them tells."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from streamer.config import StreamerConfig
from streamer.errors import ConfigError
from streamer.wiring.running import run_loop, until_signal
from streamer.wiring.settings import wall_clock_ms

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from streamer.notify.alertmanager import AlertmanagerSettings
    from streamer.notify.delivery import Deliver, Delivery
    from streamer.notify.metrics import NotifyMetrics
    from streamer.notify.notices import Wording
    from streamer.notify.notifier import Notifier

logger = logging.getLogger(__name__)


class Works(NamedTuple):
    """What is to run beside a worker, or alone: each works until cancelled and waits for a Kafka that is away."""

    runs: list[Callable[[], Coroutine[Any, Any, None]]]
    is_current: Callable[[], bool]


def notifiers(config: StreamerConfig, registry: CollectorRegistry) -> Works:
    """Everything that follows the topics of results; `is_current` tells whether they were read to their end once."""
    from streamer.notify.backoff import Backoff
    from streamer.notify.metrics import NotifyMetrics
    from streamer.notify.notifier import persistent

    metrics = NotifyMetrics(registry)
    rng = random.Random()  # noqa: S311 - it only spreads retries
    metrics.receivers.labels("alertmanager").set(len(config.alertmanager.urls))
    notifier = _notifier(config, registry, metrics, rng)
    works = {"the notifier": notifier.run}
    for name, delivery in _deliveries(config, metrics, rng):
        metrics.receivers.labels(name).set(1)
        works[f"the {name}"] = delivery.run
    runs: list[Callable[[], Coroutine[Any, Any, None]]]
    runs = [partial(persistent, run, Backoff(rng), name) for name, run in works.items()]
    return Works(runs, lambda: notifier.is_current)


def _deliveries(config: StreamerConfig, metrics: NotifyMetrics, rng: random.Random) -> Iterator[tuple[str, Delivery]]:
    from streamer.notify.backoff import Backoff
    from streamer.notify.delivery import Delivery
    from streamer.notify.webhook import FindingFile, WebhookSender

    kafka, hook = config.kafka, config.webhook
    receivers: dict[str, Deliver] = {}
    if hook.url:
        secret = os.environ.get(hook.secret_env, "")
        receivers["webhook"] = WebhookSender(hook.url, secret, hook.format, hook.timeout_s, wall_clock_ms)
    if config.siem.file:
        receivers["siem"] = FindingFile(Path(config.siem.file))
    for name, deliver in receivers.items():
        place = (kafka.bootstrap_servers, kafka.topics.alerts, f"{kafka.application}-notify-{name}")
        yield name, Delivery(name, place, deliver, metrics, Backoff(rng), time.time)


def _notifier(
    config: StreamerConfig, registry: CollectorRegistry, metrics: NotifyMetrics, rng: random.Random
) -> Notifier:
    from streamer.notify.alertmanager import AlertmanagerSender
    from streamer.notify.backoff import Backoff
    from streamer.notify.follow import FollowedTopics, Follower
    from streamer.notify.gauges import SituationGauges
    from streamer.notify.lead import Lead
    from streamer.notify.notices import Notices
    from streamer.notify.notifier import Notifier
    from streamer.notify.situation import Situation

    kafka, settings = config.kafka, _settings(config)
    situation = Situation()
    alert = config.detection.alert
    budget = {"critical": alert.critical_per_day, "warning": alert.warning_per_day, "info": alert.info_per_day}
    registry.register(SituationGauges(situation, budget, config.detection.limit.max_accounts, wall_clock_ms))
    notices = Notices(situation, _wording(config))
    sender = None
    if settings.urls:
        sender = AlertmanagerSender(settings, notices, metrics, wall_clock_ms, lambda: Backoff(rng))

    def changed(alert_ids: set[str], written_ms: int) -> None:
        if notices.update(alert_ids, written_ms) and sender is not None:
            sender.wake()

    topics = FollowedTopics(kafka.topics.alerts, kafka.topics.members, kafka.topics.limits, kafka.topics.feedback)
    follower = Follower(kafka.bootstrap_servers, topics, situation, changed)
    lead = Lead(kafka.bootstrap_servers, kafka.topics.alerts, f"{kafka.application}-notify")
    return Notifier(follower, sender, lead, metrics)


def _settings(config: StreamerConfig) -> AlertmanagerSettings:
    from streamer.notify.alertmanager import AlertmanagerSettings

    found = config.alertmanager
    token = os.environ.get(found.token_env, "") if found.token_env else ""
    return AlertmanagerSettings(found.urls, found.resend_interval_s, found.ends_after_s, found.timeout_s, token)


def _wording(config: StreamerConfig) -> Wording:
    from streamer.notify.notices import Wording

    found = config.alertmanager
    labels = dict(text.split("=", 1) for text in found.labels)
    return Wording(labels, round(found.ends_after_s * 1000), found.page_url, found.runbook_url)


def beside_worker(config: StreamerConfig, registry: CollectorRegistry) -> Callable[[], Awaitable[None]]:
    """What notifies beside a worker, which never waits for it."""
    works = notifiers(config, registry)

    async def run() -> None:
        async with asyncio.TaskGroup() as group:
            for work in works.runs:
                group.create_task(_guarded(work))

    return run


async def _guarded(work: Callable[[], Awaitable[None]]) -> None:
    try:
        await work()
    except Exception:
        # Detection goes on: an alert that cannot be told is still on its topic.
        logger.exception("notifying ended: start the worker again, or `streamer notify` beside it")


def notify(config: StreamerConfig) -> None:
    """Notify until told to stop, without a worker."""
    from prometheus_client import CollectorRegistry

    from streamer.probes import notifying
    from streamer.stream.topics import ensure_topics, require, topics_of
    from streamer.web.server import build_web, serving

    problems = list(notifying(config, os.environ))
    if problems:
        raise ConfigError(problems)
    require(ensure_topics(config.kafka.bootstrap_servers, topics_of(config.kafka), dry_run=True))
    registry = CollectorRegistry()
    works = notifiers(config, registry)
    pages = build_web(
        registry,
        live=lambda: None,
        ready=lambda: None if works.is_current() else "reading what was found so far",
    )

    async def work(stop: asyncio.Event) -> dict[str, Any]:
        async with serving(pages, config.web.host, config.alertmanager.port):
            tasks = [asyncio.ensure_future(each()) for each in works.runs]
            stopped = asyncio.ensure_future(stop.wait())
            try:
                done, _ = await asyncio.wait([*tasks, stopped], return_when=asyncio.FIRST_COMPLETED)
                for task in done - {stopped}:
                    task.result()
            finally:
                for task in (*tasks, stopped):
                    task.cancel()
                await asyncio.gather(*tasks, stopped, return_exceptions=True)
        return {}

    run_loop(until_signal(work))
