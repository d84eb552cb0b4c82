"""Gateways, Redis and a Kafka that can be killed, as other tests have them."""

from tests.limits.conftest import envoy, nginx, redis_server
from tests.mortal_kafka import broker

__all__ = ["broker", "envoy", "nginx", "redis_server"]
