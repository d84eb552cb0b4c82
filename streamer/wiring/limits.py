"""Objects of `streamer limits`."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from streamer.config import StreamerConfig
from streamer.errors import BrokerError, ConfigError, StreamerError, UsageError
from streamer.wiring.running import run_loop, until_signal
from streamer.wiring.settings import privacy_key, wall_clock_ms

if TYPE_CHECKING:
    from streamer.limits.commands import LimitDesk
    from streamer.limits.delivery import Delivery
    from streamer.limits.follow import Clocks
    from streamer.limits.intake import LimitTopics
    from streamer.limits.policy import LimitPolicy
    from streamer.limits.reader import TopicReader

MAX_ASK_EVERY_S = 5.0


def limits_serve(
    config: StreamerConfig, on_ready: Callable[[str], None], on_doubt: Callable[[str], None] = lambda _: None
) -> None:
    """Answer gateways until told to stop; `on_ready` is told where, `on_doubt` that Kafka is not there yet."""
    from prometheus_client import CollectorRegistry

    from streamer import probes
    from streamer.limits.asgi import Caller, DecisionApp
    from streamer.limits.audit import AuditLog
    from streamer.limits.decision import Decider
    from streamer.limits.delivery import Courier
    from streamer.limits.follow import Clocks, Follower, Source
    from streamer.limits.keeper import Election, Keeper
    from streamer.limits.metrics import LimitMetrics
    from streamer.limits.protocol import DecisionProtocol
    from streamer.limits.serve import build_server, listening, serve
    from streamer.limits.share import TrafficShare
    from streamer.stream.servers import require_servers

    problems = list(probes.limits(config, os.environ))
    if problems:
        raise ConfigError(problems)
    try:
        require_servers(config.kafka.bootstrap_servers)
    except BrokerError as error:
        # Whoever asks must get an answer all the same: everybody passes until Kafka is there.
        on_doubt(str(error))
    else:
        _require_topics(config, config.kafka.topics.audit)
    limits = config.limits
    metrics = LimitMetrics(CollectorRegistry())
    clocks = Clocks(time.monotonic, wall_clock_ms)
    policy, topics = policy_of(config), topics_of(config)
    share = TrafficShare(
        limits.max_traffic_ratio, limits.traffic_min_requests, limits.traffic_window_s, clocks.steady_s()
    )
    decider = Decider(policy, share, clocks.steady_s, clocks.wall_ms)
    source = Source(_reader(config), topics, policy)
    follower = Follower(source, decider, share, metrics, clocks, limits.stale_after_s)
    caller = Caller(limits.account_header, limits.api_key_header, limits.plan_header, _pseudonym(config))
    app = DecisionApp(decider, caller, metrics, live=follower.live_problem, ready=follower.ready_problem)

    async def work(stop: asyncio.Event) -> dict[str, Any]:
        listener = listening(limits.host, limits.port)
        on_ready("http://{}:{}".format(*listener.getsockname()[:2]))
        # Made here, where the loop they belong to runs.
        couriers = [Courier(delivery, metrics) for delivery in _deliveries(config, policy, clocks)]
        audit = AuditLog(config.kafka.bootstrap_servers, config.kafka.topics.audit, config.kafka.application)
        keeper = Keeper(replace(source, reader=_reader(config)), audit, couriers, metrics, clocks)
        group = f"{config.kafka.application}-limits-keeper"
        election = Election(config.kafka.bootstrap_servers, group, topics.limits, keeper)
        beside = [follower.follow(), follower.keep_time(), election.run(), *(courier.run() for courier in couriers)]
        await serve(build_server(app, DecisionProtocol), listener, beside, stop)
        return {}

    run_loop(until_signal(work))


def limits_problems(config: StreamerConfig) -> list[StreamerError]:
    """What of all that limits are delivered to cannot be reached."""
    from streamer import probes
    from streamer.limits.delivery import DeliveryError
    from streamer.limits.follow import Clocks

    async def work() -> dict[str, Any]:
        found: list[StreamerError] = list(probes.limits(config, os.environ))
        for delivery in _deliveries(config, policy_of(config), Clocks(time.monotonic, wall_clock_ms)):
            try:
                await delivery.reach()
            except DeliveryError as error:
                found.append(error)
            finally:
                await delivery.close()
        return {"found": found}

    return list(run_loop(work())["found"])


def limits_list(config: StreamerConfig) -> tuple[list[dict[str, Any]], dict[str, int], str | None]:
    """The limits in force, as topics and policy have it; how many are not, by reason; since when all are off."""
    from streamer.limits.commands import row, why_not
    from streamer.sinks.encode import rfc3339

    async def found(desk: LimitDesk) -> dict[str, Any]:
        gate = await desk.gate()
        stopped_ms = gate.switch.stopped_ms
        return {
            "rows": [row(standing) for _, standing in sorted(gate.standings.items())],
            "not": why_not(gate),
            "stopped": None if stopped_ms is None else rfc3339(stopped_ms),
        }

    done = _at_desk(config, found)
    return done["rows"], done["not"], done["stopped"]


def limits_lift(
    config: StreamerConfig, *, account: str | None, alert: str | None, real: bool, author: str, reason: str
) -> dict[str, Any]:
    """Free an account, or all accounts of an alert. `real` is an account's own name where pseudonyms are in use."""
    from streamer.limits.commands import Person

    if bool(account) == bool(alert):
        raise UsageError("streamer limits lift", "neither or both of ACCOUNT and --alert", "name one of them")
    pseudonym = _pseudonym(config) if real else None
    name = pseudonym(account) if account and pseudonym is not None else account

    def lift(desk: LimitDesk) -> Awaitable[dict[str, Any]]:
        person = Person(author, reason)
        return desk.lift_account(name, person) if name else desk.lift_alert(alert or "", person)

    return _at_desk(config, lift)


