"""Whether a broker answers at all: said at once and plainly, where a client would retry in silence."""

from __future__ import annotations

import socket

from streamer.errors import BrokerError

CONNECT_S = 5.0


def require_servers(servers: str) -> None:
    """Raise a `BrokerError` unless at least one of the bootstrap servers takes a connection."""
    found = []
    for server in servers.split(","):
        host, _, port = server.strip().rpartition(":")
        try:
            with socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_S):
                return
        except (OSError, ValueError) as error:
            found.append(f"{server.strip()}: {getattr(error, 'strerror', None) or error}".lower())
    remedy = "start it, or correct kafka.bootstrap_servers"
    raise BrokerError("kafka.bootstrap_servers", f"no Kafka answers ({'; '.join(found)})", remedy)
