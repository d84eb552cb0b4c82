"""A real Kafka, where there is one."""

from __future__ import annotations

from tests.kafka_fixture import kafka

__all__ = ["kafka"]
