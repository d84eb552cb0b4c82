"""Gateways and Redis, as the tests of limits find them."""

from tests.limits.conftest import envoy, nginx, redis_server

__all__ = ["envoy", "nginx", "redis_server"]
