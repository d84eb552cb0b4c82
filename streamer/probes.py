"""Whether what a configuration names is there and fits together."""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from streamer.errors import StreamerError

if TYPE_CHECKING:
    from streamer.config import StreamerConfig

PROBE_TIMEOUT_MS = 5_000
MIN_KEY_BYTES = 16


def probe(config: StreamerConfig, environment: Mapping[str, str], *, kafka: bool = True) -> list[StreamerError]:
    """Everything that would stop a worker with this configuration; without `kafka` nothing is asked of the broker."""
    problems = [*_workers(config), *privacy(config, environment), *_port(config)]
    if kafka:
        problems += _topics(config)
    return problems


def _workers(config: StreamerConfig) -> Iterator[StreamerError]:
    partitions = config.kafka.request_partitions
    if config.stream.workers > partitions:
        yield StreamerError(
            "stream.workers",
            f"found {config.stream.workers}, more workers than the {partitions} partitions of "
            f"{config.kafka.topics.requests}: the rest would idle",
            f"allowed: at most kafka.request_partitions ({partitions}); add partitions or run fewer workers",
        )


def privacy(config: StreamerConfig, environment: Mapping[str, str]) -> Iterator[StreamerError]:
    """What is wrong with the key for pseudonyms, if they are asked for."""
    name = config.privacy.key_env
    if not config.privacy.pseudonymize:
        return
    length = len(environment.get(name, "").encode())
    if length < MIN_KEY_BYTES:
        found = f"the variable holds {length} bytes" if length else "the variable is not set"
        remedy = f"allowed: a secret of at least {MIN_KEY_BYTES} bytes in it, the same on every worker"
        yield StreamerError(f"environment variable {name} (privacy.key_env)", found, remedy)


def _port(config: StreamerConfig) -> Iterator[StreamerError]:
    host, port = config.web.host, config.web.port
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
    except OSError as error:
        found = f"found {host}:{port}, cannot listen there: {error.strerror or error}"
        yield StreamerError(
            "web.port", found, "allowed: a free port of an address of this machine; 0 takes any free one"
        )


def _topics(config: StreamerConfig) -> Iterator[StreamerError]:
    servers = config.kafka.bootstrap_servers
    try:
        with _admin(servers) as admin:
            found = {topic["name"]: len(topic["partitions"]) for topic in admin.describe_topics()}
    except KafkaError as error:
        where = f"kafka.bootstrap_servers: found {servers}"
        reason = f"no answer within {PROBE_TIMEOUT_MS / 1000:.0f} s ({type(error).__name__})"
        yield StreamerError(where, reason, "start Kafka, or name where it listens (KAFKA_BOOTSTRAP_SERVERS overrides)")
        return
    for key, wanted in _partitions(config).items():
        name = getattr(config.kafka.topics, key)
        where = f"kafka.topics.{key}: found {name}"
        if name not in found:
            yield StreamerError(where, "no such topic", "make it with `streamer topics`")
        elif wanted is not None and found[name] != wanted:
            remedy = "set the number to what the topic has, or make the topic anew with `streamer topics`"
            yield StreamerError(where, f"it has {found[name]} partitions where {wanted} are configured", remedy)


def _partitions(config: StreamerConfig) -> dict[str, int | None]:
    """How many partitions each topic must have; None where any number will do."""
    kafka = config.kafka
    wanted: dict[str, int | None] = dict.fromkeys(type(kafka.topics).model_fields)
    wanted |= {"requests": kafka.request_partitions, "state_account": kafka.request_partitions}
    wanted |= {"evidence": kafka.link_partitions, "state_link": kafka.link_partitions}
    return wanted | {"suspects": 1, "state_cluster": 1}


@contextlib.contextmanager
def _admin(servers: str) -> Iterator[KafkaAdminClient]:
    logger = logging.getLogger("kafka")
    disabled, logger.disabled = logger.disabled, True
    try:
        admin = KafkaAdminClient(
            bootstrap_servers=servers.split(","),
            bootstrap_timeout_ms=PROBE_TIMEOUT_MS,
            request_timeout_ms=PROBE_TIMEOUT_MS,
        )
        try:
            yield admin
        finally:
            admin.close()
    finally:
        logger.disabled = disabled
