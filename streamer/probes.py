"""Whether what a configuration names fits together and is to be had on this machine."""

from __future__ import annotations

import base64
import socket
from collections.abc import Iterator, Mapping

from streamer.config import StreamerConfig
from streamer.errors import StreamerError

MIN_KEY_BYTES = 16
MIN_TOKEN_BYTES = 16
MIN_SECRET_BYTES = 24


def probe(config: StreamerConfig, environment: Mapping[str, str]) -> list[StreamerError]:
    """Everything on this machine that would stop a worker with this configuration."""
    return [
        *_workers(config),
        *privacy(config, environment),
        *_token(config, environment),
        *notifying(config, environment),
        *_port(config),
    ]


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


def _token(config: StreamerConfig, environment: Mapping[str, str]) -> Iterator[StreamerError]:
    name = config.web.token_env
    length = len(environment.get(name, "").encode())
    if 0 < length < MIN_TOKEN_BYTES:
        remedy = f"allowed: a secret of at least {MIN_TOKEN_BYTES} bytes, or none at all for a page that is read-only"
        yield StreamerError(
            f"environment variable {name} (web.token_env)", f"the variable holds {length} bytes", remedy
        )


def notifying(config: StreamerConfig, environment: Mapping[str, str]) -> Iterator[StreamerError]:
    """What is wrong with how alerts are to be sent."""
    found = config.alertmanager
    if found.ends_after_s < 2 * found.resend_interval_s:
        yield StreamerError(
            "alertmanager.ends_after_s",
            f"found {found.ends_after_s:g}, so one lost call would end every alert",
            f"allowed: at least twice alertmanager.resend_interval_s ({2 * found.resend_interval_s:g})",
        )
    if found.urls and found.token_env and not environment.get(found.token_env):
        where = f"environment variable {found.token_env} (alertmanager.token_env)"
        yield StreamerError(where, "the variable is not set", "allowed: the token, the same on every worker")
    if config.webhook.url and not _is_signing_secret(environment.get(config.webhook.secret_env, "")):
        where = f"environment variable {config.webhook.secret_env} (webhook.secret_env)"
        remedy = f"allowed: whsec_ and at least {MIN_SECRET_BYTES} bytes in base64, as `openssl rand -base64 32` makes"
        yield StreamerError(where, "the variable holds no secret to sign with", remedy)


def _is_signing_secret(text: str) -> bool:
    try:
        return len(base64.b64decode(text.removeprefix("whsec_"), validate=True)) >= MIN_SECRET_BYTES
    except ValueError:
        return False


def limits(config: StreamerConfig, environment: Mapping[str, str]) -> Iterator[StreamerError]:
    """What is wrong with the key of LiteLLM's admin API, if that is to be used."""
    litellm = config.limits.litellm
    if litellm.url and not environment.get(litellm.key_env):
        found, remedy = "the variable is not set", "allowed: the key of an admin of the proxy"
        yield StreamerError(f"environment variable {litellm.key_env} (limits.litellm.key_env)", found, remedy)


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
