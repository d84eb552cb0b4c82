"""A Kafka that can be killed."""

from tests.mortal_kafka import broker

__all__ = ["broker"]