def limits_switch(config: StreamerConfig, *, stop: bool, author: str, reason: str) -> dict[str, Any]:
    """Switch all limits off, or on again."""
    from streamer.limits.commands import Person

    return _at_desk(config, lambda desk: desk.switch(stop=stop, person=Person(author, reason)))


def policy_of(config: StreamerConfig) -> LimitPolicy:
    """The policy that a configuration states."""
    from streamer.limits.policy import LimitPolicy

    limits = config.limits
    return LimitPolicy(
        mode=limits.mode,
        ladder=limits.ladder.model_dump(),
        plans={plan: rung for rung, plans in limits.plans.model_dump().items() for plan in plans},
        max_false_alarms_per_day=limits.max_false_alarms_per_day,
        requests_per_minute=limits.requests_per_minute,
        person_expires_s=limits.person_expires_s,
        lift_holds_s=limits.lift_holds_s,
        allow=frozenset([*limits.allow, *config.detection.limit.allow]),
        max_accounts=limits.max_accounts,
        max_lag_s=limits.max_lag_s,
    )


def topics_of(config: StreamerConfig) -> LimitTopics:
    """The topics that a configuration names."""
    from streamer.limits.intake import LimitTopics

    names = config.kafka.topics
    return LimitTopics(names.alerts, names.feedback, names.limits)


def _deliveries(config: StreamerConfig, policy: LimitPolicy, clocks: Clocks) -> Iterator[Delivery]:
    limits = config.limits
    if limits.redis.url:
        from redis.asyncio import Redis

        from streamer.limits.redis_delivery import RedisDelivery

        client = Redis.from_url(limits.redis.url, socket_timeout=2.0, socket_connect_timeout=2.0)
        yield RedisDelivery(client, limits.redis.prefix, policy.plans, limits.stale_after_s, clocks.wall_ms)
    if limits.litellm.url:
        from streamer.limits.litellm_delivery import LiteLLMDelivery

        admin_key = os.environ.get(limits.litellm.key_env, "")
        yield LiteLLMDelivery(limits.litellm.url, admin_key, _pseudonym(config))


def _reader(config: StreamerConfig) -> TopicReader:
    from streamer.limits.reader import TopicReader

    # Often enough to notice in good time that the topics are stale, and no oftener: it holds decisions up.
    ask_every_s = min(MAX_ASK_EVERY_S, config.limits.stale_after_s / 4)
    return TopicReader(config.kafka.bootstrap_servers, topics_of(config), time.monotonic, ask_every_s)


def _pseudonym(config: StreamerConfig) -> Callable[[str], str] | None:
    key = privacy_key(config)
    if not key:
        return None
    from streamer.sources.privacy import Pseudonymizer

    pseudonymizer = Pseudonymizer(key)
    return lambda name: pseudonymizer.identifier("account_id", name)


def _require_topics(config: StreamerConfig, *more: str) -> None:
    from streamer.stream.topics import Topic, ensure_topics, require

    topics = topics_of(config)
    wanted = [Topic(name, 1, "compact" if name == topics.limits else "delete", 0) for name in (*topics, *more)]
    # Of what size their messages may be is the workers' affair, so it is not asked for.
    require(ensure_topics(config.kafka.bootstrap_servers, wanted, dry_run=True))


def _at_desk(config: StreamerConfig, act: Callable[[LimitDesk], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
    from streamer.limits.commands import LimitDesk
    from streamer.stream.sender import KafkaSender

    topics = topics_of(config)
    servers = config.kafka.bootstrap_servers
    _require_topics(config)

    async def work() -> dict[str, Any]:
        sender = KafkaSender(servers)
        try:
            return await act(LimitDesk(policy_of(config), _reader(config), topics, sender, wall_clock_ms))
        finally:
            await sender.stop()

    return run_loop(work())
